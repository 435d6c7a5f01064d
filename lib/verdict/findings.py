"""What the steps of a run found so far, and the conclusion."""

from __future__ import annotations

from lib.verdict.check import Check
from lib.verdict.conclusion import Conclusion, conclude, deciding
from lib.verdict.head import HEAD
from lib.verdict.section import Section
from lib.verdict.timeline.drawing import Picture
from lib.words.brief import brief


class Findings:
    """What the steps of one run found so far.

    A step that is run again, as in JupyterLab, replaces its earlier answers. No other answer is replaced unless a later
    step settles its question, so a PASS never hides a FAIL by accident. The notebook's head, if it has one, is updated.

    Attributes:
        is_final: Whether the conclusion was drawn, and no step was run since.
    """

    __repr__ = brief("_sections")

    def __init__(self) -> None:
        self._sections: list[tuple[object, Section]] = []
        self.is_final = False
        HEAD.begin(self)

    def add(self, step: object, found: Section) -> Section:
        """Count what a step found, and return it.

        Args:
            step: Its name and arguments, which are compared by equality.
            found: What it found.
        """
        self._sections = [known for known in self._sections if not _is_same(known[0], step)]
        self._sections.append((step, found))
        self.is_final = False
        HEAD.changed(self)
        return found

    @property
    def steps(self) -> int:
        """Number of steps that were run; a repeated step counts once."""
        return len(self._sections)

    @property
    def picture(self) -> Picture | None:
        """The timeline of the deciding step; if it has none, that of the last step with one."""
        decisive = deciding(self.conclude().checks)
        found = [section for _, section in self._sections]
        of_decisive = [section for section in found if decisive in section.checks]
        pictures = (each for section in [*found, *of_decisive][::-1] for each in section.exhibits)
        return next((each for each in pictures if isinstance(each, Picture)), None)

    @property
    def is_offered(self) -> bool:
        """Whether a step has planned something that its form can carry out."""
        return any(section.offer for _, section in self._sections)

    def end(self) -> Conclusion:
        """Return the run's conclusion; the notebook's head shows it as final until a step is run again."""
        self.is_final = True
        HEAD.changed(self)
        return self.conclude()

    def conclude(self) -> Conclusion:
        """Draw the conclusion from all answers so far."""
        answers: list[Check] = []
        lead = None
        for _, found in self._sections:
            answers = [check for check in answers if check.id not in found.settles]
            # A step may repeat answers of the steps that it calls.
            answers += [check for check in found.checks if check not in answers]
            lead = found.checks[0] if found.leads and found.checks else lead
        return conclude(answers, lead)


def _is_same(step: object, other: object) -> bool:
    """Whether it is the same step with the same arguments; a DataFrame argument never counts as equal."""
    try:
        return step == other
    except ValueError:
        return False
