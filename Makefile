# Impel. `make help` says what there is; each target works by itself in a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Byte code is worth its disk: without it every start takes two to three times as long.
unexport PYTHONDONTWRITEBYTECODE
# MLflow and BentoML would otherwise report their use to their makers.
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := true
export DO_NOT_TRACK := 1
# pip finds the build backend's program only on the path.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help install demo test lint types contracts tests docs lock clean

help: ## Say what there is
	@echo "Impel: how likely is this influencer to drive the action a campaign wants, and how sure are we?"
	@echo
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | while IFS= read -r line; do \
	  printf '  make %-10s %s\n' "$${line%%:*}" "$${line##*## }"; done

install: .venv/installed ## Set up .venv from requirements.lock, nothing else

.venv/installed: requirements.lock pyproject.toml
	@echo "==> setting up .venv from requirements.lock (one to three minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Impel needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "==> .venv is ready: source .venv/bin/activate && impel --help"

demo: install ## Set up .venv and run the whole way on the demo marketplace
	@echo "==> impel demo"
	@$(BIN)/impel demo

test: lint types contracts tests ## Set up .venv and run lint, types, import contracts and tests

lint: install ## Formatting and lint (ruff)
	@echo "==> ruff"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: install ## Static types (mypy --strict)
	@echo "==> mypy"
	@$(BIN)/mypy

contracts: install ## Which folder may import which (import-linter)
	@echo "==> import contracts"
	@$(BIN)/lint-imports --no-cache

tests: install ## Tests only
	@echo "==> pytest"
	@$(BIN)/pytest -n 2 --no-loadscope-reorder

docs: install ## Write the pages made from the code, run the notebooks, build the site in build/docs
	@echo "==> documentation"
	@$(BIN)/python -m features.catalogue > docs/features.md
	@$(BIN)/python -m features.importers > docs/import-fields.md
	@$(BIN)/python -m serving.api_page > docs/api.md
	@$(BIN)/python -m features.contract_page > docs/reference/data-contract.md
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "==> build/docs/index.html"

lock: install ## Resolve requirements.lock anew from pyproject.toml
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev pyproject.toml -o requirements.lock

clean: ## Remove .venv and everything that runs leave behind
	@rm -rf .venv .impel .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
