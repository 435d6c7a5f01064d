# The `runbook` command as a container: docs/how-to/deploy.md.
FROM python:3.11-slim

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Time zones come from the locked package tzdata, not from the base image's older copy.
ENV PYTHONTZPATH=""
WORKDIR /app

# deploy_verify compares what is deployed with the services' repository.
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*

# Before the code, so that a change of the code does not install everything once more. The lock
# is that of the core and [runbooks]; JupyterLab and the tests have theirs.
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY lib/__init__.py lib/__init__.py
RUN pip install --requirement requirements.lock && pip install --no-deps --editable .

COPY lib lib
COPY rehearsal rehearsal
COPY notebooks notebooks
COPY params params

# Compiled once here instead of at each start; the user below cannot write beside the code.
RUN python -m compileall -q lib rehearsal \
    && useradd --create-home --uid 10001 runbook \
    && mkdir /data && chown runbook /data
USER runbook

# RUNBOOK_OUTPUTS=gs://bucket/prefix where the container's disk ends with it.
ENV RUNBOOK_HOME=/data/state RUNBOOK_OUTPUTS=/data/outputs

# In exec form the command is process 1 and hears SIGTERM itself: a run then stops in good order.
STOPSIGNAL SIGTERM
# Of a container that runs `schedule run`: unhealthy when the newest time of an entry passed and nothing ran.
HEALTHCHECK --interval=5m --timeout=60s --start-period=2m CMD ["runbook", "schedule", "list", "--count", "0", "--check"]
ENTRYPOINT ["runbook"]
CMD ["--help"]
