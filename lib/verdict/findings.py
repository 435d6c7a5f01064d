"""What the steps of a run found so far, and what follows from it."""

from __future__ import annotations

from lib.verdict.check import Check
from lib.verdict.conclusion import Conclusion, conclude, deciding
from lib.verdict.head import HEAD
from lib.verdict.section import Section
from lib.verdict.timeline.drawing import Picture
from lib.words.brief import brief


class Findings:
    """What the steps of one run found so far.

    A step that is run again, as people do in JupyterLab, replaces what it found before. No other
    answer is ever replaced, unless a later step settles its question: a PASS hides no FAIL by chance.
    The head of the notebook, where there is one, follows them.

    Attributes:
        is_final: Whether the run's conclusion was asked for, and no step was run since.
    """

    __repr__ = brief("_sections")

    def __init__(self) -> None:
        self._sections: list[tuple[object, Section]] = []
        self.is_final = False
        HEAD.begin(self)

    def add(self, step: object, found: Section) -> Section:
        """Count what a step found, and hand it on.

        Args:
            step: Its name and its arguments, compared as they are and not as they look.
            found: What it found.
        """
        self._sections = [known for known in self._sections if not _is_same(known[0], step)]
        self._sections.append((step, found))
        self.is_final = False
        HEAD.changed(self)
        return found

    @property
    def steps(self) -> int:
        """How many were run; one that was run again counts once."""
        return len(self._sections)

    @property
    def picture(self) -> Picture | None:
        """The timeline of the step that decides, if it has one, else of the last that has."""
        decisive = deciding(self.conclude().checks)
        found = [section for _, section in self._sections]
        of_decisive = [section for section in found if decisive in section.checks]
        pictures = (each for section in [*found, *of_decisive][::-1] for each in section.exhibits)
        return next((each for each in pictures if isinstance(each, Picture)), None)

    @property
    def is_offered(self) -> bool:
        """Whether a step has planned what its form may have done."""
        return any(section.offer for _, section in self._sections)

    def end(self) -> Conclusion:
        """The conclusion, which is the run's: the head of its notebook shows it as final until a step is run again."""
        self.is_final = True
        HEAD.changed(self)
        return self.conclude()

    def conclude(self) -> Conclusion:
        """Draw the conclusion from all of them."""
        answers: list[Check] = []
        lead = None
        for _, found in self._sections:
            answers = [check for check in answers if check.id not in found.settles]
            # A step may hand on what the steps that it asked have found.
            answers += [check for check in found.checks if check not in answers]
            lead = found.checks[0] if found.leads and found.checks else lead
        return conclude(answers, lead)


def _is_same(step: object, other: object) -> bool:
    """Whether it is the same step of the same arguments; a frame among them is equal to nothing."""
    try:
        return step == other
    except ValueError:
        return False
