"""settings.md: every setting of every file, from the classes that the files are checked against."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from lib import places
from lib.consolidation.staging_names import StagingNames
from lib.consolidation.table_spec import TableSpec
from lib.environment import Environment
from lib.environment.repository import Repository
from lib.environment.services import ServiceNames
from lib.operations.criteria.criteria import Criterion
from lib.operations.criteria.metrics import METRICS
from lib.operations.logs.dialect_file import VALUES, Dialect
from lib.operations.logs.events import EventKind
from lib.operations.quality.rules import QualityRules
from lib.schedule import settings as schedule_settings
from lib.schedule.settings import Entry, Schedule
from tests.house.reference import markdown
from tests.house.reference.docstrings import docstring_of
from tests.house.reference.fields import REQUIRED, Row, meaning_of, plain, rows_of
from tests.house.reference.markdown import code, prose
from tests.house.reference.type_words import hints_of, nested_in

_VARIABLE = re.compile(r"`(RUNBOOK_[A-Z]+)`")
# What the head of a schedule says for every entry that does not say it itself, with what is meant where neither does.
_HEAD = {"timezone": "UTC", "environment": "local, or the only one", "deployed_at": None}


@dataclass(frozen=True)
class Section:
    """The settings below one key of a file; an empty key: those of the file itself."""

    key: str
    about: str
    rows: Sequence[Row]

    def __str__(self) -> str:
        heading = [f"### `{self.key}:`", prose(self.about)] if self.key else []
        return "\n\n".join([*heading, _rows_table(self.rows)])


def sections_of(kind: type) -> list[Section]:
    """The settings of a file: its own, then those below each of its keys."""
    nested = {name: found[1] for name, hint in hints_of(kind).items() if (found := nested_in(hint)) and not found[0]}
    own = Section("", "", [*rows_of(kind, without=nested)])
    abouts = {key: meaning_of(kind, key) or about_of(inner) for key, inner in nested.items()}
    return [own, *(Section(key, abouts[key], [*rows_of(inner, f"{key}.")]) for key, inner in nested.items())]


def about_of(kind: type) -> str:
    """What a dataclass says that it is."""
    return docstring_of(kind).summary


def environment() -> list[Section]:
    """An environment's file. `lib.environment` reads `table`, `staging` and `services` in forms of their own."""
    forms = {"table_spec": [_table(), _staging()], "services": [_services()]}
    top, *sections = sections_of(Environment)
    rows = [row for row in top.rows if row.key != "name"]
    return [replace(top, rows=rows), *(form for each in sections for form in forms.get(each.key, [each]))]


def _table() -> Section:
    named = Row("table.name", "text", REQUIRED, docstring_of(TableSpec).sections["Attributes"]["table"])
    others = rows_of(TableSpec, "table.", without=["table", "timezone", "staging", "retention"])
    return Section("table", about_of(TableSpec), [named, *others])


def _staging() -> Section:
    rows = [
        replace(row, default="the name in services.worker") if row.key == "staging.service" else row
        for row in rows_of(StagingNames, "staging.")
    ]
    return Section("staging", about_of(StagingNames), rows)


def _services() -> Section:
    """Each service is its name, or its name with the repository below it."""
    rows: list[Row] = []
    for row in rows_of(ServiceNames, "services.", without=["repositories"]):
        rows += [replace(row, type="text, or `name` and `repository` below it"), *rows_of(Repository, f"{row.key}.")]
    return Section("services", about_of(ServiceNames), rows)


def schedule() -> list[Section]:
    """``params/schedule.yaml``."""
    shared = schedule_settings._SHARED
    head = [replace(row, default=_HEAD[row.key]) for row in rows_of(Entry) if row.key in shared]
    entries = [
        replace(row, default="that of the file") if row.key.endswith(tuple(f".{name}" for name in shared)) else row
        for row in rows_of(Entry, "entries.NAME.", without=["name"])
    ]
    top = Section("", "", [*rows_of(Schedule, without=["entries"]), *head])
    return [top, Section("entries", about_of(Entry), entries)]


def criteria() -> list[Section]:
    """A file of criteria: a list of each kind."""
    return [Section("", "", [*rows_of(Criterion)])]


def dialect() -> list[Section]:
    """A dialect of log lines, without the fields of a sample: they are the values, which are listed separately."""
    rows = [row for row in rows_of(Dialect) if not row.key.startswith("lines[].samples[].")]
    return [Section("", "", rows)]


def variables() -> list[tuple[str, str]]:
    """The environment variables that name a place or a moment, each with what `lib.places` says of it."""
    found: dict[str, str] = {}
    for _, function in inspect.getmembers(places, inspect.isfunction):
        summary = docstring_of(function).summary.replace("``", "`")
        for name in _VARIABLE.findall(summary):
            found.setdefault(name, summary)
    return sorted(found.items())


def page() -> str:
    """The whole page."""
    events = [(code(kind.name.lower()), prose(kind.value)) for kind in EventKind]
    named = [(code(name), prose(summary)) for name, summary in variables()]
    return markdown.page(
        "Settings",
        "Every setting of every file. An unknown setting, a value of another type, a key that is written twice and a "
        "missing setting that is required are errors. A setting that is left out has its default.",
        [
            "## An environment\n\n`params/environments/NAME.yaml`",
            *map(str, environment()),
            "## The schedule\n\n`params/schedule.yaml`",
            *map(str, schedule()),
            "## Quality\n\nThe file of `params/` that an environment names as `quality:`",
            *map(str, sections_of(QualityRules)),
            "## Criteria\n\nThe file of `params/` that an environment names as `criteria:`. Below `success:` and "
            "`rollback:` is a list of criteria, each with these settings:",
            *map(str, criteria()),
            f"`metric` is one of {_listed(METRICS)}.",
            "## A dialect of log lines\n\n`params/dialects/NAME.yaml`",
            *map(str, dialect()),
            f"Values are {_listed(VALUES)}. A sample is a `line` as the service wrote it, with its values.",
            markdown.table(("Event", "Meaning"), events),
            "## Environment variables",
            markdown.table(("Variable", "Meaning"), named),
        ],
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


def _rows_table(rows: Sequence[Row]) -> str:
    headings = ("Setting", "Type", "Default", "Unit", "Meaning")
    cells = [(code(row.key), row.type, default_text(row.default), row.unit, prose(row.meaning)) for row in rows]
    if not any(row.unit for row in rows):
        return markdown.table([*headings[:3], headings[4]], [(*cell[:3], cell[4]) for cell in cells])
    return markdown.table(headings, cells)


def default_text(value: Any) -> str:
    """A default as YAML in code, or in words."""
    if value is REQUIRED:
        return "**required**"
    if isinstance(value, str):
        return value if " " in value else code(value) or "empty"
    return code(yaml.safe_dump(plain(value), default_flow_style=True, width=1000).removesuffix("...\n"))
