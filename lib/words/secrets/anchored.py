"""Kinds of text that contain a fixed literal, the anchor, so that searching takes linear time."""

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
        anchors: ASCII literals in lower case; each text of the kind contains one.
        span: Takes the text and the position of an anchor, and returns start and end of the match.
            An empty span means no match, and none before its end.
    """

    anchors: tuple[str, ...]
    span: Callable[[str, int], Span | None]


def lowered(text: str) -> str:
    """Return the text in lower-case ASCII with the same positions; other characters become question marks."""
    return text.encode("ascii", "replace").lower().decode("ascii")


class Search:
    """Searches for the anchors of all kinds in one pass."""

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
        """Yield start and end of each match, in no order; spans of different kinds may overlap.

        Anchors inside a match of the same kind are skipped, so that no text is read twice for it.
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
    """Return a kind that matches a pattern starting at an anchor; anchors are separated by spaces.

    The match is the last group that matched, or the whole pattern without groups.
    """
    compiled = re.compile(pattern)

    def span(text: str, at: int) -> Span | None:
        match = compiled.match(text, at)
        return match.span(match.lastindex or 0) if match else None

    return Kind(tuple(dict.fromkeys(anchors.split())), span)
