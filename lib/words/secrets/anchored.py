"""Kinds of text found by a literal that each holds, so that a search takes time in proportion to the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import ahocorasick

Span = tuple[int, int]


@dataclass(frozen=True)
class Kind:
    """One kind of text.

    Attributes:
        anchors: ASCII literals in lower case; each text of the kind holds one.
        span: From the text, and where in it an anchor begins, to the start and end of what is meant.
            An empty one: nothing is meant here, nor up to there.
    """

    anchors: tuple[str, ...]
    span: Callable[[str, int], Span | None]


def lowered(text: str) -> str:
    """One character of ASCII for each of the text, so that positions stay the same; a question mark for any other."""
    return text.encode("ascii", "replace").lower().decode("ascii")


class Search:
    """Looks for all anchors of all kinds in one pass."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        owners: dict[str, list[int]] = {}
        for index, kind in enumerate(kinds):
            for anchor in kind.anchors:
                owners.setdefault(anchor, []).append(index)
        self._spans = [kind.span for kind in kinds]
        self._automaton = ahocorasick.Automaton()
        for anchor, indexes in owners.items():
            self._automaton.add_word(anchor, (len(anchor), indexes))
        self._automaton.make_automaton()

    def spans(self, text: str) -> Iterator[Span]:
        """Start and end of each text of these kinds, in no order; some may overlap.

        A kind's anchor within what was found for that kind is skipped: nothing is read twice for it.
        """
        done = [0] * len(self._spans)
        for last, (length, indexes) in self._automaton.iter(lowered(text)):
            at = last - length + 1
            for index in indexes:
                if at >= done[index] and (found := self._spans[index](text, at)):
                    done[index] = found[1]
                    if found[0] < found[1]:
                        yield found


def starting(anchors: str, pattern: str) -> Kind:
    """What matches the pattern from an anchor on; anchors are separated by spaces.

    The last group that matched is what is meant, or all.
    """
    compiled = re.compile(pattern)

    def span(text: str, at: int) -> Span | None:
        match = compiled.match(text, at)
        return match.span(match.lastindex or 0) if match else None

    return Kind(tuple(dict.fromkeys(anchors.split())), span)
