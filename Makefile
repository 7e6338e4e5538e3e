# Each target creates the environment if needed: a fresh clone needs only git, make and Python 3.11 to 3.13.
.DEFAULT_GOAL := help
.PHONY: help env merging activate installed repro up compose-env test test-system test-faults soak bench check audit sbom lock

PYTHON ?= python3
UV := uv pip
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --custom-compile-command "make lock"
# Extras with a lock of their own, requirements-NAME.lock.
EXTRAS := gpu remotes ray audit
# What one extra needs besides, to a file, without the list of the rest.
compile_extra = $(COMPILE) --extra $(1) pyproject.toml --constraints requirements.lock -o $(2) \
  $$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' requirements.lock) && sed -i '/^$$/,$$d' $(2)
# Exported rather than written into commands: a shell would split and expand the folder's name.
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# No telemetry.
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := 1

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-12s %s\n", $$1, $$2}'

# The container image brings its own environment, and names it in this variable.
ENVIRONMENT := $(if $(LOCKSTEP_ENVIRONMENT),installed,.venv/ready)
env: $(ENVIRONMENT) .lockstep/vega.js merging  ## create .venv from requirements.lock, checking every file's hash

installed:
	@cmp -s requirements.lock $(LOCKSTEP_ENVIRONMENT)/requirements.lock || \
	  { echo "make env: requirements.lock differs from the one that $(LOCKSTEP_ENVIRONMENT) was made from: build the image again" >&2; exit 4; }

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "make env: got $$($(PYTHON) --version), expected 3.11 to 3.13: make env PYTHON=python3.12" >&2; exit 4; }
	@case "$$PWD" in (*[:?[:cntrl:]]*) echo "make env: got a colon, a question mark or a line break in the" \
	  "folder's name, expected none; move the project" >&2; exit 4;; esac
	@$(PYTHON) -m venv --clear .venv || \
	  { echo "make env: $(PYTHON) can't create virtual environments, install the package python3-venv" >&2; exit 4; }
	@awk '/^[^ #]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.lock
	python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@# Commands find their Python by their own place: a #! line can't have each folder's name.
	@echo "relocatable = true" >> .venv/pyvenv.cfg
	@$(MAKE) --no-print-directory activate
	$(UV) install --quiet --compile-bytecode --require-hashes --no-deps -r requirements.lock
	@# setuptools takes a $$ in the environment's path for the start of a variable: the link has none.
	@link=$$(mktemp -d)/project && ln -s "$$PWD" "$$link" && \
	  VIRTUAL_ENV="$$link/.venv" $(UV) install --quiet --no-deps --no-build-isolation --editable .; \
	  code=$$?; rm -r "$${link%/*}"; exit $$code
	python -m pipelines.servers.prefect_template
	@touch $@

.lockstep/vega.js: $(ENVIRONMENT)
	@python -m lockstep.versioning.plots_page .

merging: $(ENVIRONMENT)  # of dvc.lock and results, by git: see .gitattributes
	@python -m lockstep.versioning.git_merging .

# Python writes the folder's name there between double quotes, in which a shell expands a $$.
activate:
	@python -c 'import os, pathlib, shlex; file = pathlib.Path(".venv/bin/activate"); \
	  folder = os.path.abspath(".venv"); text = file.read_text(encoding="utf-8"); \
	  file.write_text(text.replace(f"\"{folder}\"", shlex.quote(folder)), encoding="utf-8")'

repro: env  ## reproduce the experiment of params.yaml: dvc repro
	dvc repro

# Not the HOST that a shell may have exported.
up: env  ## run MLflow, Prefect with a worker, and TensorBoard until Ctrl-C
	lockstep up $(if $(and $(filter command line,$(origin HOST)),$(HOST)),--host $(HOST))

compose-env: env  ## write .env with random passwords for compose.yaml
	@python -m pipelines.servers.compose_passwords

test: env  ## run the tests that need no system package
	pytest -n 2 --dist loadfile -m "not system"

# Beside the environment: tests need DVC both with them and without, and few people need Ray.
.venv/%/ready: requirements-%.lock $(ENVIRONMENT)
	$(UV) install --quiet --require-hashes --no-deps --target .venv/$* -r requirements-$*.lock
	@touch $@

test-system: env .venv/remotes/ready .venv/ray/ready  ## run the tests with servers, browsers, databases, or minutes of training
	pytest -n 3 --dist loadfile --no-loadscope-reorder -m system

test-faults: env .venv/remotes/ready  ## run the tests of all faults, and write docs/reliability.md
	python -m tests.faults.report $(if $(SHARE),--share $(SHARE))

soak: env  ## kill 200 runs, run 200 trials in one process tree, fill disks, clean up after a week, run 100 flows, fuzz an hour
	python -m tests.faults.soak kills
	python -m tests.faults.soak sweep
	python -m tests.faults.soak disk
	python -m tests.faults.soak week
	python -m tests.faults.soak runs
	python -m tests.faults.mutations
	LOCKSTEP_FUZZ_EXAMPLES=16000 pytest tests/fuzz tests/data/test_table_fuzz.py

bench: env  ## run all benchmarks; see docs/performance.md and docs/scale.md
	python -m benchmarks.trainer
	python -m benchmarks.streaming
	python -m benchmarks.exactness
	python -m benchmarks.interruptions
	python -m benchmarks.cache_check
	python -m benchmarks.tracking
	python -m benchmarks.ingest
	python -m benchmarks.pipeline
	python -m benchmarks.scale
	python -m benchmarks.sweep
	python -m benchmarks.reference

check: env  ## check style, types, import contracts, and that requirements.lock is up to date
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-logo
	hadolint Dockerfile
	check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	kubernetes-validate --quiet --strict docs/kubernetes/training.yaml docs/kubernetes/workspace.yaml
	@cp requirements.lock .venv/expected.lock && $(COMPILE) --extra dev pyproject.toml -o .venv/expected.lock
	@diff requirements.lock .venv/expected.lock || { echo "requirements.lock is out of date: make lock" >&2; exit 1; }
	@set -e; for extra in $(EXTRAS); do \
	  lock=requirements-$$extra.lock; cp $$lock .venv/expected.lock; $(call compile_extra,$$extra,.venv/expected.lock); \
	  diff $$lock .venv/expected.lock || { echo "$$lock is out of date: make lock" >&2; exit 1; }; \
	done

audit: env .venv/audit/ready  ## compare the lock files with the advisories; exceptions are in .ci/audit.toml
	python .ci/audit.py

sbom: env .venv/audit/ready  ## write the software bill of materials, CycloneDX, from the lock files: sbom.cdx.json
	@cat requirements.lock requirements-remotes.lock requirements-ray.lock requirements-gpu.lock > .venv/all.lock
	PYTHONPATH=.venv/audit python -m cyclonedx_py requirements .venv/all.lock --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o sbom.cdx.json

lock: env  ## rewrite the lock files from pyproject.toml, and versions.txt from them
	$(COMPILE) --extra dev pyproject.toml -o requirements.lock
	@set -e; for extra in $(EXTRAS); do $(call compile_extra,$$extra,requirements-$$extra.lock); done
	python -m lockstep.config.versions .
