"""A smaller version of the proof: the library breaks no promise, and the seeds in docs/PROOF.md can be replayed."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys

import pytest

from proof.__main__ import DOCUMENT
from proof.campaign import broken_promises, played, tally
from proof.original import ORIGINAL
from proof.variant import Variant
from proof.variants import DEFENCES_OFF, RACED_FENCE_ROWS

_DOCUMENTED = re.compile(
    r"^\| `(?P<name>[a-z-]+)` \|.*\| (?P<what>[a-z ]+) \| [\d,]+ \| (?P<seed>\d+) \|$", re.MULTILINE
)
_FOUND = [(row["name"], row["what"], int(row["seed"])) for row in _DOCUMENTED.finditer(DOCUMENT.read_text("utf-8"))]
_FIRST_SEED = 1_000_000  # seeds that `make proof` does not use


@pytest.mark.parametrize("part", range(16))
def test_no_schedule_of_ours_breaks_a_promise(part: int) -> None:
    first = _FIRST_SEED + 20 * part
    assert tally("ours", range(first, first + 20)).broken == []


def test_racing_fence_rows_are_harmless() -> None:
    raced = Variant("raced", "each consolidation inserts a fence row", [RACED_FENCE_ROWS])
    seeds = range(_FIRST_SEED, _FIRST_SEED + 40)
    assert {seed: found for seed in seeds if (found := played(seed, raced)[1])} == {}


@pytest.mark.parametrize(("name", "what", "seed"), _FOUND)
def test_a_variant_breaks_as_documented(name: str, what: str, seed: int) -> None:
    assert what in broken_promises(name, seed, 1)


def test_every_defence_is_documented_as_broken_without_it_or_as_not_found() -> None:
    document = DOCUMENT.read_text("utf-8")
    found = {name for name, _, _ in _FOUND}
    for variant in (*DEFENCES_OFF, ORIGINAL):
        assert variant.name in found or re.search(rf"\| `{variant.name}` \| [^|]* \| nothing in ", document)
    assert {"no-fence", "fence-only-read", "forced-release-leaves-fence", "ledger-not-asked", "original"} <= found


def test_other_tests_can_log_afterwards() -> None:
    """The library's log lines are evidence that runbooks read."""
    tally("ours", range(_FIRST_SEED, _FIRST_SEED + 1))
    broken_promises("original", 0, 1)
    assert logging.getLogger("lib").isEnabledFor(logging.ERROR)


def test_a_seed_gives_the_same_history_everywhere() -> None:
    """Even if sets and dicts of strings have another order."""

    def history(hash_seed: int) -> str:
        command = [sys.executable, "-m", "proof", "replay", "ours", "42"]
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = history(1)
    assert "COMMIT" in first
    assert history(2) == first
