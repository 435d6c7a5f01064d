"""runbooks.md and parameters.md: what each runbook asks, does and takes, from the notebooks."""

from __future__ import annotations

from lib.runbooks.catalogue import Runbook, runbooks
from lib.runbooks.parameters import Parameter, as_text
from tests.house.reference import markdown
from tests.house.reference.markdown import code, prose


def page() -> str:
    """All runbooks, a row for each."""
    rows = [
        (link(each), prose(each.title), prose(each.purpose), prose(each.occasion), changes(each)) for each in runbooks()
    ]
    return markdown.page(
        "Runbooks",
        "A runbook is a notebook. It asks one question, shows the evidence and ends in a verdict. Run it with "
        "`runbook run NAME`.",
        [markdown.table(("Runbook", "Question", "What it does", "When to run it", "What it can change"), rows)],
    )


def parameters_page() -> str:
    """The parameters of each runbook."""
    sections = ["\n\n".join([f"## {each.name}", prose(each.purpose), _table(each)]) for each in runbooks()]
    return markdown.page(
        "Parameters",
        "Set a parameter with `-p NAME=VALUE`: `runbook run day1_monitoring -p hours=48`. `runbook params NAME` prints "
        "the same list. `environment` follows `--env`.",
        sections,
    )


def link(runbook: Runbook) -> str:
    """To its parameters."""
    return f"[{code(runbook.name)}](parameters.md#{markdown.anchor(runbook.name)})"


def changes(runbook: Runbook) -> str:
    """What it may change."""
    return "what you name, with its plan" if any(each.name == "plan" for each in runbook.parameters) else "nothing"


def _table(runbook: Runbook) -> str:
    rows = [
        (code(each.name), prose(each.type.expected), _default(each), prose(each.help)) for each in runbook.parameters
    ]
    return markdown.table(("Parameter", "Type", "Default", "Meaning"), rows)


def _default(parameter: Parameter) -> str:
    return code(as_text(parameter.name, parameter.default)) or "empty"
