# make demo    the figures move in your terminal; needs Python 3.11+ and make
# make test    everything is proved: lint, types, walls, all suites; needs Java and Maven too (a real Kafka)
# Both set themselves up from nothing. Second runs start at once.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
KAFKA := .cache/kafka/classes.jsa
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# --- what the machine must bring -------------------------------------------------------------------------------------

# $(call need,command,what it is for,how to install it): names what is missing and goes on to the next one
need = command -v $(1) >/dev/null || { echo "make: '$(1)' is missing ($(2)). Install it: $(3)" >&2; missing=1; }

.PHONY: need-tools
need-tools:
	@missing=; \
	$(call need,java,Apache Kafka runs on it,apt-get install openjdk-17-jre-headless); \
	$(call need,mvn,it fetches the Kafka jars,apt-get install maven); \
	$(call need,promtool,it checks the rules and runs a real scrape,apt-get install prometheus); \
	$(call need,amtool,it checks the alert routes,apt-get install prometheus-alertmanager); \
	$(call need,kcat,the README's first event is sent with it,apt-get install kcat); \
	$(call need,curl,the README looks at the figures with it,apt-get install curl); \
	test -z "$$missing" || exit 1; \
	java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || { echo "make: this Java is older than 17. Install it: apt-get install openjdk-17-jre-headless" >&2; exit 1; }

# --- setup: the stamps know what is there already --------------------------------------------------------------------

$(STAMPS)/venv:
	@python="$(PYTHON)"; \
	test -n "$$python" || { echo "make: no Python 3.11 or later was found. Install it: apt-get install python3 python3-venv (or set PYTHON=/path/to/python3)" >&2; exit 1; }; \
	command -v $${python%% *} >/dev/null || { echo "make: there is no interpreter $$python. Set PYTHON=/path/to/python3 (3.11 or later), or leave it out" >&2; exit 1; }; \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$python is older than 3.11. Set PYTHON=/path/to/a/later/python3" >&2; exit 1; }; \
	$$python -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $$python cannot make virtual environments. Install what is missing: apt-get install python3-venv" >&2; exit 1; }; \
	echo "make: creating $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/program: requirements.lock requirements-build.lock pyproject.toml hatch_build.py stream/core/compiled_loops.pyx $(STAMPS)/venv
	@echo "make: installing the locked dependencies and the program as $(BIN)/stream"
	@$(PIP) -r requirements.lock
	@$(PIP) -r requirements-build.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/tools: requirements-dev.lock $(STAMPS)/program
	@echo "make: installing the locked development tools"
	@$(PIP) -r requirements-dev.lock
	@touch $@

$(KAFKA): tests/support/kafka-pom.xml | $(STAMPS)/tools need-tools
	@echo "make: fetching the Kafka jars"
	@$(BIN)/python -m tests.support.kafka_jars
	@echo "make: starting Kafka once, so that Java keeps its classes"
	@$(BIN)/python -m tests.support.kafka_classes
	@touch $@

.PHONY: setup
setup: need-tools $(STAMPS)/tools $(KAFKA) ## everything that the tests need, from nothing

# --- the two commands ------------------------------------------------------------------------------------------------

.PHONY: demo test
demo: $(STAMPS)/program ## real help-desk traffic, live figures and an alert in this terminal
	@$(BIN)/stream demo $(DEMO_FLAGS)

test: setup ## everything: lint, types, walls, drift, mutations, cost per stage, all suites
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint mutations
	$(BIN)/python -m tests.bench.stages --check
	$(PYTEST) -n 3 --no-loadscope-reorder --durations=30

# --- parts of the test -----------------------------------------------------------------------------------------------

.PHONY: lint lock lock-check drift generate mutations fuzz chaos bench bench-check clean
lint: $(STAMPS)/tools lock-check drift ## style, strict types, import walls, unused code and dependencies, locks, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/vulture
	$(BIN)/deptry .

drift: $(STAMPS)/tools
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m stream.settings.table --check
	$(BIN)/python -m deploy.prometheus.build --check
	$(BIN)/python -m deploy.grafana.build --check

generate: $(STAMPS)/tools ## write the generated files again
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m stream.settings.table
	$(BIN)/python -m deploy.prometheus.build
	$(BIN)/python -m deploy.grafana.build

mutations: $(STAMPS)/tools ## deliberate one-line faults in the core: every one must be noticed by its tests
	$(BIN)/python -m tests.mutations

fuzz: SECONDS ?= 60
fuzz: $(STAMPS)/tools ## bytes that are meant to hurt, guided by coverage (SECONDS=600); Linux on x86-64 only
	$(BIN)/python -m tests.fuzz.run $(SECONDS)

chaos: KILLS ?= 100
chaos: need-tools $(STAMPS)/tools $(KAFKA) ## kills, frozen workers, broker restarts (KILLS=n, SEED=n replays, CHAOS_FLAGS=--help)
	$(BIN)/python -m tests.chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(CHAOS_FLAGS)

bench: TICKETS ?= 100000
bench: ROUNDS ?= 3
bench: need-tools $(STAMPS)/tools $(KAFKA) ## CPU per event beside the raw ceiling and a plain Faust app (TICKETS=n, ROUNDS=n, BENCH_FLAGS=--write)
	$(BIN)/python -m tests.bench --tickets $(TICKETS) --rounds $(ROUNDS) --streams day,voice,long --plain $(BENCH_FLAGS)

bench-check: $(STAMPS)/tools ## CPU per stage against parsing the same events: fails when a stage has become twice as slow
	$(BIN)/python -m tests.bench.stages --check

lock: $(STAMPS)/tools ## write the lock files again (UPGRADE=--upgrade for new versions)
	$(UV_COMPILE) $(UPGRADE) pyproject.toml -o requirements.lock
	$(UV_COMPILE) $(UPGRADE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(UV_COMPILE) $(UPGRADE) --group build -c requirements-dev.lock -o requirements-build.lock

# The locks are compiled again from themselves, so that a newly published version changes nothing; names and versions count.
lock-check: $(STAMPS)/tools
	@new=$$(mktemp -d); trap 'rm -r "$$new"' EXIT; cp requirements*.lock "$$new"; \
	$(UV_COMPILE) pyproject.toml -o "$$new/requirements.lock"; \
	$(UV_COMPILE) pyproject.toml --group dev -c requirements.lock -o "$$new/requirements-dev.lock"; \
	$(UV_COMPILE) --group build -c requirements-dev.lock -o "$$new/requirements-build.lock"; \
	for lock in requirements.lock requirements-dev.lock requirements-build.lock; do \
		diff <(grep -E '^[a-z]' $$lock) <(grep -E '^[a-z]' "$$new/$$lock") \
			|| { echo "make: $$lock does not belong to pyproject.toml any more. Run: make lock" >&2; exit 1; }; \
	done

clean: ## remove what make made, and the caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
