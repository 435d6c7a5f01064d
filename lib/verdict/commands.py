"""The two kinds of command that a page offers: those that look, and those that change something.

They never share a box. A check holds each kind in a field of its own, so a reader who copies
all of "To check by hand" cannot change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


class _Command(str):
    """Text for a POSIX shell, in one line."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """Records hold it as text; the field that it is read into says which kind it is."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    @classmethod
    def all_of(cls, commands: object, where: str) -> tuple[Self, ...]:
        """The commands, each once. Plain text, as a notebook may write it, becomes one; mypy keeps it out of `lib`.

        Raises:
            TypeError: One is of the other kind, or they are not a list.
        """
        if not isinstance(commands, (list, tuple)) or not all(type(each) in (cls, str) for each in commands):
            raise TypeError(f"{where} takes a list of {cls.__name__} commands only, got {commands!r:.200}")
        return tuple(dict.fromkeys(map(cls, commands)))


class Looking(_Command):
    """It only asks: however often it is typed, nothing changes."""

    __slots__ = ()


class Changing(_Command):
    """It changes something at once, or asks a service to."""

    __slots__ = ()
