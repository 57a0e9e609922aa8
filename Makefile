# SPDX-License-Identifier: Apache-2.0
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN3 := $(VENV)/airflow3/bin
BIN31 := $(VENV)/airflow3.1/bin
BIN34 := $(VENV)/airflow3.4/bin
BIN2 := $(VENV)/airflow2/bin
READY3 := $(VENV)/airflow3/.ready
READY31 := $(VENV)/airflow3.1/.ready
READY34 := $(VENV)/airflow3.4/.ready
READY2 := $(VENV)/airflow2/.ready
# e.g. make test PYTEST="-x -k links"
PYTEST ?=
# e.g. make bench-waking WAKING="life --seconds 600"
WAKING ?=
BACKFILL ?=
RUN_SECONDS ?= 60
# e.g. make soak SOAK="--minutes 2 --triggers 100 --tasks 10"
SOAK ?=
WINDOW ?= 300
# What holds the provider against botocore's model, and shows that it runs in an Airflow.
CONTRACT := tests/contract tests/request/test_members.py tests/local/wire/test_service_model.py tests/test_provider_info.py \
	tests/operators/test_in_airflow.py

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY3) $(READY2) ## install both environments: newest Airflow 3, and 2.11

# --no-deps: the lock file is complete. -qq: a machine's own pip configuration may be noisy.
$(VENV)/%/.ready: requirements/%.txt pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 13) or sys.exit("$(PYTHON) is Python %d.%d; both Airflow lines run on 3.11 and 3.12: make PYTHON=python3.11 …" % sys.version_info[:2])'
	@echo "Installing $(@D), which takes a minute or two …"
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install -qq --no-deps -r $<
	$(@D)/bin/pip install -qq --no-deps --no-build-isolation -e .
	touch $@

.PHONY: demo
demo: $(READY3) ## run the germline workflow from a real Airflow Dag on a local HealthOmics endpoint
	@$(BIN3)/python -m demo

.PHONY: demo-chain
demo-chain: $(READY3) ## the same reads through two runs, the second on the outputs of the first, to a DAG that an asset starts
	@$(BIN3)/python -m demo --chain

.PHONY: ui
ui: $(READY3) ## the same, and leave Airflow's UI and the endpoint up until Ctrl-C
	@$(BIN3)/python -m demo --ui

# Pure modules, the state machine, the endpoint and the built wheel: one line of Airflow is enough, and test-all tries both.
ONCE := tests/aws tests/contract tests/lifecycle tests/local tests/polling tests/protocol tests/records tests/request \
	tests/test_package.py tests/testing/test_empty_project.py
# They run when those of real processes have ended, so that all the parts take about the same time.
LATER := $(ONCE) tests/triggers
# 5 says that PYTEST leaves no test of a part.
define tests
	$(1)/python -m pytest -m $(2) $(PYTEST) || [ $$? = 5 ]
endef

.PHONY: test
test: ## everything that fits CI: lint, and the tests on both Airflow lines, all at the same time as they wait a lot
	@$(MAKE) --jobs=5 lint test3 test2 && echo "make test passed in $$((SECONDS / 60)) min $$((SECONDS % 60)) s"

.PHONY: test3
test3: most3 processes3 later3 ## the tests on the newest Airflow 3

.PHONY: test2
test2: most2 processes2 later2 ## the tests on Airflow 2.11, but for those that need not run on both lines

.PHONY: most3
most3: $(READY3)
	$(call tests,$(BIN3),"not slow and not airflow" $(addprefix --ignore=,$(LATER)))

.PHONY: later3
later3: processes3
	$(call tests,$(BIN3),"not slow and not airflow" $(LATER))

.PHONY: processes3
processes3: $(READY3) ## those that start real Airflow processes, on the newest Airflow 3
	$(call tests,$(BIN3),"not slow and airflow")

.PHONY: most2
most2: $(READY2)
	$(call tests,$(BIN2),"not slow and not airflow" $(addprefix --ignore=,$(LATER)))

