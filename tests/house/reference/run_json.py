"""run-json.md and its JSON schema: the fields of a run's record, from the classes that are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields

from lib.archive.record import SCHEMA_VERSION, RunRecord, adapter_of
from tests.house.reference import markdown
from tests.house.reference.docstrings import docstring_of
from tests.house.reference.fields import meaning_of
from tests.house.reference.markdown import code, prose
from tests.house.reference.type_words import hints_of, in_words, nested_kinds

SCHEMA = "run.schema.json"


def schema() -> str:
    """The JSON schema of what is written, each field with its meaning."""
    found = adapter_of(RunRecord).json_schema(mode="serialization")
    for name, kind in {each.__name__: each for each in kinds()}.items():
        described = found if kind is RunRecord else found["$defs"][name]
        described["description"] = docstring_of(kind).summary
        for each in fields(kind):
            described["properties"][each.name]["description"] = meaning_of(kind, each.name)
    return json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def kinds(kind: type = RunRecord, seen: tuple[type, ...] = ()) -> Iterator[type]:
    """The record's class, and those of what is in it, each once."""
    found = [*seen, kind]
    yield kind
    for hint in hints_of(kind).values():
        for inner in nested_kinds(hint):
            if inner not in found:
                for each in kinds(inner, tuple(found)):
                    found.append(each)
                    yield each


def page() -> str:
    """The whole page."""
    return markdown.page(
        "run.json",
        "Every run writes `outputs/ENVIRONMENT/RUNBOOK/RUN_ID/run.json`. It is also right about a run that was "
        "stopped, timed out or killed. Every field is always present. "
        f"The schema version is {SCHEMA_VERSION}; earlier versions can be read. [JSON schema]({SCHEMA}).",
        [_section(kind) for kind in kinds()],
    )


def _section(kind: type) -> str:
    hints = hints_of(kind)
    rows = [(code(each.name), in_words(hints[each.name]), prose(meaning_of(kind, each.name))) for each in fields(kind)]
    about = prose(docstring_of(kind).summary)
    return "\n\n".join([f"## {kind.__name__}", about, markdown.table(("Field", "Type", "Meaning"), rows)])
