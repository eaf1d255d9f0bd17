# downman: one command for each thing. On a new machine only Python 3.11 or newer, make and git are needed.
# Empty: python3, or the first of python3.11, python3.12, ... where that one is too old.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# The worker type, a distribution of its own, and where it is tested with the other Prefect that it supports.
WORKER := deployments/prefect_warm_process
PREFECT_38 := $(VENV)/prefect-3.8
# Left out: what takes time and has nothing to do with Prefect's version.
PREFECT_38_ARGS ?= -k 'not (twice or environment_of_its_own or cannot_be_preloaded or changed_code or run_once)'
# For `make soak`: --minutes 5
SOAK_ARGS ?=
# For `make chaos`: --orders 50 --minutes 2 --seed 7
CHAOS_ARGS ?=
# For `make audit`
AUDIT_ARGS ?=
# For `make lock`: --upgrade takes the newest of everything, otherwise only what must change does.
LOCK_ARGS ?=
# Programs that the tests use, each with the Debian package that brings it.
TEST_TOOLS := chromium:chromium chromedriver:chromium-driver curl:curl zip:zip unzip:unzip msgfmt:gettext \
  systemctl:systemd nginx:nginx-light promtool:prometheus pg_ctlcluster:postgresql openssl:openssl ip:iproute2
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version=3.11 --generate-hashes --no-header \
  --no-emit-package=prefect-warm-process $(LOCK_ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-prefect-3.8 check bench soak chaos reference lock audit sbom dist clean tools FORCE install uninstall prefect setup site worker
# For `make install`: --yes, --root FOLDER
INSTALL_ARGS ?=
# For `make worker`
QUEUES ?= package,notify,maintenance
# The settings for development; see .env.example.
ENV_FILE ?= .env
SERVICE = $(BIN)/downman --env-file $(ENV_FILE) service

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "Everything else is a command of $(BIN)/downman: see $(BIN)/downman --help"

demo: $(VENV)/installed ## start everything on this machine, until Ctrl-C
	@exec $(BIN)/downman demo

test: $(VENV)/installed-dev tools ## run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# What is installed is the wheel, as somebody gets it who has no checkout.
test-prefect-3.8: $(VENV)/installed-dev
	@rm -rf $(PREFECT_38)
	@umask 022; $(BIN)/python -m venv $(PREFECT_38)
	@umask 022; $(PREFECT_38)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
	  --require-hashes --requirement $(WORKER)/requirements-prefect-3.8.txt
	@umask 022; $(PREFECT_38)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
	  --no-build-isolation ./$(WORKER)
	cd $(WORKER) && $(abspath $(PREFECT_38))/bin/python -m pytest $(PREFECT_38_ARGS)

check: $(VENV)/installed-dev ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed-dev ## run the benchmarks: tables, and JSON beside them
	$(BIN)/python -m tests.benchmarks.packaging
	$(BIN)/python -m tests.benchmarks.workers

soak: $(VENV)/installed-dev ## let the worker run for half an hour, while its processes are killed at random
	$(BIN)/python -m tests.soak $(SOAK_ARGS)

chaos: $(VENV)/installed-dev ## order 200 times while everything fails at random
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

prefect: $(VENV)/installed ## Prefect's server in the foreground, as .env says
	@exec $(SERVICE) prefect

setup: $(VENV)/installed ## update databases, queues and deployments, as .env says
	@exec $(SERVICE) setup

site: $(VENV)/installed ## the site in the foreground, as .env says
	@exec $(SERVICE) site

worker: $(VENV)/installed ## one worker for all queues in the foreground, as .env says; QUEUES=package for one
	@exec $(SERVICE) worker --queues $(QUEUES)

install: $(VENV)/installed ## install the services for systemd, after asking
	@exec $(BIN)/downman install $(INSTALL_ARGS)

uninstall: $(VENV)/installed ## take the services away, after asking
	@exec $(BIN)/downman uninstall $(INSTALL_ARGS)

reference: $(VENV)/installed-dev ## make the reference pages and .env.example from the code
	$(BIN)/python -m tests.reference_pages

lock: $(VENV)/installed-dev ## update the locked requirements from pyproject.toml
	$(LOCK) --extra=demo --group=build pyproject.toml --output-file=requirements.txt
	$(LOCK) --extra=demo --group=build --group=dev pyproject.toml --constraints=requirements.txt --output-file=requirements-dev.txt
	$(LOCK) $(WORKER)/requirements-prefect-3.8.in --output-file=$(WORKER)/requirements-prefect-3.8.txt

audit: $(VENV)/installed-dev ## ask whether anything that is locked has a known vulnerability; ADVISORIES=FOLDER without a network
ifdef ADVISORIES
	$(BIN)/python deployments/make/advisories.py $(ADVISORIES) requirements.txt requirements-dev.txt
else
	@# --strict: what cannot be asked about is a failure, not a success.
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner=off $(AUDIT_ARGS) \
	  --requirement requirements.txt --requirement requirements-dev.txt || { \
	  echo "Not audited, or not clean: see above. Where the package index cannot be asked, AUDIT_ARGS=--vulnerability-service=osv" \
	  "asks the OSV database, and ADVISORIES=FOLDER a copy of https://github.com/pypa/advisory-database." >&2; exit 1; }
endif

sbom: $(VENV)/installed-dev ## write the bill of materials of the wheel (CycloneDX) into dist/downman.cdx.json
	$(BIN)/python deployments/make/sbom.py dist/downman.cdx.json

dist: $(VENV)/installed-dev ## build what can be installed elsewhere: the wheels and source distributions, into dist/
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python=$(BIN)/python --out-dir=dist $(WORKER)
	$(BIN)/uv build --quiet --no-build-isolation --python=$(BIN)/python --out-dir=dist
	@ls dist

clean: ## remove what was installed and cached; the demo's data in .local stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

# The stamps are younger than what they were made from, so a second run does nothing.
INSTALL = @PYTHON='$(PYTHON)' VENV='$(VENV)' sh deployments/make/venv.sh --stamp $@
PROJECTS := $(WORKER) .

$(VENV)/installed: FORCE
	$(INSTALL) --requirements requirements.txt $(PROJECTS)

$(VENV)/installed-dev: FORCE
	$(INSTALL) --requirements requirements-dev.txt --also installed $(PROJECTS)

# Whether there is anything to do is venv.py's to say: it sees more than make does.
FORCE:

# The tests of an earlier version left a program named apt-get on the machine, which installs nothing.
tools:
	@stub="$$(command -v apt-get)"; \
	if [ -n "$$stub" ] && [ "$$(head -n 2 "$$stub" | tr -d '\0')" = "$$(printf '#!/bin/bash\n[ "$$1" = update ] && exit 0')" ]; then \
	  echo "Removing $$stub, a stub that installs nothing: tests of an earlier version of downman left it."; \
	  rm -- "$$stub" || exit 1; \
	fi
	@missing=""; \
	for tool in $(TEST_TOOLS); do \
	  command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "The tests need these Debian packages, which are missing:$$missing" >&2; \
	  echo "As root: apt-get update && apt-get install --no-install-recommends$$missing" >&2; exit 1; \
	fi; \
	echo "Installing what the tests need:$$missing"; \
	apt-get update --quiet=2 && \
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends $$missing >/dev/null || { \
	  echo "apt-get could not install what the tests need:$$missing" >&2; exit 1; }
