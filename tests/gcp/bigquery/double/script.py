"""Scripts: variables, blocks with a handler, IF, RAISE, and statements; no SET and no loops."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.gcp.bigquery.double.faults import ApiError

_COMMENT = "--"
_TOKEN = re.compile(r"""--[^\n]*|`[^`]*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\w+|[^\s\w]""")


@dataclass(frozen=True)
class Statement:
    """A statement and the line where it begins."""

    sql: str
    line: int


@dataclass(frozen=True)
class Declare(Statement):
    """A variable; its SQL selects the initial value."""

    name: str
    type: str


@dataclass(frozen=True)
class Raise:
    """RAISE; without a message, it raises the error being handled again."""

    message: str | None
    line: int


@dataclass
class Block:
    body: list[Node] = field(default_factory=list)
    handler: list[Node] | None = None


@dataclass(frozen=True)
class If:
    condition: Statement
    body: list[Node]


Node = Statement | Raise | Block | If


class _Parser:
    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = [token for token in _TOKEN.finditer(sql) if not token[0].startswith(_COMMENT)]
        self._at = 0

    def nodes(self, *ends: str) -> list[Node]:
        """Parse nodes up to one of these words, which the caller consumes."""
        nodes: list[Node] = []
        while self._at < len(self._tokens) and self._word() not in ends:
            if self._word() == ";":
                self._at += 1
            else:
                nodes.append(self._node())
                if isinstance(nodes[-1], Declare) and not all(isinstance(node, Declare) for node in nodes):
                    raise ApiError("invalidQuery", "Variable declarations are allowed only at the start of a block")
        return nodes

    def _node(self) -> Node:
        line = self._sql.count("\n", 0, self._tokens[self._at].start()) + 1
        if self._word() == "BEGIN" and self._word(1) != "TRANSACTION":
            return self._block()
        if self._word() == "IF":
            self._skip("IF")
            condition = Statement(self._text_until("THEN"), line)
            self._skip("THEN")
            body = self.nodes("END")
            self._skip("END", "IF")
            return If(condition, body)
        if self._word() == "RAISE":
            return self._raise(line)
        if self._word() == "DECLARE":
            return self._declare(line)
        return Statement(self._text_until(";"), line)

    def _block(self) -> Block:
        self._skip("BEGIN")
        block = Block(self.nodes("EXCEPTION", "END"))
        if self._word() == "EXCEPTION":
            self._skip("EXCEPTION", "WHEN", "ERROR", "THEN")
            block.handler = self.nodes("END")
        self._skip("END")
        return block

    def _raise(self, line: int) -> Raise:
        self._skip("RAISE")
        if self._word() != "USING":
            return Raise(None, line)
        self._skip("USING", "MESSAGE", "=")
        self._at += 1
        return Raise(self._tokens[self._at - 1][0][1:-1], line)

    def _declare(self, line: int) -> Declare:
        self._skip("DECLARE")
        name = self._text_until("DEFAULT")
        self._skip("DEFAULT")
        name, _, kind = name.partition(" ")
        # The cast gives it the declared type.
        return Declare(f"SELECT IF(TRUE, {self._text_until(';')}, CAST(NULL AS {kind}))", line, name, kind)

    def _word(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][0].upper() if at < len(self._tokens) else ""

    def _skip(self, *words: str) -> None:
        for word in words:
            if self._word() != word:
                raise ApiError("invalidQuery", f"Syntax error: Expected {word} but got {self._word() or 'the end'}")
            self._at += 1

    def _text_until(self, end: str) -> str:
        """Return the source text up to a word outside brackets."""
        first, depth = self._at, 0
        while self._at < len(self._tokens) and (depth or self._word() != end):
            depth += {"(": 1, ")": -1}.get(self._word(), 0)
            self._at += 1
        return self._sql[self._tokens[first].start() : self._tokens[self._at - 1].end()]


def parse(sql: str) -> list[Node]:
    """Parse a script; a single statement is a script, too."""
    return _Parser(sql).nodes()


def with_parameters(sql: str, variables: Collection[str]) -> str:
    """Replace variables in a statement by parameters of the same name."""

    def named(token: re.Match[str]) -> str:
        is_variable = token[0].lower() in variables and sql[token.start() - 1 : token.start()] not in (".", "@")
        return f"@{token[0].lower()}" if is_variable else token[0]

    return _TOKEN.sub(named, sql)


def run(nodes: list[Node], execute: Callable[[Statement], None], holds: Callable[[Statement], bool]) -> None:
    """Run a script; an uncaught error ends it, with the line in its message."""
    for node in nodes:
        _run(node, execute, holds, None)


def _run(
    node: Node, execute: Callable[[Statement], None], holds: Callable[[Statement], bool], handled: ApiError | None
) -> None:
    if isinstance(node, Statement):
        execute(node)
    elif isinstance(node, If):
        for inner in node.body if holds(node.condition) else []:
            _run(inner, execute, holds, handled)
    elif isinstance(node, Raise):
        if node.message is None:
            assert handled is not None
            raise handled
        raise ApiError("invalidQuery", f"Query error: {node.message} at [{node.line}:1]")
    else:
        _run_block(node, execute, holds)


def _run_block(block: Block, execute: Callable[[Statement], None], holds: Callable[[Statement], bool]) -> None:
    try:
        run(block.body, execute, holds)
    except ApiError as error:
        # A cancelled job ends here; no handler runs.
        if block.handler is None or error.reason == "stopped":
            raise
        for node in block.handler:
            _run(node, execute, holds, error)
