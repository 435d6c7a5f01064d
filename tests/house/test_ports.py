"""Every adapter that a platform hands out goes through the conformance suite of its port."""

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
    """Every name that is used in a test file with a class that is the suite or extends it."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    trees = [ast.parse(text) for text in texts if suite in text]
    classes = [(tree, node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    beside = [tree for tree, node in classes if suite in {node.name, *map(ast.unparse, node.bases)}]
    return {node.id for tree in beside for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("port", sorted(PORTS - {"warehouse", "query_costs", "principal", "other_lock_stores"}))
def test_every_adapter_of_a_port_goes_through_its_suite(port: str) -> None:
    handed_out = [inspect.getattr_static(platform, port) for platform in (EmbeddedAdapters, GoogleAdapters)]
    makers = [getattr(member, "func", None) or member.fget for member in handed_out]
    assert {maker.__annotations__["return"] for maker in makers} <= names_beside(SUITES[port])
