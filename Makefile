# Every target sets up what it needs in .venv: `make help`.

PYTHON ?= python3
READY := .venv/ready
LAB := .venv/ready-lab
COMMA := ,
DEV := .venv/ready-dev

# Settings of the caller's own Python must not reach ours. uv does not compile what it installs: the first run does.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE PIP_USER PIP_TARGET PIP_PREFIX UV_PYTHON UV_SYSTEM_PYTHON UV_TARGET UV_PREFIX

# The lock on this file lets a second make wait for the first one's set-up and then find it done.
define ALONE
exec 9< Makefile; $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
endef

# uv takes seconds and uses the index that pip is set to. pip takes a minute: only where uv is missing or fails.
# A terminal shows progress, a log only errors.
define INSTALL
quiet=$$(test -t 2 || echo -q); \
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$$@"; }; \
uv=$$(command -v uv || echo .venv/bin/uv); \
index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$(pip config get global.index-url 2>/dev/null)}}; \
test -z "$$index" || export UV_DEFAULT_INDEX="$$index"; \
test -x "$$uv" || pip install -q --only-binary :all: --retries 1 'uv>=0.9,<1'; \
install() { \
	test -x "$$uv" && "$$uv" pip install $$quiet --python .venv/bin/python "$$@" || \
	{ echo "Without uv, by pip: a minute or two..." >&2; pip install $$quiet "$$@"; }; }
endef

# A virtual environment works only where it was made and while its Python exists.
ifneq ($(shell test -x .venv/bin/python && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.PHONY: help demo test lab check proof model bench bench-quick airflow old-pins readme docs pictures lock dist clean
.DEFAULT_GOAL := help

help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: $(READY) ## replay the incident, run the runbooks, build the index of reports
	@.venv/bin/runbook demo

test: $(DEV) $(LAB) ## run the tests
	@.venv/bin/pytest

lab: $(LAB) ## open working copies of the notebooks in JupyterLab
	@.venv/bin/runbook lab

check: $(DEV) ## lint, formatting (notebooks too), types, imports, and the security of the workflows
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy --strict lib rehearsal
	@.venv/bin/python -m tests.house.the_map
	@.venv/bin/zizmor --offline --quiet .github

proof: $(DEV) ## simulation, model and real processes; writes docs/PROOF.md (needs spin and gcc)
	@.venv/bin/python -m proof run

model: $(DEV) ## check every state of the lock's and the fence's protocol (needs spin and gcc)
	@.venv/bin/python -m proof.model

bench: $(DEV) $(LAB) .venv-dbt/ready ## compare with what people would use instead; writes docs/BENCHMARKS.md
	@.venv/bin/python -m bench

bench-quick: $(DEV) $(LAB) .venv-dbt/ready ## the same in smaller sizes, in two minutes
	@.venv/bin/python -m bench --quick

airflow: .venv-airflow/ready ## Airflow in an environment of its own, on which tests try the DAGs made for it

old-pins: .venv-old-pins/ready ## what the services pin in an environment of its own, in which tests try the core

readme: $(READY) ## renew docs/reference from the code
	@.venv/bin/python -m tests.house.reference

docs: $(DEV) ## build the documentation in site/, with the reports of a demo
	@.venv/bin/python -m tests.docs.site $(OUTPUTS)

pictures: $(DEV) ## draw the README's pictures again, from a replay of the demo
	@.venv/bin/python -m tests.house.pictures $(OUTPUTS)

lock: $(DEV) ## renew the requirements*.lock, with their hashes, from the ranges in pyproject.toml
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT; $(INSTALL); set -e; \
	compile="$$uv pip compile -q --no-annotate --no-header --python-version 3.11 pyproject.toml"; \
	pins() { $$compile --generate-hashes -c "$$fresh/pins" "$$@" > "$$fresh/new"; }; \
	added() { awk '/^[^ ]/ { pin = $$1 } NR == FNR { known[pin]; next } !(pin in known)' requirements.lock "$$fresh/new" > $$1; }; \
	$$compile --extra all --extra dev > "$$fresh/pins"; \
	pins --extra runbooks --extra metrics; cp "$$fresh/new" requirements.lock; \
	pins --extra all; added requirements-lab.lock; \
	pins --extra runbooks --extra mcp --extra metrics --extra dev; added requirements-dev.lock

dist: $(DEV) .venv-dist/ready ## build the package and its bill of materials (CycloneDX) in dist/
	@rm -rf dist; .venv/bin/python -m hatchling build -d dist && \
	.venv-dist/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
		--mc-type library -o dist/sbom.cdx.json

clean: ## remove .venv and caches; runs and state stay
	@rm -rf .venv .venv-* .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache site
	@find lib rehearsal proof tests -name __pycache__ -prune -exec rm -rf {} +

# Environments of their own, for what must not share .venv. Use: $(call APART,PYTHON,WHAT TO INSTALL)
define APART
	@echo "Setting up $(@D) (once, half a minute)..."; \
	$(1) -m venv --clear $(@D) && \
	{ $(@D)/bin/python -m pip -qq --disable-pip-version-check --no-input install $(2) \
		> $(@D)/install.log 2>&1 || { tail -n 5 $(@D)/install.log >&2; exit 1; }; } && \
	touch $@
endef

# For releases alone.
.venv-dist/ready:
	$(call APART,$(PYTHON),'cyclonedx-bom>=7$(COMMA)<8')

# It pins most of its libraries to other versions than ours. It is for tests alone.
.venv-airflow/ready:
	$(call APART,$(PYTHON),'apache-airflow>=3.3$(COMMA)<4')

# Its libraries have no wheels for Python 3.13.
.venv-old-pins/ready: tests/gcp/old_pins.txt
	$(call APART,$$(command -v python3.11 || echo $(PYTHON)),-r $<)

# An opponent of the benchmarks.
.venv-dbt/ready: bench/dbt_project/requirements.txt
	$(call APART,$(PYTHON),-r $<)

# Without the mark of a finished set-up, half of one may lie there: it begins again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) says: $$($(PYTHON) -V 2>&1 | head -n 1)." \
			"Name another one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks its venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(ALONE); \
	done_here() { test -x .venv/bin/python && test "$$(cat $@ 2>/dev/null)" = "$(CURDIR)"; }; \
	if done_here && test $@ -nt requirements.lock && test $@ -nt pyproject.toml; then exit 0; fi; \
	echo "Setting up .venv (once, half a minute)..."; \
	done_here || $(PYTHON) -m venv --clear .venv || exit 1; \
	rm -f $@; $(INSTALL); \
	install -r requirements.lock && install --no-deps -e . && printf %s "$(CURDIR)" > $@

# What the demo does without: requirements-lab.lock, requirements-dev.lock.
.venv/ready-%: requirements-%.lock $(READY)
	@$(ALONE); \
	if test $@ -nt $< && test $@ -nt $(READY); then exit 0; fi; \
	echo "Adding the packages of $<..."; \
	$(INSTALL); install -r $< && touch $@
