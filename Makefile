# Every target sets up what it needs in .venv: `make help`.

PYTHON ?= python3
READY := .venv/ready

PIP := .venv/bin/python -m pip -qq --disable-pip-version-check --no-input

# Settings of the caller's own Python must not reach ours.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX

# A virtual environment works only where it was made and while its Python exists.
ifneq ($(shell test -x .venv/bin/python && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.PHONY: help demo test lab check proof model bench bench-quick airflow old-pins readme lock clean
.DEFAULT_GOAL := help

help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: $(READY) ## replay the incident, run the runbooks, build the index of reports
	@.venv/bin/runbook demo

test: $(READY) ## run the tests
	@.venv/bin/pytest

lab: $(READY) ## open the notebooks in JupyterLab
	@.venv/bin/jupyter-lab notebooks

check: $(READY) ## lint, formatting (notebooks too), types, and who imports whom
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy --strict lib rehearsal
	@.venv/bin/python -m tests.house.the_map

proof: $(READY) ## simulation, model and real processes; writes docs/PROOF.md (needs spin and gcc)
	@.venv/bin/python -m proof run

model: $(READY) ## check every state of the lock's and the fence's protocol (needs spin and gcc)
	@.venv/bin/python -m proof.model

bench: $(READY) .venv-dbt/ready ## compare with what people would use instead; writes docs/BENCHMARKS.md
	@.venv/bin/python -m bench

bench-quick: $(READY) .venv-dbt/ready ## the same in smaller sizes, in two minutes
	@.venv/bin/python -m bench --quick

airflow: .venv-airflow/ready ## Airflow in an environment of its own, on which tests try the DAGs made for it

old-pins: .venv-old-pins/ready ## what the services pin in an environment of its own, in which tests try the core

readme: $(READY) ## renew the README's table of runbooks from the notebooks
	@.venv/bin/python -m tests.house.readme

lock: $(READY) ## renew requirements.lock from the ranges in pyproject.toml
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	.venv/bin/python -m venv "$$fresh" && \
	"$$fresh/bin/python" -m pip -qq --disable-pip-version-check install -e '.[dev]' && \
	"$$fresh/bin/python" -m pip freeze --exclude-editable --exclude setuptools > "$$fresh/pins" && \
	LC_ALL=C sort -f "$$fresh/pins" > requirements.lock

clean: ## remove .venv and caches; runs and state stay
	@rm -rf .venv .venv-* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find lib rehearsal proof tests -name __pycache__ -prune -exec rm -rf {} +

# It pins most of its libraries to other versions than ours. It is for tests alone.
.venv-airflow/ready:
	@echo "Setting up .venv-airflow (once, half a minute)..."; \
	$(PYTHON) -m venv --clear .venv-airflow && \
	{ .venv-airflow/bin/python -m pip -qq --disable-pip-version-check --no-input install 'apache-airflow>=3.3,<4' \
		> .venv-airflow/install.log 2>&1 || { tail -n 5 .venv-airflow/install.log >&2; exit 1; }; } && \
	touch $@

# Its libraries have no wheels for Python 3.13.
.venv-old-pins/ready: tests/gcp/old_pins.txt
	@echo "Setting up .venv-old-pins (once, half a minute)..."; \
	$$(command -v python3.11 || echo $(PYTHON)) -m venv --clear .venv-old-pins && \
	{ .venv-old-pins/bin/python -m pip -qq --disable-pip-version-check --no-input install -r $< \
		> .venv-old-pins/install.log 2>&1 || { tail -n 5 .venv-old-pins/install.log >&2; exit 1; }; } && \
	touch $@

# An opponent of the benchmarks.
.venv-dbt/ready: bench/dbt_project/requirements.txt
	@echo "Setting up .venv-dbt (once, half a minute)..."; \
	$(PYTHON) -m venv --clear .venv-dbt && \
	{ .venv-dbt/bin/python -m pip -qq --disable-pip-version-check --no-input install -r $< \
		> .venv-dbt/install.log 2>&1 || { tail -n 5 .venv-dbt/install.log >&2; exit 1; }; } && \
	touch $@

# The lock on this file lets a second make wait for the first one's set-up and then
# find it done. Without the mark of a finished set-up, half of one may lie there: anew.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) says: $$($(PYTHON) -V 2>&1 | head -n 1)." \
			"Name another one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks its venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@exec 9< Makefile; $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; \
	done_here() { test -x .venv/bin/python && test "$$(cat $@ 2>/dev/null)" = "$(CURDIR)"; }; \
	if done_here && test $@ -nt requirements.lock && test $@ -nt pyproject.toml; then exit 0; fi; \
	echo "Setting up .venv (once, a minute or two)..."; \
	done_here || $(PYTHON) -m venv --clear .venv && rm -f $@ && \
	$(PIP) install -r requirements.lock && \
	$(PIP) install --no-deps -e . && \
	printf %s "$(CURDIR)" > $@
