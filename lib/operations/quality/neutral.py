"""What the rows of any table are held against, where its environment names no file of rules."""

from __future__ import annotations

from lib.environment import Environment
from lib.operations.quality.rules import Limits, QualityRules, ValueRules, load_rules

# Shares of the table's own recent dates; no column is known, so none is judged by its values.
NEUTRAL = QualityRules(
    fewest_dates=3,
    volume_warn_below=0.8,
    volume_fail_below=0.5,
    usual_system_share=0.8,
    thin_below=0.5,
    null_share_rise=0.25,
    unseen_warn_above=0.1,
    unseen_fail_above=0.3,
    most_lines=10,
    usual_days_without_rows=1,
    most_days_without_rows=7,
    written_at_most_hours_before=24,
    columns=(),
    values=ValueRules(
        fewest_dates=7,
        fewest_rows=20,
        bias=Limits(scatters=4, steady=0.1, warn=1.2, fail=1.5),
        share=Limits(scatters=4.5, steady=0.02, warn=0.2, fail=0.3),
        mean=Limits(scatters=5, steady=0.1, warn=0.6, fail=1.2),
        spread=Limits(scatters=5, steady=0.1, warn=0.5, fail=0.8),
    ),
)


def rules_of(environment: Environment) -> QualityRules:
    """The rules of the file that the environment names, or those of any table.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    path = environment.params_file("quality")
    return load_rules(path) if path else NEUTRAL
