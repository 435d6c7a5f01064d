"""The form below a plan, with which people apply it in JupyterLab.

It does what the plan's command does: reason, target and digest go through the same `carry_out`.
Displaying it changes nothing, and in a saved notebook that is reopened its button does nothing,
because the kernel that made it is gone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from importlib.util import find_spec
from typing import Any

from lib.errors import RunbookError, Unavailable
from lib.operations.changes.plan import WHY, Approval, Plan, PlanDigest, PlanOutdated
from lib.platform import Platform
from lib.verdict.conclusion import next_step_html
from lib.verdict.live import is_live
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.text import one_line

# The width of a label's character, in pixels.
_CHARACTER = 8
_BUTTON = {"width": "max-content", "max_width": "95%", "padding": "0 16px", "margin": "8px 2px"}
_STYLE = """<style>
.plan-form { border: 1px solid var(--jp-border-color1); border-left: 4px solid var(--jp-warn-color1);
  padding: 8px 12px; margin: 8px 0; color: var(--jp-ui-font-color1); }
.plan-form.over { border-left-color: var(--jp-border-color1); }
.plan-form :is(p, code, label, input) { font-size: var(--jp-ui-font-size1); line-height: 1.5; }
.plan-form p { margin: 4px 0; }
.plan-form table.data { margin: 8px 0; }
.plan-form .widget-html-content { white-space: normal; height: auto; }
</style>"""


def with_form(
    platform: Platform, plan: Plan, shown: Section, now: datetime, carry_out: Callable[[Approval], Section]
) -> Section:
    """Add the form to the section of a plan, in a notebook with widgets; elsewhere return it unchanged.

    There is no form where a change needs a signature: the commands to type are already shown.

    Args:
        platform: Where to make the change.
        plan: The plan.
        shown: The plan, as it is shown everywhere.
        now: The time (UTC) when it was planned.
        carry_out: Applies the plan; raises what `lib.operations.changes.action.carry_out` does.
    """
    needs_approval = platform.environment.needs_approval
    if plan.nothing_to_do or needs_approval or not is_live() or not find_spec("ipywidgets"):
        return shown
    return replace(shown, offer=PlanForm(platform, plan, plan.digest(platform, now), carry_out))


class PlanForm:
    """Asks for a reason and the target's name, and applies the plan once.

    Attributes:
        box: The widget.
    """

    def __init__(
        self, platform: Platform, plan: Plan, digest: PlanDigest, carry_out: Callable[[Approval], Section]
    ) -> None:
        import ipywidgets

        self._plan = plan
        self._digest = digest
        self._carry_out = carry_out
        self._environment = platform.name
        self._zone = platform.environment.timezone
        self._until = local_time(digest.expires_at, self._zone)
        self._look = plan.look(platform.commands)
        self._heard: list[Callable[[Section], object]] = []
        self._found: Section | None = None
        self._is_over = False
        # JupyterLab may call the button in its own thread, while the kernel does something else.
        self._turn = threading.Lock()
        why, target = "Why it is safe (kept in the audit record):", f"Type {plan.target} to confirm:"
        style = {"description_width": f"{_CHARACTER * max(len(why), len(target))}px"}
        self._why = ipywidgets.Text(description=why, style=style, layout={"width": "95%"})
        self._target = ipywidgets.Text(description=target, style=style, layout={"width": "95%"})
        self._button = ipywidgets.Button(description=plan.act, layout=_BUTTON)
        self._line = ipywidgets.HTML().add_class("jp-RenderedHTMLCommon")
        self._head = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self._head, self._why, self._target, self._button, self._line])
        self.box.add_class("plan-form")
        for field in (self._why, self._target):
            field.observe(self._typed, "value")
        self._button.on_click(self._clicked)
        self._typed(None)
        self._close_in_time()

    def then(self, heard: Callable[[Section], object]) -> None:
        """See `lib.verdict.section.Offer`."""
        self._heard.append(heard)
        if self._found is not None:
            heard(self._found)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.box._repr_mimebundle_()
        return {**bundle, "text/plain": f"{self._plan.act}: a form, while this notebook is open in JupyterLab"}

    def _typed(self, _change: object) -> None:
        """Enable the button once both fields are filled in; until then, show what is missing."""
        if self._is_over:  # input typed while the plan was being applied arrives now
            return
        reason, target = self._why.value.strip(), self._target.value.strip()
        missing = [] if reason not in ("", WHY) else ["enter a reason"]
        missing += [] if target == self._plan.target else [f"type exactly {_code(self._plan.target)}"]
        self._button.disabled, self._button.button_style = bool(missing), "" if missing else "danger"
        until = f"This plan is valid until {_safe(self._until)}."
        self._promise("<b>Nothing has been changed yet.</b> The button will do this")
        self._say(f"To enable the button, {' and '.join(missing)}. {until}" if missing else until)

    def _clicked(self, _button: object) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            if not self._is_over:
                self._try()
        finally:
            self._turn.release()

    def _try(self) -> None:
        self._promise("This is being done")
        self._wait_for(f"<progress></progress> Working on it since {local_time(datetime.now(UTC), self._zone)}.")
        try:
            approval = Approval("confirmation", self._target.value, self._digest.text, self._why.value).checked()
            found = self._carry_out(approval)
        except PlanOutdated as error:
            self._close(f"<b>Refused: {_safe(error)}: run this cell again.</b>")
        except RunbookError as error:
            self._wait_for("")
            self._typed(None)
            before = "Could not check, and nothing was changed" if isinstance(error, Unavailable) else "Refused"
            self._say(f"<b>{before}: {_safe(error)}</b>")
        except BaseException as error:
            self._finish(self._broken_off(error))
            raise
        else:
            self._finish(found)

    def _wait_for(self, what: str) -> None:
        """Disable the form while it works."""
        for widget in (self._why, self._target, self._button):
            widget.disabled = bool(what)
        self._say(what)

    def _broken_off(self, error: BaseException) -> Section:
        """An unforeseen error may have happened before the change or after it."""
        question = self._plan.question.named(self._plan.action.capitalize()).on(self._plan.state)
        step = f"Check the current state before you do anything else: {self._look}"
        check = question.unknown(f"interrupted by {type(error).__name__}: it may have taken effect", step)
        return Section((check, *self._plan.cautions))

    def _finish(self, found: Section) -> None:
        self._found = found
        steps = (check.next_step for check in found.checks if check.verdict is not Verdict.PASS)
        self._close(found._repr_html_() + "".join(f"<p>{next_step_html(step)}</p>" for step in steps))
        self.box.children = (self._line, _look_again())
        for heard in self._heard:
            heard(found)

    def _close(self, line: str) -> None:
        """Close the form permanently: the plan has been applied, or can no longer be."""
        self._is_over = True
        self.box.children = (self._line,)
        self.box.add_class("over")
        self._say(line)

    def _promise(self, when: str) -> None:
        where = f"in the environment {_code(self._environment)}"
        self._head.value = f"{_STYLE}<p>{when} {where}:</p><p><b>{_safe(self._plan.summary)}</b></p>"

    def _say(self, line: str) -> None:
        self._line.value = f"{_STYLE if self._is_over else ''}<p>{line}</p>"

    def _close_in_time(self) -> None:
        left = (self._digest.expires_at - datetime.now(UTC)).total_seconds()
        if left <= 0:
            self._expire()
            return
        try:
            asyncio.get_running_loop().call_later(left, self._expire)
        except RuntimeError:
            # Without a loop the form cannot close in time; `carry_out` refuses an expired plan.
            return

    def _expire(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            if not self._is_over:
                self._close(
                    f"This plan expired at {_safe(self._until)}; nothing was changed. "
                    "Run this cell again for a new plan."
                )
        finally:
            self._turn.release()


def _look_again() -> Any:
    """A button that runs the cells below; where that is not possible, the text alone."""
    import ipywidgets

    what = "Run the cells below to check again"
    if not find_spec("ipylab"):
        return ipywidgets.HTML(f"<p>{what}.</p>")
    from ipylab import JupyterFrontEnd

    commands = JupyterFrontEnd().commands
    button = ipywidgets.Button(description=what, layout=_BUTTON)

    def run_below(_button: object) -> None:
        # A click has made the cell of this form the current one.
        for command in ("notebook:move-cursor-down", "notebook:run-all-below"):
            commands.execute(command)

    button.on_click(run_below)
    return button


def _safe(value: object) -> str:
    return escape(one_line(str(value)))


def _code(value: str) -> str:
    return f"<code>{_safe(value)}</code>"
