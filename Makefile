# The dozen verbs. `make` alone explains them. Needs python3 >= 3.11 and make, nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help audit sbom setup browser demo test up down status wipe check unit bench docs migrate rebuild rehearse campaign slice topics

PYTHON3 ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
PY := $(BIN)/python
BOOT := .venv/boot
# The long ones first: what is short fills the time of whoever is done.
SUITES := tests/e2e tests/integration tests/laws tests/contracts tests/unit
SHIPPED := schemas streams connectors sql compose
SOURCES := $(SHIPPED) tests

# Settings given on the command line (`make up WORKERS=2 STALE_SECONDS=60`) reach the processes as environment.
export PYTHONUNBUFFERED := 1
# Compiled modules are kept, whatever the machine says: without them each of the plant's processes takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
PLANT ?= local
RUN_DIR ?= .run
export PLANT RUN_DIR
ONLY ?=
DURATION ?=
# Suites that run side by side: most of their time is waiting for plants that start and for sessions that time out.
JOBS ?= 2
s ?=

help: ## this list
	@echo "Usage: make VERB [NAME=value ...]"
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo "Settings: RUN_DIR=.run (where a plant lives), PLANT=local|compose, and every name in schemas/published/settings.md."

demo: .venv/ready ## the whole plant with simulators and a live view; Ctrl-C stops it. DURATION=60 ends by itself
	@exec $(PY) -m compose.local demo $(if $(DURATION),--duration $(DURATION))

test: .venv/ready browser ## everything: check, then every suite against real Kafka, Postgres, MQTT and OPC-UA
	@$(MAKE) --no-print-directory check
	@$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not alone" $(SUITES); beside=$$?; \
	  $(PY) -m pytest -m alone $(SUITES); alone=$$?; test $$beside -eq 0 -a \( $$alone -eq 0 -o $$alone -eq 5 \) # 5: none of them here

up: .venv/ready ## start the plant in the background; WORKERS=2 BROKERS=3 start more of them
	@exec $(PY) -m compose.local up

down: .venv/ready ## stop it; nothing is left running, the data stay
	@exec $(PY) -m compose.local down

status: .venv/ready ## what runs, since when, with how much memory
	@exec $(PY) -m compose.local status

wipe: .venv/ready ## stop it and delete its data
	@exec $(PY) -m compose.local wipe

check: .venv/ready ## linters, types, import rules, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PY) -m mypy $(SOURCES)
	@$(BIN)/lint-imports --no-logo
	@$(PY) -m schemas check
	@$(BIN)/bandit -q -c pyproject.toml -ll -ii -r $(SHIPPED)

audit: sbom ## what we depend on: known holes (needs the network)
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

sbom: .venv/ready ## what we depend on, with hashes and licences, in .run/sbom.json (needs no network)
	@mkdir -p $(RUN_DIR)
	@$(PY) -m tests.sbom $(RUN_DIR)/sbom.json

unit: .venv/ready ## the fast suites: no service is started
	@exec $(PY) -m pytest tests/unit tests/laws tests/contracts

bench: .venv/ready ## the figures, side by side with others; ONLY=name,name runs some of them
	@exec $(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

docs: .venv/ready ## write the generated reference: schemas, AsyncAPI, settings
	@exec $(PY) -m schemas publish

migrate: .venv/ready ## bring the tables of a running plant up to date
	@exec $(PY) -m compose.local run sql migrate

rebuild: .venv/ready ## make the read models again from the log; the old ones stay readable meanwhile
	@exec $(PY) -m compose.local run streams rebuild

rehearse: .venv/ready ## a plant under load is hurt: DURATION=600 SEED=1 RATE=500; writes .run/certificate.json
	@exec $(PY) -m tests.rehearse

campaign: .venv/ready ## a rehearsal for each of SEEDS=1-10, one certificate over all: DURATION=240 RATE=110
	@exec $(PY) -m tests.rehearse.campaign

slice: ## the files of one subject in the order data pass through them: make slice s=work_orders
	@test -n "$(s)" || { echo "Say which subject: make slice s=work_orders"; exit 2; }
	@for place in connectors/registry.py connectors/systems schemas/messages schemas/examples streams/domain streams/topology.py \
	  sql/read_models sql/reads sql/migrations schemas/views connectors/gateway tests/unit tests/laws tests/integration tests/e2e; do \
	  case $$place in *.py) grep -lE '$(s)|$(subst _,-,$(s))' $$place;; \
	  *) find $$place -type f \( -path '*$(s)*' -o -path '*$(subst _,-,$(s))*' \) ! -name '*.pyc' | sort;; esac; done; true

# The console's tests need a Chromium, those of the alert rules a Prometheus; where they can be installed, they are.
# Without them such tests are skipped, and say so.
browser:
	@command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1 || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1 && echo "Installing Prometheus for the tests of the alert rules." \
	  && { apt-get -qq update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends install prometheus; } >/dev/null 2>&1; } \
	  || echo "No Prometheus here: some tests of the alert rules are skipped."
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1 && echo "Installing Chromium for the tests of the console." \
	  && { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install chromium; } >/dev/null 2>&1; } \
	  || echo "No Chromium here: the tests of the console are skipped."

# -- setting up: once, and again when the lock file changes -------------------------------------------------------------

setup: .venv/ready

.venv/ready: requirements.lock
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs python3 of 3.11 or newer; $(PYTHON3) is $$($(PYTHON3) --version 2>&1). Set PYTHON3=/path/to/one."; exit 1; }
	@echo "Setting up .venv: once, and again when requirements.lock changes."
	@test -x $(BOOT)/bin/uv || { echo "  1/3 uv $(UV_VERSION)"; \
	  $(PYTHON3) -m venv $(BOOT) || { echo "python3 -m venv does not work here; install the package python3-venv."; exit 1; }; \
	  $(BOOT)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@test -x $(PY) || { echo "  2/3 an environment"; $(BOOT)/bin/uv venv --quiet --allow-existing --python $(PYTHON3) .venv; }
	@echo "  3/3 the packages of requirements.lock (about 600 MB on disk)"
	@$(BOOT)/bin/uv pip sync $$(test -t 2 || echo --quiet) --compile-bytecode --require-hashes --python $(PY) requirements.lock
	@touch $@
