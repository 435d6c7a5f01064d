"""Read a YAML file of ``params/`` as a checked type, or report the first fault in one line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import UserError

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from yaml import SafeLoader

_LONGEST_PLACE = 200


def load_settings(path: Path, kind: Any) -> Any:
    """Read a file and check all of it; `kind` is a dataclass, or any type that pydantic can check.

    Raises:
        UserError: The file cannot be read, or a setting is wrong; names the first one.
    """
    return checked_settings(path, kind, read_yaml(path))


def read_yaml(path: Path) -> Any:
    """Return the file's content, unchecked.

    Raises:
        UserError: It cannot be read, or has a key twice.
    """
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), _loader())  # noqa: S506 - a safe one
    except Exception as error:
        # PyYAML passes on whatever its conversions raise: `!!bool x` is a KeyError.
        problem = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} cannot be read: {problem[:_LONGEST_PLACE]}") from error


@cache
def _loader() -> type[SafeLoader]:
    """Return a safe loader that refuses duplicate keys; PyYAML's own silently drops all but the last."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                line = key.start_mark.line + 1
                if before := lines.get((key.tag, key.value)):
                    raise yaml.YAMLError(f"the key {key.value!r:.80} appears twice, on lines {before} and {line}")
                lines[key.tag, key.value] = line
            return node

    return Loader


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def checked_settings(path: Path, kind: Any, content: Any, below: str = "") -> Any:
    """Return the content of a settings file as the type `kind`.

    Args:
        path: The file, for error messages.
        kind: A dataclass, or any type that pydantic can check.
        content: What `read_yaml` returned, or a part of it.
        below: The setting that contains the content; empty if it is the whole file.

    Raises:
        UserError: A setting is wrong; names the first one, what is wrong and what to write.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(".".join(str(part) for part in (below, *first["loc"]) if part != "").split())
        if first["type"] == "missing":
            fault = f" is missing; write {_to_write(kind, first['loc'])}"
        else:
            fault = _fault(first["type"], first["msg"], first.get("input"))
        raise UserError(f"{path}: {where[:_LONGEST_PLACE]}{fault}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _to_write(kind: Any, place: tuple[object, ...]) -> str:
    """Return what to write, from the metadata of a dataclass field."""
    fields = getattr(kind, "__dataclass_fields__", {}) if len(place) == 1 else {}
    return str(fields[place[0]].metadata.get("write", "it")) if place[:1] and place[0] in fields else "it"


def _fault(kind: str, message: str, given: Any) -> str:
    """Describe what is wrong and what to write. The value is not shown, as it may be a secret."""
    if kind in ("unexpected_keyword_argument", "extra_forbidden", "invalid_key"):
        return " is not a setting; correct or remove it"
    wanted = _ASIDES.sub("", " ".join(message.split()))
    for technical, plain in _PLAIN.items():
        wanted = re.sub(technical, plain, wanted)
    return f": must be {wanted}, got {_kind_of(given)}"


# Parts of pydantic's messages to remove, and its names of YAML types in plain words.
_ASIDES = re.compile(r"^Input should be |, (?:unable to parse|input is|got a|invalid) .*")
_PLAIN = {
    "a valid string": "text",
    "a valid (tuple|list)": "a list",
    r"a valid dictionary|a dictionary or an instance of \w+": "settings below it",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "a valid ": "a ",
    "a date or datetime": "a date, YYYY-MM-DD",
}


def _kind_of(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, int | float) and not isinstance(given, bool):
        return f"{given!s:.20}"
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "settings below it"}
    return kinds.get(type(given), f"a {type(given).__name__}")
