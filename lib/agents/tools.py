"""The tools: each is a function, and what it takes and answers is read from its signature.

Anything else than its parameters is refused, so a plan or a reason has no place to stand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from lib.agents import archived, looking, table
from lib.agents.answers import Answer, Found
from lib.agents.desk import Desk
from lib.errors import UserError

_STRICT = ConfigDict(extra="forbid", str_max_length=2_000)
# What pydantic adds for people: an agent pays for each word.
_NOT_FOR_AGENTS = frozenset({"title", "default", "additionalProperties"})


class Tool(NamedTuple):
    """One of them.

    Attributes:
        description: For the agent. Of our own words: nothing that was read ever stands in it.
    """

    function: Callable[..., Found[Any]]
    description: str
    takes: type[BaseModel]
    gives: type[Answer[Any]]

    @classmethod
    def of(cls, function: Callable[..., Found[Any]]) -> Tool:
        """Read from the signature; the parameter `desk` is ours."""
        signature = inspect.signature(function, eval_str=True)
        fields: dict[str, Any] = {
            name: (one.annotation, ... if one.default is one.empty else one.default)
            for name, one in signature.parameters.items()
            if name != "desk"
        }
        description = inspect.getdoc(function) or ""
        takes = create_model(function.__name__, __config__=_STRICT, **fields)
        return cls(function, description.partition("\n\nRaises:")[0], takes, get_args(signature.return_annotation)[0])

    def found(self, desk: Desk, arguments: Mapping[str, Any]) -> Found[Any]:
        """Its answer.

        Raises:
            UserError: An argument does not fit.
        """
        try:
            given = self.takes.model_validate(arguments)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise UserError("; ".join(faults)) from None
        return self.function(desk, **{name: getattr(given, name) for name in type(given).model_fields})


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """As JSON schema, in few words."""
    lean: dict[str, Any] = _lean(model.model_json_schema())
    return lean if issubclass(model, Answer) else {**lean, "additionalProperties": False}


def _lean(part: Any) -> Any:
    if isinstance(part, list):
        return [_lean(each) for each in part]
    if not isinstance(part, dict):
        return part
    left_out = _NOT_FOR_AGENTS | ({"description"} if "properties" in part else set())
    kept = {name: _lean(each) for name, each in part.items() if name not in left_out}
    return kept | {name: {key: _lean(each) for key, each in part[name].items()} for name in _named_in(part)}


def _named_in(part: Mapping[str, Any]) -> list[str]:
    """Where keys are names of ours, which are kept whatever they are."""
    return [name for name in ("properties", "$defs") if name in part]


TOOLS = {
    function.__name__: Tool.of(function)
    for function in (
        *(archived.list_runbooks, looking.look, archived.status),
        *(archived.runs_search, archived.run_get, archived.runs_diff),
        *(table.locks, table.timeline, table.explain, table.plan_get),
    )
}
