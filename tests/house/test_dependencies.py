"""pyproject.toml is the source; every other list of dependencies agrees with it."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lib.places import ROOT

# conda-forge publishes these under another name.
CONDA_NAMES = {"duckdb": "python-duckdb"}
# conda-forge does not have these.
PIP_ONLY = {"axe-playwright-python", "playwright", "zetasql"}


def declared() -> dict[str, Requirement]:
    """Every requirement of pyproject.toml, run time and dev, by canonical name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = project["dependencies"] + project["optional-dependencies"]["dev"]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, texts)}


def pinned() -> dict[str, str]:
    """Version by canonical name, as locked."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_environment_yml_mirrors_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    *conda, pip_section = environment["dependencies"]

    requirements = declared()
    from_pip = [str(requirements.pop(name)) for name in sorted(PIP_ONLY)]
    expected = {CONDA_NAMES.get(name, name): item.specifier for name, item in requirements.items()}
    found = {item.name: item.specifier for item in map(Requirement, conda)}
    assert str(found.pop("python")) == project["requires-python"]
    assert found.pop("pip") == ""
    assert found == expected
    assert pip_section["pip"][0] == "-e ."
    assert list(map(Requirement, pip_section["pip"][1:])) == list(map(Requirement, from_pip))
    assert environment["name"] == project["name"]


@pytest.mark.parametrize("name", declared())
def test_lock_pins_each_dependency_within_its_range(name: str) -> None:
    assert declared()[name].specifier.contains(pinned()[name])


def test_lock_holds_sorted_pins_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert lines == sorted(lines, key=lambda line: line.upper())


@pytest.mark.parametrize("name", declared())
def test_contributing_gives_each_dependency_a_reason(name: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|[^|]*`{re.escape(name)}`[^|]*\| *\w[^|]*\|$", text, re.MULTILINE)
