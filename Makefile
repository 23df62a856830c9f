# Table of contents; what the targets do is written in tools/ (Python, standard library only).
# PYTHON=python3.13 make test   another Python (3.11 or newer)
# KEEP=1 make demo              leave everything up after the demo, until Ctrl-C
# SCENARIO=region-loss make demo  another story: the primary's region is lost
# SPEED=120 make demo           simulated minutes pass faster (60: one minute is one second)
# ARGS="-k polling" make test   more arguments for pytest

PYTHON ?= python3
SPEED ?= 60
SCENARIO ?= night
KEEP ?=
ARGS ?=
SIZES ?=

VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench package sbom lock schema clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: ## .venv, node_modules and build/, from the locks; instant when nothing changed
	@$(call with_python,setup)

demo: ## one night and one restore on this machine (SCENARIO=region-loss, KEEP=1 leaves it up, SPEED=60)
	@$(call with_python,setup)
	@exec $(VENV_PYTHON) -m demo --scenario "$(SCENARIO)" --speed $(SPEED) $(if $(filter-out 0,$(KEEP)),--keep)

test: ## set-up, the checks, and every test
	@$(call with_python,setup --worker)
	@exec $(VENV_PYTHON) -m tools.checks --tests -- $(ARGS)

check: ## set-up and the checks only: ruff, mypy, import contracts
	@$(call with_python,setup)
	@exec $(VENV_PYTHON) -m tools.checks

bench: ## what a fleet costs: calls, CPU, memory (SIZES="10 100" instead of 10 to 1,000, which takes an hour)
	@$(call with_python,setup)
	@exec $(VENV_PYTHON) -m bench fleet $(if $(SIZES),--services $(SIZES))

package: ## the zip that Azure gets, checked: what it holds, its functions, and one night with it
	@$(call with_python,setup)
	@exec $(VENV_PYTHON) -m tools.package

sbom: ## the parts of the package with their hashes, as CycloneDX
	@$(call with_python,sbom)

lock: ## write the requirements*.txt locks anew (UPGRADE=1 for newer versions)
	@$(call with_python,locks $(if $(UPGRADE),--upgrade))

schema: ## write docs/*.schema.json from the models of plan and restore point
	@$(call with_python,setup)
	@exec $(VENV_PYTHON) -m tools.schemas

clean: ## remove everything that set-up, demo and tests left here
	rm -rf .venv node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A missing Python is told in a sentence, too; everything else is told by tools/setup.py.
define with_python
command -v $(PYTHON) >/dev/null 2>&1 || { \
  echo "set-up: there is no '$(PYTHON)' on this machine: install Python 3.11 or newer, or name one, for instance: make $@ PYTHON=/usr/bin/python3.12" >&2; exit 1; }; \
exec $(PYTHON) -m tools.$(1)
endef
