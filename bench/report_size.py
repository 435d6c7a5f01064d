"""Size of a report with three plots and three tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.result import Result
from bench.setting import Setting

_MOST_KB = 500
_CELL = """
import matplotlib
import matplotlib.pyplot as plt
import pandas
from IPython.display import display
from lib.verdict.check import Question
from lib.verdict.conclusion import conclude
matplotlib.use("agg")
matplotlib.rcParams["figure.dpi"] = 100
for plot in range(3):
    figure, axes = plt.subplots(figsize=(8, 3))
    axes.plot([(day * 37 + plot) % 50 for day in range(60)], marker="o")
    display(figure)
    plt.close(figure)
for table in range(3):
    display(pandas.DataFrame([{f"column {c}": r * c + table for c in range(8)} for r in range(40)]))
conclude([Question("rows", "Rows").passes("587 rows")])
"""


def results(setting: Setting) -> Iterator[Result]:
    size = _report(setting).stat().st_size / 1000
    yield Result(
        "size of a report with three plots and three tables of 40 rows",
        "-",
        f"{size:.0f} KB",
        "",
        f"under {_MOST_KB} KB",
        f"{size:.0f} KB",
        size < _MOST_KB,
    )


def _report(setting: Setting) -> Path:
    from lib.archive.archive import Archive
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.execution import execute

    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "plots",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": _CELL,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (setting.folder / "three_plots.ipynb").write_text(json.dumps(notebook))
    archive = Archive(setting.folder / "outputs")
    run = execute(find_runbook("three_plots", setting.folder), archive=archive, progress=False)
    assert run.exit_code == 0, run.record.headline
    return Path(archive.store.address(run.report))
