"""Metrics as text, in Prometheus' own format: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Source(Protocol):
    """A source of metrics."""

    def families(self) -> Iterator[Metric]: ...


class _Once(Collector):
    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Join families of the same name, from several environments, into one."""
        found: dict[str, Metric] = {}
        for source in self._sources:
            for family in source.families():
                known = found.setdefault(family.name, family)
                if known is not family:
                    known.samples += family.samples
        yield from found.values()

    def describe(self) -> Iterator[Metric]:
        return iter(())


def as_text(sources: Iterable[Source]) -> bytes:
    """Return all metrics of the sources, in UTF-8."""
    registry = CollectorRegistry()
    registry.register(_Once(sources))
    return generate_latest(registry)
