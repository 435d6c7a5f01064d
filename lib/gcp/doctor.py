"""Checks the setup of a Google Cloud project; each failed check shows the command that mends it."""

from __future__ import annotations

import shlex

from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_admin_v1.types import Database, Field, RealtimeUpdatesMode
from google.oauth2.credentials import Credentials as PersonsCredentials

from lib.environment import Environment
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import (
    BIGQUERY,
    FIRESTORE,
    RESOURCE_MANAGER,
    SERVICE_USAGE,
    ResourceMissing,
    without_secrets,
)
from lib.gcp.needs import APIS, CHANGE_NEEDS, NEEDS, Need
from lib.verdict.check import Check, Looking, Question
from lib.verdict.section import Section
from lib.words.quantities import size_in_bytes

CREDENTIALS = Question("credentials", "Credentials")
ENABLED_APIS = Question("enabled_apis", "Enabled APIs")
PERMISSIONS = Question("permissions", "Permissions")
QUOTA_PROJECT = Question("quota_project", "Quota project")
DATABASE = Question("firestore_database", "Firestore database")
EXPIRY = Question("lock_expiry", "Expiry of old locks")
LOCATION = Question("dataset_location", "Dataset location")
PARTITIONING = Question("partitioning", "Partitioning")
_LOCKS = "consolidation_locks"
_TTL_FIELD = "purge_after"
_USE = "serviceusage.services.use"
# Locations that BigQuery searches for jobs when a request names none.
_FOUND_ANYWAY = ("US", "EU")


def credentials(clients: GoogleClients) -> Check:
    """Check that usable credentials exist, which every other step needs."""
    try:
        found = clients.credentials
    except (GoogleAuthError, OSError) as error:
        step = "Log in: gcloud auth application-default login; or run as a service account."
        said = without_secrets(" ".join(str(error).split()))
        return CREDENTIALS.fails(f"no usable credentials: {said:.300}", step)
    account = getattr(found, "service_account_email", None) or "a user's login"
    kind = type(found).__module__.removeprefix("google.")
    return CREDENTIALS.passes(f"found: {account} ({kind})")


def apis(environment: Environment, clients: GoogleClients) -> Section:
    """Check that each API that runbooks call is enabled."""
    from google.cloud.service_usage_v1 import State

    parent = f"projects/{environment.project_id}"
    request = {"parent": parent, "names": [f"{parent}/services/{api}" for api in APIS]}
    with clients.errors(SERVICE_USAGE):
        listed = clients.service_usage.batch_get_services(request, **clients.reading).services
    enabled = {service.name.rpartition("/")[2] for service in listed if service.state == State.ENABLED}
    missing = [api for api in APIS if api not in enabled]
    project = shlex.quote(environment.project_id)
    question = ENABLED_APIS.on(
        {"needed": len(APIS), "not enabled": missing}, [Looking(f"gcloud services list --enabled --project={project}")]
    )
    if not missing:
        return Section((question.passes(f"all {len(APIS)} are enabled"),))
    fix = f"Enable them: gcloud services enable {' '.join(missing)} --project={project}"
    return Section((question.fails(f"not enabled: {', '.join(missing)}", fix),))


def permissions(environment: Environment, clients: GoogleClients) -> Section:
    """Check that the caller has the permissions that runbooks use."""
    asked = sorted({permission for need in (*NEEDS, *CHANGE_NEEDS) for permission in need.permissions})
    request = {"resource": f"projects/{environment.project_id}", "permissions": asked}
    with clients.errors(RESOURCE_MANAGER):
        held = set(clients.projects.test_iam_permissions(request, **clients.reading).permissions)
    to_look = (_permission_check(environment, clients, need, held) for need in NEEDS)
    to_change = (_change_check(environment, clients, need, held) for need in CHANGE_NEEDS)
    return Section((*to_look, *to_change))


def _permission_check(environment: Environment, clients: GoogleClients, need: Need, held: set[str]) -> Check:
    question, missing = _permission_question(need), need.missing(held)
    if not missing:
        return question.on({"permissions": need.permissions}).passes("all permissions are granted")
    grant = _grant(environment, clients, need)
    question = question.on({"missing": missing, "role": need.role})
    if need.may_come_from_dataset:
        summary = f"not granted on the project: {', '.join(missing)}; grants on the dataset cannot be checked"
        step = f"If dataset {environment.table_spec.table.dataset} does not grant them, add the role: {grant}"
        return question.unknown(summary, step)
    return question.fails(f"missing: {', '.join(missing)}", f"Add the role: {grant}")


