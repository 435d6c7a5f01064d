"""Names of batches, as the pipeline gives them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time


def batch_name(kind: str, game_date: date, *, reason: str = "", started_at: datetime | None = None) -> str:
    """``batch_2026-01-17_1768650000``, ``regen_2026-01-17_reason_1768650000``, ``linecheck_…``.

    Args:
        kind: What started it.
        game_date: Its date.
        reason: Why it was started, if a person did.
        started_at: When; the end is that time in seconds. Noon UTC of the date by default.
    """
    started = started_at or datetime.combine(game_date, time(12), UTC)
    parts = (kind, game_date.isoformat(), reason, str(int(started.timestamp())))
    return "_".join(part for part in parts if part)
