"""The tools: each is a function whose signature defines its parameters and its answer.

Other arguments are refused, so there is no way to pass a plan or a reason.
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
    """One tool.

    Attributes:
        function: Computes the answer.
        description: For the agent, in our own words: never contains data that was read.
        takes: Model of its parameters.
        gives: Model of its answer.
    """

    function: Callable[..., Found[Any]]
    description: str
    takes: type[BaseModel]
    gives: type[Answer[Any]]

    @classmethod
    def of(cls, function: Callable[..., Found[Any]]) -> Tool:
        """Build a tool from a function's signature, without the parameter `desk`."""
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
        """Call the tool.

        Raises:
            UserError: An argument is invalid, or the arguments are too long.
        """
        if len(str(arguments)) > _LONGEST:
            raise UserError(f"the arguments have more than {_LONGEST:,} characters; shorten them")
        try:
            given = self.takes.model_validate(arguments)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise UserError("; ".join(faults)) from None
        return self.function(desk, **{name: getattr(given, name) for name in type(given).model_fields})


def lean(part: Any, known: Mapping[str, Any] | None = None) -> Any:
    """Return a JSON schema without titles and defaults and with definitions inlined: an agent pays for each token."""
    if isinstance(part, list):
        return [lean(each, known) for each in part]
    if not isinstance(part, dict):
        return part
    known = part.get("$defs", {}) if known is None else known
    if isinstance(named := part.get("$ref"), str):
        part = {**known[named.rpartition("/")[2]], **part}
    words = {"title", "description"} if "properties" in part else {"title"}
    # If such a name holds an object, it is a property of ours.
    texts = {name for name in words if isinstance(part.get(name), str)}
    return {name: lean(each, known) for name, each in part.items() if name not in {"default", "$defs", "$ref", *texts}}


TOOLS = {
    function.__name__: Tool.of(function)
    for function in (
        *(archived.list_runbooks, looking.look, archived.status),
        *(archived.runs_search, archived.run_get, archived.runs_diff),
        *(table.locks, table.timeline, table.explain, table.plan_get),
    )
}
