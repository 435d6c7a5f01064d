"""The conformance suite of changes through the `Services` port, for every adapter.

An adapter's test file subclasses `ServicesSuite` and deploys the service with two
revisions, `OLD` and `NEW`, with all traffic going to the latest. The service and `NEW`
have the labels `LABELS`, `OLD` has none.
"""

from __future__ import annotations

import abc

import pytest

from lib.errors import ChangedMeanwhile, SourceUnavailable, UserError
from lib.ports.services import LATEST, RevisionTraffic, Services

SERVICE = "prediction-coordinator"
OLD, NEW = f"{SERVICE}-00048-xyz", f"{SERVICE}-00049-m7d"
LABELS = {"commit-sha": "0123456789abcdef", "git-branch": "main"}


class ServicesSuite(abc.ABC):
    """Reads reflect writes, and a write requires the version that was read."""

    @pytest.fixture
    @abc.abstractmethod
    def services(self) -> Services:
        """Services of a platform on which `SERVICE` is deployed."""

    def test_what_is_deployed(self, services: Services) -> None:
        status = services.describe(SERVICE)
        assert [revision.name for revision in status.revisions] == [NEW, OLD]
        assert status.traffic == (RevisionTraffic(NEW, 100, follows_latest=True),)
        assert status.routed == {LATEST: 100}
        assert services.describe(SERVICE).version == status.version
        assert services.variable(SERVICE, "CONSOLIDATION_LOCK") is None

    def test_a_revision_keeps_the_labels_of_its_deployment(self, services: Services) -> None:
        status = services.describe(SERVICE)
        assert (status.labels, status.labels_of(NEW), status.labels_of(OLD)) == (LABELS, LABELS, {})
        services.set_variable(SERVICE, "OTHER", "value", version=status.version)
        changed = services.describe(SERVICE)
        assert changed.latest_created_revision not in (NEW, OLD)
        assert changed.labels_of(changed.latest_created_revision) == LABELS

    def test_traffic_goes_where_it_is_routed_and_back(self, services: Services) -> None:
        before = services.describe(SERVICE)
        services.route_traffic(SERVICE, {OLD: 60, NEW: 40}, version=before.version)
        split = services.describe(SERVICE)
        assert set(split.traffic) == {RevisionTraffic(OLD, 60), RevisionTraffic(NEW, 40)}
        services.route_traffic(SERVICE, before.routed, version=split.version)
        assert services.describe(SERVICE).traffic == before.traffic

    @pytest.mark.parametrize("wanted", [{OLD: 99}, {"nobody": 100}, {}, {OLD: 100, NEW: 100}])
    def test_traffic_that_cannot_be_routed_stays(self, services: Services, wanted: dict[str, int]) -> None:
        before = services.describe(SERVICE)
        with pytest.raises((SourceUnavailable, UserError)):
            services.route_traffic(SERVICE, wanted, version=before.version)
        assert services.describe(SERVICE) == before

    def test_a_variable_comes_with_a_new_revision_and_goes_with_another(self, services: Services) -> None:
        before = services.describe(SERVICE)
        services.set_variable(SERVICE, "CONSOLIDATION_LOCK", "off", version=before.version)
        off = services.describe(SERVICE)
        assert [revision.name for revision in off.revisions[1:]] == [NEW, OLD]
        assert off.traffic == (RevisionTraffic(off.latest_ready_revision, 100, follows_latest=True),)
        assert services.variable(SERVICE, "CONSOLIDATION_LOCK") == "off"
        services.set_variable(SERVICE, "OTHER", "kept", version=off.version)
        services.set_variable(SERVICE, "CONSOLIDATION_LOCK", None, version=services.describe(SERVICE).version)
        assert services.variable(SERVICE, "CONSOLIDATION_LOCK") is None
        assert services.variable(SERVICE, "OTHER") == "kept"

    def test_a_new_revision_gets_none_of_the_traffic_of_a_named_one(self, services: Services) -> None:
        services.route_traffic(SERVICE, {NEW: 100}, version=services.describe(SERVICE).version)
        services.set_variable(SERVICE, "CONSOLIDATION_LOCK", "off", version=services.describe(SERVICE).version)
        assert services.variable(SERVICE, "CONSOLIDATION_LOCK") is None
        assert services.describe(SERVICE).traffic == (RevisionTraffic(NEW, 100),)

    def test_a_variable_that_differs_between_revisions_is_unknown(self, services: Services) -> None:
        services.set_variable(SERVICE, "CONSOLIDATION_LOCK", "off", version=services.describe(SERVICE).version)
        services.route_traffic(SERVICE, {LATEST: 50, OLD: 50}, version=services.describe(SERVICE).version)
        with pytest.raises(SourceUnavailable, match="differs"):
            services.variable(SERVICE, "CONSOLIDATION_LOCK")

    def test_a_changed_service_is_not_changed_again(self, services: Services) -> None:
        seen = services.describe(SERVICE)
        services.set_variable(SERVICE, "OTHER", "first", version=seen.version)
        first = services.describe(SERVICE)
        with pytest.raises(ChangedMeanwhile):
            services.set_variable(SERVICE, "OTHER", "second", version=seen.version)
        with pytest.raises(ChangedMeanwhile):
            services.route_traffic(SERVICE, {OLD: 100}, version=seen.version)
        assert services.describe(SERVICE) == first
        assert services.variable(SERVICE, "OTHER") == "first"

    def test_a_missing_service_is_not_created(self, services: Services) -> None:
        with pytest.raises(SourceUnavailable):
            services.route_traffic("nobody", {OLD: 100}, version="1")
        with pytest.raises(SourceUnavailable):
            services.variable("nobody", "OTHER")
