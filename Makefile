# The words everyone types, and what CI types. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)
# The demo's dataset: Synthetic needs no download. For another name, say where it may be had if not from its owner:
#     make demo DATASETS=WBC-JTSC MIRROR=/folder/or/url
DATASETS ?= Synthetic
MIRROR ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: .venv/ready ## build tasks, train briefly, segment unseen tasks; ends in demo/result.png (under 10 minutes)
	$(BIN)/python -m demo --datasets $(DATASETS) $(if $(MIRROR),--mirror $(MIRROR))

test: .venv/ready ## all tests
	$(BIN)/python -m pytest -n auto --dist loadfile

check: .venv/ready ## lint, format, types, manifests: what CI checks beside the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile
	$(BIN)/mypy
	$(BIN)/python -m pipeline check

format: .venv/ready ## format the code and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile

clean: ## remove the environment and what the demo made
	rm -rf .venv demo/work

# The environment, pinned by constraints.txt; made again when what it is made from changes.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[workflow,s3,gdrive,kaggle,archives,slurm,baselines,dev]'
	touch $@
