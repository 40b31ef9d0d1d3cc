# Thin faces of scripts/setup.py and of the command line; every target does all the set-up it needs.
# make PYTHON=python3.12 ... chooses the Python; VIVI_TORCH=auto|cpu|cuda|existing the build of torch.
PYTHON ?= python3
SETUP  := $(PYTHON) scripts/setup.py
BIN    := .venv/bin

.PHONY: help setup demo test check format test-slow test-extras docs real bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv, or bring it up to date
	@$(SETUP)

demo: setup ## the whole way in miniature: own videos, pretraining, evaluation, report
	@$(BIN)/vivi demo --out demo

test: setup ## all quick tests
	@$(BIN)/python -m pytest

check: setup ## format, lint, types, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/architecture

format: setup ## write the format that check asks for
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test-slow: setup ## the long tests
	@$(BIN)/python -m pytest -m slow

test-extras: ## compare the encoder with timm; a skipped test counts as a failure
	@$(SETUP) extras
	@VIVI_NO_SKIPS=1 .venv-extras/bin/python -m pytest -m extras

docs: setup ## the documentation as a site, in site/; needs no network once set up
	@$(SETUP) extras
	@.venv-extras/bin/python -m sphinx -q -W --keep-going -b html docs site
	@echo site/index.html

real: setup ## the whole way on the videos and labelled images of $$VIVI_REAL_DATA
	@$(BIN)/python scripts/real.py

bench: ## the benchmarks, one after the other
	@$(SETUP) extras
	@for each in benchmarks/*.py; do echo "== $$each"; .venv-extras/bin/python $$each || exit 1; done

clean: ## remove what make made: environments, outputs, caches
	rm -rf .venv .venv-extras demo real dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
