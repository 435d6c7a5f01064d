"""The reasons that Google reports for errors, with advice on each."""

from __future__ import annotations

import re

from google.api_core import exceptions

ENABLE = "enable it with: gcloud services enable {api} --project={project}"

# By ErrorInfo.reason (https://docs.cloud.google.com/php/docs/reference/common-protos/latest/Api.ErrorReason)
# or BigQuery's own reason (https://cloud.google.com/bigquery/docs/error-messages). Keys with spaces are ours.
_QUOTA_PROJECT = "gcloud auth application-default set-quota-project {project}"
_BUSY = "too many requests at once: wait a minute and try again"
_BILLING = "enable billing with: gcloud billing projects link {consumer} --billing-account=ACCOUNT"
FIXES = {
    "SERVICE_DISABLED": ENABLE,
    "accessNotConfigured": ENABLE,
    "disabled elsewhere": (
        "enable it in the quota project: gcloud services enable {api} --project={consumer}; or make this project "
        f"the quota project: {_QUOTA_PROJECT}"
    ),
    "no quota project": f"set a quota project for these credentials: {_QUOTA_PROJECT}",
    "USER_PROJECT_DENIED": (
        "you may not use the quota project: ask for roles/serviceusage.serviceUsageConsumer on project {consumer}, "
        f"or set another: {_QUOTA_PROJECT}"
    ),
    "SECURITY_POLICY_VIOLATED": (
        "blocked by VPC Service Controls, whatever your roles: run inside the perimeter, or ask its administrators "
        "for a rule and give them the identifier in this message"
    ),
    "policy tag": (
        "the column is protected by a policy tag: ask for roles/datacatalog.categoryFineGrainedReader on that tag"
    ),
    "BILLING_DISABLED": _BILLING,
    "billingNotEnabled": _BILLING,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
        "log in with: gcloud auth application-default login --scopes=https://www.googleapis.com/auth/cloud-platform"
    ),
    "quotaExceeded": "a quota is exhausted: wait, or raise it for {project} under IAM & Admin > Quotas",
    "rateLimitExceeded": _BUSY,
    "jobRateLimitExceeded": _BUSY,
    "bytesBilledLimitExceeded": "it would read more than maximum_bytes_billed allows: raise the limit, or read less",
    "resourcesExceeded": "the statement exceeds BigQuery's resources: split the batch",
    "stopped": "it was cancelled and rolled back; try again",
    "timeout": "it timed out and was rolled back; try again",
}
DISABLED = ("SERVICE_DISABLED", "accessNotConfigured", "disabled elsewhere")
# Texts of 403s without a reason, or with BigQuery's catch-all "accessDenied". The first match wins.
_BY_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(words, re.IGNORECASE), reason)
    for words, reason in (
        ("requires a quota project, which is not set", "no quota project"),
        ("required permission to use project", "USER_PROJECT_DENIED"),
        ("VPC Service Controls|vpcServiceControlsUniqueIdentifier", "SECURITY_POLICY_VIOLATED"),
        ("protected by policy tag", "policy tag"),
        ("requires billing to be enabled|billing has not been enabled", "BILLING_DISABLED"),
        ("API has not been used in project|it is disabled", "SERVICE_DISABLED"),
    )
)
# gcloud's own project: the quota project of a person's credentials that set none.
_GCLOUDS_PROJECT = "764086051850"


def bigquery_reason(error: BaseException) -> str:
    """Return BigQuery's reason for an error; empty if there is none."""
    details = getattr(error, "errors", None) or [{}]
    return str(details[0].get("reason", "")) if isinstance(details[0], dict) else ""


def reason_of(error: Exception, project_id: str = "") -> str:
    """Return the reason for an error: a key of `FIXES`, or a reason without an entry there."""
    reason = str(getattr(error, "reason", None) or "")
    if reason not in FIXES and isinstance(error, exceptions.Forbidden):
        reason = next((name for words, name in _BY_WORDS if words.search(str(error))), "")
    consumer = consumer_of(error)
    if reason == "SERVICE_DISABLED" and consumer == _GCLOUDS_PROJECT:
        return "no quota project"
    if reason == "SERVICE_DISABLED" and consumer not in ("", project_id):
        return "disabled elsewhere"
    return reason or bigquery_reason(error)


def consumer_of(error: Exception) -> str:
    """Return the id or number of the project whose quota the request used; empty if unknown."""
    metadata = getattr(error, "metadata", None) or {}
    return str(metadata.get("consumer", "")).removeprefix("projects/")[:100]
