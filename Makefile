# The commands that everyone uses, and that CI uses. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)
# Keep compiled Python files: the tests and the demo start Python hundreds of times.
export PYTHONDONTWRITEBYTECODE :=
# The demo's dataset. Synthetic needs no download. For another one, MIRROR is where to get it if not from its owner:
#     make demo DATASETS=WBC-JTSC MIRROR=/folder/or/url
DATASETS ?= Synthetic
MIRROR ?=

.DEFAULT_GOAL := help
.PHONY: help demo quick test test-weekly test-slurm check format docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: .venv/ready ## build tasks, train briefly, segment unseen tasks; ends in demo/result.png (under 10 minutes)
	$(BIN)/python -m demo --datasets $(DATASETS) $(if $(MIRROR),--mirror $(MIRROR))

# pytest-xdist runs one process on each core, and each process computes with one thread. Files keep the order of tests/conftest.py.
TESTS := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
quick test test-weekly: export OMP_NUM_THREADS := 1

quick: .venv/ready ## the fast tests (under 3 minutes)
	$(TESTS) -m 'not slow and not weekly and not slurm'

test: .venv/ready ## all tests but those of the two lines below (under 8 minutes)
	$(TESTS) -m 'not weekly and not slurm'

test-weekly: .venv/ready ## longer tests, which CI runs once a week
	$(TESTS) -m weekly

test-slurm: .venv/ready ## the tests on a Slurm cluster of this machine; needs apt-get install slurm-wlm munge
	$(BIN)/python -m pytest -m slurm

check: .venv/ready ## lint, format, types, spelling, manifests: what CI checks besides the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile universeg/experiments/Snakefile
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m pipeline check

format: .venv/ready ## format the code, and correct what lint can correct
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile universeg/experiments/Snakefile

docs: .venv/ready ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## remove the environment and what the demo made
	rm -rf .venv demo/work

# The environment, pinned by constraints.txt. It is made again when one of these files changes.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,workflow,s3,gdrive,kaggle,archives,slurm,baselines,dicom,kernels,metrics,app,dev]'
	touch $@