.PHONY: later2
later2: processes2
	$(call tests,$(BIN2),"not slow and not airflow" $(filter-out $(ONCE),$(LATER)))

.PHONY: processes2
processes2: $(READY2) ## the same on Airflow 2.11
	$(call tests,$(BIN2),"not slow and airflow")

.PHONY: test-all
test-all: lint setup $(READY31) $(READY34) ## the same and the slow tests, those of real processes on Airflow 3.1 and 3.4, too
	$(BIN3)/python -m pytest $(PYTEST)
	$(BIN2)/python -m pytest $(PYTEST)
	$(BIN31)/python -m pytest tests/airflow -m airflow $(PYTEST)
	$(BIN34)/python -m pytest tests/airflow tests/operators tests/triggers $(PYTEST)

.PHONY: conformance
conformance: $(READY3) ## run HealthOmics clients that are not ours against the local endpoint (docs/clients-of-the-local-endpoint.md)
	$(BIN3)/python -m pytest tests/conformance $(PYTEST)

# Never the lock files: what there is today.
.PHONY: newest
newest: ## say what the newest botocore has that the provider lacks, and try that and the newest Airflow, pre-releases too
	rm -rf $(VENV)/newest
	$(PYTHON) -m venv $(VENV)/newest
	$(VENV)/newest/bin/pip install -qq -r requirements/newest.in -e '.[local]'
	tests=0; $(VENV)/newest/bin/python -m pytest $(CONTRACT) $(PYTEST) || tests=$$?; \
		$(VENV)/newest/bin/python -m tests.contract.news; exit $$tests

.PHONY: lint
lint: $(READY3) ## ruff check, ruff format --check, mypy --strict
	$(BIN3)/ruff check .
	$(BIN3)/ruff format --check .
	$(BIN3)/mypy

.PHONY: format
format: $(READY3) ## let ruff mend what it can
	$(BIN3)/ruff check --fix .
	$(BIN3)/ruff format .

.PHONY: bench
bench: $(READY3) ## measure, and print figures
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN3)/python "$$file" || exit; done

.PHONY: bench-waking
bench-waking: $(READY3) ## measure how soon ends are seen, in 15 minutes; WAKING="life" follows 1,000 runs for an hour
	$(BIN3)/python tests/benchmarks/long/waking.py $(WAKING)

.PHONY: bench-triggerer
bench-triggerer: $(VENV)/bench/.ready ## compare triggers in real triggerers, in an hour; WINDOW=300 is the seconds to measure
	ulimit -n 20000; $(VENV)/bench/bin/python tests/benchmarks/long/triggerer.py --window $(WINDOW)

.PHONY: bench-backfill
bench-backfill: $(VENV)/bench/.ready ## compare a backfill with one that only defers, and a botocore waiter; BACKFILL="--rate 0.25", RUN_SECONDS=8
	OMICS_RUN_SECONDS=$(RUN_SECONDS) $(VENV)/bench/bin/python tests/benchmarks/long/backfill.py $(BACKFILL)

.PHONY: soak
soak: $(READY3) ## 2,000 triggers and 200 tasks through faults and dying triggerers, in 20 minutes and what then still goes on
	ulimit -n 20000; $(BIN3)/python tests/benchmarks/long/soak.py $(SOAK)

.PHONY: build
build: $(READY3) ## wheel and sdist into dist/
	$(BIN3)/python -m build --no-isolation --outdir dist .

define lock_file
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
		pyproject.toml --extra local requirements/$(1).in --output-file requirements/$(1).txt
	sed -i '1i # SPDX-License-Identifier: Apache-2.0' requirements/$(1).txt
endef

.PHONY: lock
lock: ## remake requirements/*.txt with the newest versions that fit (needs uv)
	$(call lock_file,airflow3)
	$(call lock_file,airflow3.1)
	$(call lock_file,airflow3.4)
	$(call lock_file,airflow2)
	$(call lock_file,bench)

.PHONY: clean
clean: ## remove the environments and all that was built
	rm -rf $(VENV) .build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