def _change_check(environment: Environment, clients: GoogleClients, need: Need, held: set[str]) -> Check:
    """Pass either way: most people only read, so a missing permission is not a fault."""
    question, missing = _permission_question(need), need.missing(held)
    if not missing:
        return question.passes("granted")
    summary = f"not granted, needed only for making such changes: {', '.join(missing)}"
    step = f"If you are to make them, add the role: {_grant(environment, clients, need)}"
    return question.on({"missing": missing, "role": need.role}).passes(summary, step)


def _permission_question(need: Need) -> Question:
    return Question(f"permission_{need.id}", f"Permission: {need.purpose}")


def _grant(environment: Environment, clients: GoogleClients, need: Need) -> str:
    project = shlex.quote(environment.project_id)
    return f"gcloud projects add-iam-policy-binding {project} --member={clients.member} --role={need.role}"


def database(environment: Environment, clients: GoogleClients) -> Section:
    """Check that the database of the locks exists and that Firestore clients can use it."""
    commands = [Looking(f"gcloud firestore databases describe {_database_option(environment)}")]
    try:
        with clients.errors(FIRESTORE):
            found = clients.firestore_admin.get_database(name=_database_path(environment), **clients.reading)
    except ResourceMissing:
        step = f"Create it: {_creation(environment, environment.google.firestore_database)}"
        return Section((DATABASE.on({}, commands).fails("database not found", step),))
    evidence = {"location": found.location_id, "mode": found.type_.name, "edition": found.database_edition.name}
    return Section((_database_check(environment, found, DATABASE.on(evidence, commands)),))


def _database_check(environment: Environment, found: Database, question: Question) -> Check:
    """Check that Firestore's own clients can use the database."""
    create = _creation(environment, "consolidation-locks")
    another = f"Create a database for the locks and set google.firestore_database to its name: {create}"
    access, modes = found.firestore_data_access_mode, Database.DataAccessMode
    if found.type_ != Database.DatabaseType.FIRESTORE_NATIVE:
        return question.fails("database is in Datastore mode", another)
    if access == modes.DATA_ACCESS_MODE_DISABLED:
        return question.fails("database refuses Firestore clients: firestoreDataAccessMode is disabled", another)
    if found.database_edition == Database.DatabaseEdition.ENTERPRISE and access != modes.DATA_ACCESS_MODE_ENABLED:
        summary = "Enterprise database that may refuse Firestore clients: firestoreDataAccessMode is not set"
        return question.warns(summary, f"If firestoreDataAccessMode is not enabled: {another}")
    if found.realtime_updates_mode == RealtimeUpdatesMode.REALTIME_UPDATES_MODE_DISABLED:
        summary = "realtime updates are off: waiting consolidations poll their lock every second"
        return question.warns(summary, f"{another} --edition=enterprise --enable-realtime-updates")
    return question.passes("Native mode, open to Firestore clients")


def _creation(environment: Environment, database: str) -> str:
    return (
        f"gcloud firestore databases create --database={shlex.quote(database)} "
        f"--project={shlex.quote(environment.project_id)} --location={shlex.quote(environment.region)} "
        "--type=firestore-native"
    )


def expiry_policy(environment: Environment, clients: GoogleClients) -> Section:
    """Check that Firestore removes lock documents that were never released."""
    place = f"--collection-group={_LOCKS} {_database_option(environment)}"
    question = EXPIRY.on({}, [Looking(f"gcloud firestore fields ttls list {place}")])
    request = {"parent": f"{_database_path(environment)}/collectionGroups/{_LOCKS}", "filter": "ttlConfig:*"}
    with clients.errors(FIRESTORE):
        listed = list(clients.firestore_admin.list_fields(request, **clients.reading))
    states = {field.name.rpartition("/")[2]: field.ttl_config.state for field in listed}
    state = states.get(_TTL_FIELD)
    if state == Field.TtlConfig.State.ACTIVE:
        return Section((question.passes(f"Firestore deletes lock documents after {_TTL_FIELD}"),))
    if state == Field.TtlConfig.State.CREATING:
        return Section((question.warns(f"TTL policy on {_TTL_FIELD} is being created", "Check again in an hour."),))
    step = f"Create it: gcloud firestore fields ttls update {_TTL_FIELD} {place} --enable-ttl"
    summary = f"no TTL policy on {_TTL_FIELD}: unreleased locks are never deleted (once expired, they block nobody)"
    return Section((question.warns(summary, step),))


