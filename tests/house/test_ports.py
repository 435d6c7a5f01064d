"""Every adapter of a platform passes the conformance suite of its port."""

import ast
import inspect

import pytest

from lib.embedded.adapters import EmbeddedAdapters
from lib.gcp.adapters import GoogleAdapters
from lib.places import ROOT
from lib.platform import Adapters

# `Backend` is what the tests of `LockStore` and `ApprovalStore` take, those of other services' locks, too; the metered
# warehouse is the plain one with estimates.
SUITES = {
    "metered_warehouse": "WarehouseSuite",
    "activity": "ActivitySuite",
    "scratch": "ScratchSuite",
    "lock_store": "Backend",
    "approvals": "Backend",
    "batch_states": "BatchStatesSuite",
    "logs": "LogReaderSuite",
    "services": "ServicesSuite",
    "permissions": "PermissionsSuite",
    "commands": "CommandsSuite",
}
PORTS = {name for name, member in vars(Adapters).items() if isinstance(member, property)}


def names_beside(suite: str) -> set[str]:
    """Return the names used in test files that have the suite or a class that extends it."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    trees = [ast.parse(text) for text in texts if suite in text]
    classes = [(tree, node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    beside = [tree for tree, node in classes if suite in {node.name, *map(ast.unparse, node.bases)}]
    return {node.id for tree in beside for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("port", sorted(PORTS - {"warehouse", "query_costs", "principal", "other_lock_stores"}))
def test_every_adapter_passes_the_suite_of_its_port(port: str) -> None:
    handed_out = [inspect.getattr_static(platform, port) for platform in (EmbeddedAdapters, GoogleAdapters)]
    makers = [getattr(member, "func", None) or member.fget for member in handed_out]
    assert {maker.__annotations__["return"] for maker in makers} <= names_beside(SUITES[port])
