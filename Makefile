# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where it is set, each command compiles all of Tocsin anew: a third of its time.
unexport PYTHONDONTWRITEBYTECODE
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Tocsin needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

.PHONY: setup
setup: $(READY) ## Make the private virtual environment

.PHONY: demo
demo: $(READY) ## Play one incident from report to evidence, on real parts
	@$(BIN)/python examples/demo.py

.PHONY: up
up: $(READY) ## Run Temporal, its Web UI and a worker until Ctrl-C; incidents stay
	@$(BIN)/tocsin init
	@$(BIN)/honcho start || [ $$? -eq 130 ] # what Ctrl-C ends with

.PHONY: test
test: $(READY) ## Run the whole test suite
	@$(BIN)/pytest -q -n 3 --dist loadfile # many tests wait for processes, so two cores carry three

.PHONY: shots
shots: $(READY) ## Leave pictures of every page of the console in var/shots
	@TOCSIN_BROWSER=required $(BIN)/pytest -q tests/browser -k everybody_can_use --shots var/shots

.PHONY: check
check: $(READY) ## Lint, types, import contracts, tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

DEPLOY := .venv-deploy
$(DEPLOY)/.ready: requirements/deploy.txt requirements/image.txt
	@echo "setting up $(DEPLOY) (once; half a gigabyte of schemas and linters)"
	@$(PYTHON) -m venv --clear $(DEPLOY)
	@$(DEPLOY)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt -r requirements/image.txt
	@touch $@

.PHONY: check-deploy
check-deploy: $(READY) $(DEPLOY)/.ready ## Check Dockerfile, compose, chart and units with the tools of each
	@$(BIN)/pytest -q tests/deploy

.PHONY: soak
soak: $(READY) ## Run what takes longer than the suite may
	@$(BIN)/pytest -q -m soak --timeout 3600

.PHONY: bench
bench: $(READY) ## Measure speed and memory against something run beside it; prints a table
	@$(BIN)/python -m benchmarks.register
	@$(BIN)/python -m benchmarks.explain
	@$(BIN)/python -m benchmarks.log
	@$(BIN)/python -m benchmarks.wave
	@$(BIN)/python -m benchmarks.receipts
	@$(BIN)/python -m benchmarks.evidence
	@$(BIN)/python -m benchmarks.clocks
	@$(BIN)/python -m benchmarks.pages

.PHONY: fmt
fmt: $(READY) ## Format the code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(READY) ## Pin the dependencies again, with hashes and without a registry's address
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra postgres --extra embedded --group dev pyproject.toml -o requirements/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra postgres pyproject.toml -o requirements/runtime.txt
	@for group in image deploy; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --group $$group -o requirements/$$group.txt; done
