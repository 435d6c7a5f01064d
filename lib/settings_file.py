"""A YAML file of ``params/`` as the type that it must fit; what does not fit is told in a line."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import UserError

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from yaml import SafeLoader

_LONGEST_PLACE = 200


def load_settings(path: Path, kind: Any) -> Any:
    """The file's content, checked whole; `kind` is a dataclass, or any type that pydantic can check.

    Raises:
        UserError: The file cannot be read, or does not fit; names the first thing that does not.
    """
    return checked_settings(path, kind, read_yaml(path))


def read_yaml(path: Path) -> Any:
    """What the file holds, unchecked.

    Raises:
        UserError: It cannot be read, or says a key twice.
    """
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), _loader())  # noqa: S506 - a safe one
    except Exception as error:
        # PyYAML lets through whatever its conversions raise: `!!bool x` is a KeyError.
        told = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} cannot be read: {told[:_LONGEST_PLACE]}") from error


@cache
def _loader() -> type[SafeLoader]:
    """A safe loader that refuses a key which is there twice: of the two, YAML's would silently drop the first."""
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
                    raise yaml.YAMLError(f"the key {key.value!r:.80} is there twice, in lines {before} and {line}")
                lines[key.tag, key.value] = line
            return node

    return Loader


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def checked_settings(path: Path, kind: Any, content: Any) -> Any:
    """The content of a settings file as the type that it must be; `path` names it in errors.

    Raises:
        UserError: It does not fit; names the first thing that does not.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(".".join(str(part) for part in first["loc"]).split())
        raise UserError(f"{path}: {where[:_LONGEST_PLACE]}: {' '.join(first['msg'].split())}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
