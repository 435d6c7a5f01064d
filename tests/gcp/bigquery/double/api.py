"""The REST calls, by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.gcp.bigquery.double import wire
from tests.gcp.bigquery.double.catalogue import Catalogue, Resource
from tests.gcp.bigquery.double.faults import ApiError
from tests.gcp.bigquery.double.jobs import Job, Jobs

Query = Mapping[str, str]
_PAGE = 50
_LONG_POLL_SECONDS = 0.5


class Api:
    """Responds to requests with resources."""

    def __init__(self, catalogue: Catalogue, jobs: Jobs) -> None:
        self._catalogue = catalogue
        self._jobs = jobs
        dataset, table = r"/datasets/(\w+)", r"/datasets/(\w+)/tables/(\w+)"
        self._routes: list[tuple[str, str, Callable[..., Resource]]] = [
            ("POST", "/jobs", lambda body, query: jobs.insert(body).resource),
            ("GET", "/jobs", self._listed),
            ("GET", r"/jobs/([\w-]+)", lambda body, query, job: jobs.get(job).resource),
            ("POST", r"/jobs/([\w-]+)/cancel", lambda body, query, job: {"job": jobs.cancel(job).resource}),
            ("POST", "/queries", self._query),
            ("GET", r"/queries/([\w-]+)", lambda body, query, job: self._results(jobs.get(job), _LONG_POLL_SECONDS)),
            ("POST", "/datasets", lambda body, query: catalogue.add_dataset(body)),
            ("GET", dataset, lambda body, query, name: catalogue.dataset(name)),
            ("DELETE", dataset, lambda body, query, name: catalogue.drop_dataset(name)),
            ("GET", f"{dataset}/tables", self._tables),
            ("POST", f"{dataset}/tables", self._add_table),
            ("GET", table, lambda body, query, *name: catalogue.table(*name)),
            ("PATCH", table, lambda body, query, *name: catalogue.patch_table(*name, body)),
            ("POST", f"{table}/insertAll", self._insert_all),
            ("DELETE", table, lambda body, query, *name: catalogue.drop_table(*name)),
        ]

    def answer(self, method: str, path: str, query: Query, body: Resource) -> Resource:
        inner = path.removeprefix(f"/bigquery/v2/projects/{self._catalogue.project}")
        for allowed, pattern, handler in self._routes:
            found = re.fullmatch(pattern, inner)
            if found and allowed == method:
                return handler(body, query, *found.groups())
        raise ApiError("notFound", f"this double does not answer {method} {path}")

    def _listed(self, body: Resource, query: Query) -> Resource:
        """List the statements of one script, or all jobs that are not statements of a script, newest first."""
        since = int(query.get("minCreationTime", 0))
        mine = [
            job.resource
            for job in reversed(list(self._jobs.by_id.values()))
            if job.statistics.get("parentJobId") == query.get("parentJobId")
            and int(job.statistics["creationTime"]) >= since
        ]
        return _page("jobs", mine, query)

    def _tables(self, body: Resource, query: Query, dataset: str) -> Resource:
        return _page("tables", self._catalogue.listed(dataset), query)

    def _add_table(self, body: Resource, query: Query, dataset: str) -> Resource:
        name, fields = body["tableReference"]["tableId"], body["schema"]["fields"]
        return self._catalogue.add_table(dataset, name, fields, body)

    def _insert_all(self, body: Resource, query: Query, dataset: str, table: str) -> Resource:
        self._catalogue.stream(dataset, table, [row["json"] for row in body["rows"]])
        return {}

    def _query(self, body: Resource, query: Query) -> Resource:
        """Emulate jobs.query: insert the job and return its result if it is fast."""
        job = self._jobs.insert({"configuration": {"query": body}, "jobReference": {"location": body.get("location")}})
        return self._results(job, body.get("timeoutMs", 10_000) / 1000)

    def _results(self, job: Job, wait_seconds: float) -> Resource:
        job.done.wait(wait_seconds)
        if job.done.is_set() and job.error:
            raise job.error
        answer: Resource = {"jobReference": job.resource["jobReference"], "jobComplete": job.done.is_set()}
        if job.done.is_set():
            rows = [wire.cells(row, job.result.fields) for row in job.result.rows]
            read = job.statistics["query"]["totalBytesProcessed"]
            answer |= {"schema": {"fields": job.result.fields}, "rows": rows, "totalRows": str(len(rows))}
            answer |= {"totalBytesProcessed": read}
        return answer


def _page(name: str, found: list[Resource], query: Query) -> Resource:
    start = int(query.get("pageToken", 0))
    more = {"nextPageToken": str(start + _PAGE)} if start + _PAGE < len(found) else {}
    return {name: found[start : start + _PAGE], **more}
