"""Every command and notebook that changes something for an operator passes the function that checks approvals.

This inspects the code, so that no new command is forgotten. The ports define what changes something; only an
`Action.apply` may call it, which only `apply_plan` calls, after consuming an approval.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_type_hints

import click

from lib.cli import cli
from lib.consolidation.warehouse import Warehouse
from lib.locking import ConsolidationLock, LockStore
from lib.operations.changes import action
from lib.operations.changes.action import Request
from lib.operations.every_action import ACTIONS
from lib.places import ROOT
from lib.ports.approvals import ApprovalStore
from lib.ports.permissions import Permissions
from lib.ports.scratch import ScratchDatasets
from lib.ports.services import Services

# Read-only methods of ports; a new method counts as one that changes something until it is listed here.
LOOK = {
    Warehouse: {"session", "query", "columns", "staging_tables", "columns_of", "totals"},
    Services: {"describe", "health", "variable"},
    Permissions: {"roles_of"},
    LockStore: {"read", "read_all", "audit_entries", "wait_for_change", "request_timeout_seconds"},
    ConsolidationLock: {"locks", "releasable", "acquire"},
    ApprovalStore: {"entries"},
    ScratchDatasets: {
        *("tables_expire_after_seconds", "has_jobs", "note_of", "new_warehouse", "delay", "run_script", "statements"),
    },
}
# Functions of the library that change rows, tables or fences.
WRITERS = {"lib.consolidation.fence": "change_spec", "lib.consolidation.upkeep.cleanup": "drop_merged"} | {
    "lib.consolidation.upkeep.repair": "apply_repair",
    "lib.consolidation.upkeep.undo": "undo_repair",
    "lib.consolidation.upkeep.past_rows": "insert_as_they_are",
}
# The library for services, adapters, the old calls for migration, and the archive.
BELOW = ("consolidation", "locking", "ports", "gcp", "embedded", "compat.py", "archive", "schedule", "site")
# Other code that may use them, and why that needs no approval.
ELSEWHERE = {
    ("offer", "add"): "a plan that waits for a person",
    ("approve", "add"): "the approval itself",
    ("use_approval", "add"): "its use",
    ("made_dataset", "create"): "`runbook prove`, which uses an approval: a dataset of its own, which did not exist",
    ("_remove", "remove"): "`runbook prove`: that dataset",
    ("prune", "remove"): "`runbook runs prune`: archived runs",
    ("write_first_batch", "create_table"): "`runbook init`: the table of a new project on this machine",
    ("write_first_batch", "insert_as_they_are"): "`runbook init`: the rows of that table",
}
# Every command without a plan, and why it needs no approval; a new command must be listed.
WITHOUT_PLAN = {
    "looks": (
        *("list", "params", "runs list", "runs search", "runs show", "runs diff", "incident", "schedule list"),
        *("dialect test", "duplicates", "logs", "doctor", "repair plan", "locks list", "locks show", "audit"),
        *("metrics", "mcp", "fence sql"),
    ),
    "is the pipeline's own work": ("stage", "consolidate"),
    "runs or opens notebooks, which pass": (
        "lab",
        "run",
        "runs rerun",
        "schedule once",
        "schedule run",
        "schedule attempt",
    ),
    "keeps runs, their pages and their schedule": (
        *("runs verify", "runs prune", "site build", "site serve", "schedule resume", "notify test"),
    ),
    "writes files, or fills a platform on this machine": (
        *("init", "new", "deploy cloud-run", "deploy cloud-run-backfill", "deploy airflow", "demo", "drill"),
        *("import logs", "import rows"),
    ),
    "approves": ("approve",),
}
# Commands that show a plan, and the function of `lib.operations` or `lib.cli.changes` that applies it.
WITH_PLAN = {
    "repair apply": "apply_plan",
    "repair undo": "show_or_apply",
    "locks release": "show_or_apply",
    "fence spec": "show_or_apply",
    "prove": "use_approval",
}


def leaves(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def uses(tree: ast.AST, within: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each attribute and each called function: where it is used, its object and its name."""
    for node in ast.iter_child_nodes(tree):
        inner = (*within, node.name) if isinstance(node, ast.FunctionDef | ast.ClassDef) else within
        if isinstance(node, ast.Attribute):
            yield within, ast.unparse(node.value), node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield within, "", node.func.id
        yield from uses(node, inner)


def notebooks() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        found[path.stem] = ast.parse("\n".join(code))
    return found


def trees() -> dict[str, ast.Module]:
    """Return the syntax trees of what operators start: notebooks, commands, and their steps in any room."""
    paths = [path.relative_to(ROOT) for path in (ROOT / "lib").rglob("*.py")]
    above = [path for path in paths if path.parts[1] not in BELOW]
    return {str(path): ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in above} | notebooks()


def changing_methods() -> set[str]:
    """Return the public methods of the ports that are not read-only."""
    return {
        name
        for port, looks in LOOK.items()
        for name, member in vars(port).items()
        if not name.startswith("_") and name not in looks and (callable(member) or isinstance(member, property))
    }


