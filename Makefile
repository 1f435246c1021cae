# Every target sets up what it needs: a virtual environment in .venv with the package and its
# dependencies, made again only when pyproject.toml has changed.
PYTHON ?= python3
# Processes that share the tests among them, with a thread each: the tests are many small fits.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# With the lowest versions that pyproject.toml allows.
OLDEST := .venv-oldest
OLDEST_STAMP := $(OLDEST)/.installed
OLDEST_PYTHON := 3.11
# COVERAGE=1 also notes which lines and branches run, for `make coverage`.
COVERAGE ?=
# Threads that wait sleep: two processes share the cores.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest \
	-n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install benchmark benchmark-full tables test test-slow test-docs coverage test-oldest docs \
	docs-links lint format release-check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv (all other targets do it themselves)

# ROWS=500, so few training images, is to see that it runs: a minute or two.
benchmark: $(STAMP) ## compare the classifiers on the bundled images, one seed
	$(BIN)/python -m benchmarks accuracy --data sample --seeds 1 $(if $(ROWS),--rows $(ROWS),--resume)

benchmark-full: $(STAMP) ## compare them on all 70,000 images, five seeds
	$(BIN)/python -m benchmarks accuracy --data full --seeds 5 --resume

tables: $(STAMP) ## write all tables from the committed results
	$(BIN)/python -m benchmarks tables

test: $(STAMP) ## run the tests
	$(PYTEST) -m "not slow and not docs"

test-slow: $(STAMP) ## run the tests that kill processes, start clusters or measure
	$(PYTEST) -m slow

test-docs: $(STAMP) ## run the examples of all pages and docstrings
	$(PYTEST) -m docs

# Processes that the tests kill leave empty files.
coverage: $(STAMP) ## show what the tests with COVERAGE=1 since the last time have not run
	find . -maxdepth 1 -name ".coverage.*" -empty -delete
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# Old libraries warn of what newer ones have done away with, at their import already: no errors here.
test-oldest: $(OLDEST_STAMP) ## run the common tests of two nets with the lowest versions allowed
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -W default \
		-m "not slow" -k "MLPNet or ConvNet" tests/test_common.py

docs: $(STAMP) ## build the site in docs/_build/html, examples executed, warnings as errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

docs-links: $(STAMP) ## check that links to other sites lead somewhere (needs the internet)
	SKFASHION_GALLERY=0 $(BIN)/python -m sphinx -b linkcheck docs docs/_build/linkcheck

lint: $(STAMP) ## check style, format and public signatures, change nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m pyright --pythonpath $(BIN)/python

format: $(STAMP) ## correct style and format where that can be done automatically
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# RELEASE=1 also refuses what is still in development.
release-check: $(STAMP) ## check that versions agree and that the wheel runs the README by itself
	$(PYTEST) -n 0 tests/test_project.py tests/test_packaging.py

clean: ## remove environments and all caches; results of benchmarks stay
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage*
	rm -rf docs/_build docs/auto_examples docs/auto_tours docs/generated docs/sg_execution_times.rst
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]'
	@touch $@

$(OLDEST_STAMP): pyproject.toml tests/floors.py | $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(OLDEST_PYTHON) $(OLDEST)
	$(BIN)/python tests/floors.py hypothesis pytest pytest-xdist > $(OLDEST)/floors.txt
	$(BIN)/uv pip install --python $(OLDEST)/bin/python -r $(OLDEST)/floors.txt -e .
	@touch $@

# Without pyproject.toml among its prerequisites: a change there updates the environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "skfashion needs Python 3.11 or later, and '$(PYTHON)' is not that." \
			"Name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
