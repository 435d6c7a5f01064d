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

_STRICT = ConfigDict(extra="forbid")
_LONGEST = 10_000  # characters of all arguments


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
            UserError: An argument does not fit, or they are too long.
        """
        if len(str(arguments)) > _LONGEST:
            raise UserError(f"the arguments have more than {_LONGEST:,} characters; ask about less")
        try:
            given = self.takes.model_validate(arguments)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise UserError("; ".join(faults)) from None
        return self.function(desk, **{name: getattr(given, name) for name in type(given).model_fields})


def lean(part: Any) -> Any:
    """A JSON schema without what pydantic adds for people: an agent pays for each word."""
    if isinstance(part, list):
        return [lean(each) for each in part]
    if not isinstance(part, dict):
        return part
    words = {"title", "description"} if "properties" in part else {"title"}
    # An object below such a name is a property of ours.
    left_out = {"default", *(name for name in words if isinstance(part.get(name), str))}
    return {name: lean(each) for name, each in part.items() if name not in left_out}


TOOLS = {
    function.__name__: Tool.of(function)
    for function in (
        *(archived.list_runbooks, looking.look, archived.status),
        *(archived.runs_search, archived.run_get, archived.runs_diff),
        *(table.locks, table.timeline, table.explain, table.plan_get),
    )
}