def test_only_actions_call_what_changes_something() -> None:
    names = changing_methods() | set(WRITERS.values())
    assert {"transact", "drop", "route_traffic", "grant", "force_release", "apply_repair"} <= names
    # Sets, commands and files have methods with these names, too.
    owners = {"add": {"approvals"}, "create": {"scratch"}, "remove": {"scratch", "found"}, "load": {"warehouse"}}
    owners |= {"delete": {"store"}, "renew": {"store"}, "set_variable": {"services"}}
    found = {
        (place, within, name)
        for place, tree in trees().items()
        for within, owner, name in uses(tree)
        if name in names and (name not in owners or owner.rpartition(".")[2].lstrip("_") in owners[name])
    }
    applied = {(place, within, name) for place, within, name in found if within[1:] == ("apply",)}
    assert {(within[-1] if within else place, name) for place, within, name in found - applied} == set(ELSEWHERE)
    assert len({within[0] for _, within, _ in applied}) == len(set(ACTIONS) - {"proof"})


def test_writers_of_the_library_are_known() -> None:
    """A function that changes something and is imported by operators' code must be in `WRITERS`.

    Functions of trials write only to the proof's own dataset.
    """
    changing = changing_methods() - {"add", "remove", "create"}
    imported = {
        (node.module, name.name)
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lib.consolidation")
        for name in node.names
        if "trials" not in str(node.module)
    }
    found = {
        (module, name)
        for module, name in imported
        if inspect.isfunction(member := getattr(import_module(str(module)), name)) and _changes(member, changing, set())
    }
    assert found == set(WRITERS.items())


def _changes(function: Any, changing: set[str], seen: set[Any]) -> bool:
    """Return whether a function calls one of these methods, directly or through the library."""
    seen.add(function)
    tree = ast.parse(inspect.getsource(function))
    names = {(owner, name) for _, owner, name in uses(tree)}
    if any(name in changing and owner for owner, name in names):
        return True
    called = [function.__globals__.get(name) for owner, name in names if not owner]
    return any(inspect.isfunction(each) and each not in seen and _changes(each, changing, seen) for each in called)


def test_only_the_choke_point_applies_actions() -> None:
    """`apply_plan` consumes the approval before it calls `apply`."""
    applying = [
        (place, within)
        for place, tree in trees().items()
        for within, owner, name in uses(tree)
        if name == "apply" and owner.rpartition(".")[2] in ("action", "self")
    ]
    assert set(applying) == {("lib/operations/changes/action.py", ("_applied",))}
    names = [name for _, _, name in uses(ast.parse(inspect.getsource(action.apply_plan)))]
    assert names.index("use_approval") < names.index("_applied")
    callers = {
        within[0] for place, tree in trees().items() for within, _, name in uses(tree) if within and name == "_applied"
    }
    assert callers == {"apply_plan"}


def test_every_command_is_listed_and_those_with_a_plan_pass_the_choke_point() -> None:
    commands = dict(leaves(cli))
    with_plan = {name for name, command in commands.items() if any("--plan" in one.opts for one in command.params)}
    assert with_plan == set(WITH_PLAN)
    assert set(commands) - with_plan <= {name for names in WITHOUT_PLAN.values() for name in names}
    for name, carries_out in WITH_PLAN.items():
        callback = inspect.unwrap(commands[name].callback)  # type: ignore[arg-type]
        assert carries_out in {called for _, _, called in uses(ast.parse(inspect.getsource(callback)))}


def test_every_notebook_with_a_plan_passes_the_choke_point() -> None:
    """Its parameters `plan` and `reason` go into a `Request`, which acts only through `carry_out`."""
    found = {name: tree for name, tree in notebooks().items() if _takes_plan(tree)}
    assert len(found) == 5
    for name, tree in found.items():
        named = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("plan", "reason")]
        handed_on = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_handed(node)]
        assert len(handed_on) == 1, name
        assert sum(isinstance(node.ctx, ast.Load) for node in named) == 2, name
        maker = ast.unparse(handed_on[0].func)
        module = next(
            str(node.module)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and maker in {each.name for each in node.names}
        )
        assert get_type_hints(getattr(import_module(module), maker))["return"] is Request, name
    methods = [name for name, member in vars(Request).items() if inspect.isfunction(member) and name[0] != "_"]
    assert methods == ["carried_out"]
    assert "carry_out" in {called for _, _, called in uses(ast.parse(inspect.getsource(Request.carried_out).strip()))}


def _takes_plan(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "plan" for node in ast.walk(tree))


def _is_handed(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(isinstance(each, ast.Name) and each.id == "plan" for each in given)


def test_a_bypass_would_be_found() -> None:
    """Check the inspection itself: it finds a step that drops a table through the platform's warehouse."""
    tree = ast.parse("def tidy(scope):\n    away = scope.platform.warehouse.drop\n    away([1])\n")
    assert (("tidy",), "scope.platform.warehouse", "drop") in set(uses(tree))
    assert "drop" in changing_methods()
