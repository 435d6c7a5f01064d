"""The pages of docs/reference. All of it is generated: nothing in that folder is written by hand."""

from __future__ import annotations

from lib.places import ROOT
from tests.house.reference import cli, markdown, ports, run_json, runbooks, settings

FOLDER = ROOT / "docs" / "reference"
_INDEX = {
    "runbooks.md": ("Runbooks", "what each asks, does and can change"),
    "parameters.md": ("Parameters", "of each runbook, with type and default"),
    "cli.md": ("Command line", "every command, its options and exit codes"),
    "settings.md": ("Settings", "of environments, schedule, quality, criteria and dialects"),
    "run-json.md": ("run.json", "the record of a run, field by field"),
    "ports.md": ("Ports", "what an adapter of a platform promises"),
}


def pages() -> dict[str, str]:
    """The text of each file, by its name."""
    listed = [f"- [{title}]({name}): {about}" for name, (title, about) in _INDEX.items()]
    return {
        "index.md": markdown.page("Reference", "Facts, generated from the code.", ["\n".join(listed)]),
        "runbooks.md": runbooks.page(),
        "parameters.md": runbooks.parameters_page(),
        "cli.md": cli.page(),
        "settings.md": settings.page(),
        "run-json.md": run_json.page(),
        "ports.md": ports.page(),
        run_json.SCHEMA: run_json.schema(),
    }