def dataset_location(environment: Environment, clients: GoogleClients) -> Section:
    """Check that the dataset is in the configured location; elsewhere BigQuery reports it as not found."""
    setting, dataset = environment.google.bigquery_location, environment.table_spec.table.dataset
    place = shlex.quote(f"{environment.project_id}:{dataset}")
    question = LOCATION.on({}, [Looking(f"bq show --format=prettyjson {place}")])
    try:
        with clients.errors(BIGQUERY):
            found = clients.bigquery.get_dataset(f"{environment.project_id}.{dataset}", **clients.reading).location
    except ResourceMissing:
        step = f"Create it: bq mk --location={shlex.quote(setting or environment.region)} --dataset {place}"
        return Section((question.fails(f"dataset {dataset} not found", step),))
    location = str(found)
    if location.casefold() == setting.casefold() or (not setting and location in _FOUND_ANYWAY):
        return Section((question.passes(f"{dataset} is in {location}"),))
    summary = f"{dataset} is in {location}, but google.bigquery_location is {setting or 'not set'}"
    step = f"Set google.bigquery_location: {location} in the environment's file (params/environments)."
    return Section((question.fails(summary, step),))


def quota_project(environment: Environment, clients: GoogleClients) -> Section:
    """Check the project that a person's requests are charged to; a service account has its own."""
    return Section((_quota_check(environment.project_id, clients),))


def _quota_check(project: str, clients: GoogleClients) -> Check:
    choose = f"gcloud auth application-default set-quota-project {shlex.quote(project)}"
    if not isinstance(clients.credentials, PersonsCredentials):
        return QUOTA_PROJECT.passes("not needed: not a person's credentials")
    found = str(clients.credentials.quota_project_id or "")
    if not found:
        summary = "credentials without a quota project, which several APIs refuse"
        return QUOTA_PROJECT.fails(summary, f"Set it: {choose}")
    request = {"resource": f"projects/{found}", "permissions": [_USE]}
    with clients.errors(RESOURCE_MANAGER):
        held = clients.projects.test_iam_permissions(request, **clients.reading).permissions
    if _USE not in held:
        role = f"--member={clients.member} --role=roles/serviceusage.serviceUsageConsumer"
        grant = f"gcloud projects add-iam-policy-binding {shlex.quote(found)} {role}"
        step = f"Add the role: {grant}; or use another project: {choose}"
        return QUOTA_PROJECT.fails(f"not allowed to use {found}: missing {_USE}", step)
    if found != project:
        summary = f"requests use the APIs and quotas of {found}, not those of {project}"
        return QUOTA_PROJECT.warns(summary, f"Unless that is intended: {choose}")
    return QUOTA_PROJECT.passes(f"requests use the quotas of {found}")


def partitioning(environment: Environment, clients: GoogleClients) -> Section:
    """Check that the main table is partitioned by its date; otherwise every MERGE reads all of it."""
    spec = environment.table_spec
    commands = [Looking(f"bq show --format=prettyjson {shlex.quote(f'{environment.project_id}:{spec.table}')}")]
    try:
        with clients.errors(BIGQUERY):
            table = clients.bigquery.get_table(f"{environment.project_id}.{spec.table}", **clients.reading)
    except ResourceMissing:
        return Section(())  # The check "Main table" reports it.
    field = (table.time_partitioning.field or "") if table.time_partitioning else ""
    size = table.num_bytes or 0
    evidence = {"partitioned by": field or "nothing", "rows": table.num_rows, "size": size_in_bytes(size)}
    question = PARTITIONING.on(evidence, commands)
    if field == spec.date_column:
        return Section((question.passes(f"partitioned by {field}"),))
    copy = spec.table.sibling(f"{spec.table.table}_partitioned")
    statement = f"CREATE TABLE {copy} PARTITION BY {spec.dates.partition} AS SELECT * FROM {spec.table}"
    step = (
        "While no consolidation runs, create a partitioned copy, compare it with the table, then swap their names: "
        f"bq query --use_legacy_sql=false {shlex.quote(statement)}"
    )
    summary = f"not partitioned by {spec.date_column}: each MERGE reads the whole table ({size / 1e6:,.0f} MB)"
    return Section((question.warns(summary, step),))


def _database_path(environment: Environment) -> str:
    return f"projects/{environment.project_id}/databases/{environment.google.firestore_database}"


def _database_option(environment: Environment) -> str:
    database = shlex.quote(environment.google.firestore_database)
    return f"--database={database} --project={shlex.quote(environment.project_id)}"


STEPS = (
    (ENABLED_APIS, apis),
    (PERMISSIONS, permissions),
    (QUOTA_PROJECT, quota_project),
    (DATABASE, database),
    (EXPIRY, expiry_policy),
    (LOCATION, dataset_location),
    (PARTITIONING, partitioning),
)
