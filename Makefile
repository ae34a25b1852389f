# Everything here works in a fresh clone: Python 3.11 or newer, git and make are all it needs.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python; do "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # on all processors; pip compiles on one
ROWS ?=
ARGS ?=
WORKERS ?= 2

# Many tests start processes that import the library: compiled once, not anew in each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo lab app test test-quick notebooks readme export lint bench bench-modeling bench-tuning bench-explainability clean
help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/.installed  ## install, then walk the whole way: five raw tables to a report (about 3 minutes; ROWS=20000 is faster)
	@$(BIN)/mltoolkit demo $(if $(ROWS),--rows $(ROWS))

lab: .venv/.installed  ## JupyterLab on a starter notebook
	@$(BIN)/mltoolkit lab

app: .venv/.installed  ## the latest run as a page for people who do not code
	@$(BIN)/mltoolkit app

# The notebooks of the floors run beside pytest, whose browsers and servers leave a third of two processors idle. Those with budgets
# of seconds, and the longest, wait for its end. One that fails does not hide what the others would have said.
NBTEST := OMP_NUM_THREADS=1 $(BIN)/nbdev-test nbs --n-workers 0 --do-print
test: .venv/.dev  ## all tests: the library's, the notebooks' own, export and README in sync, browser
	$(BIN)/ruff check .
	@log=$$(mktemp); trap 'kill $$(jobs -p) 2>/dev/null; rm -f $$log' EXIT; trap 'exit 130' INT TERM; \
	$(NBTEST) --skip-folder-re '^[_.]|tutorials' --skip-file-re '^[_.]|^index' >$$log 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder; bad=$$?; \
	$(NBTEST) --path-re '/tutorials/' & tutorials=$$!; \
	$(NBTEST) --file-re '^index' || bad=1; \
	wait $$tutorials || bad=1; wait $$beside || bad=1; cat $$log; exit $$bad

test-quick: .venv/.dev  ## the tests that need neither a browser nor a full run
	$(BIN)/python -m pytest tests -m "not slow and not browser"

notebooks: .venv/.dev  ## execute the notebooks in place and clean them
	$(BIN)/python tools/notebooks.py

export: .venv/.dev  ## notebooks -> modules
	$(BIN)/nbdev-export
	$(BIN)/nbdev-clean --fname nbs
	$(BIN)/nbdev-clean --fname templates

readme: .venv/.dev  ## nbs/index.ipynb -> README.md
	$(BIN)/python tools/readme.py

lint: .venv/.dev  ## ruff over the modules, the tests and the notebooks
	$(BIN)/ruff check .

bench: .venv/.installed benchmarks/.venv/.peers  ## profiling side by side with peers (about 10 minutes; ARGS="--only large" needs 3.5 GB)
	$(BIN)/python benchmarks/profiling/run.py $(ARGS)

bench-modeling: .venv/.dev  ## comparing models: speed, claims and intervals, advice (about 20 minutes; ARGS="--only speed")
	$(BIN)/python benchmarks/modeling/run.py $(ARGS)

bench-tuning: .venv/.dev benchmarks/.venv/.peers  ## tuning at equal CPU-seconds beside peers (about 4 hours; ARGS="--budgets 10 --folds 1" is 25 minutes)
	$(BIN)/python benchmarks/tuning/run.py $(ARGS)

bench-explainability: .venv/.dev benchmarks/.venv/.peers  ## explanations: speed beside peers, and every coalition (about 5 minutes)
	$(BIN)/python benchmarks/explainability/run.py $(ARGS)

benchmarks/.venv/.peers: benchmarks/requirements.txt
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install -q -r benchmarks/requirements.txt
	@touch $@

clean:  ## remove the environment and everything built
	rm -rf .venv benchmarks/.venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: mltoolkit needs Python 3.11 or newer with venv, got none on the PATH. Install it, or name it: make demo PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.installed: settings.ini setup.py pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing mltoolkit into .venv (about a minute, once)"
	@$(PIP) install --no-compile -c constraints.txt -e .
	@$(COMPILE)
	@touch $@

.venv/.dev: settings.ini setup.py pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing mltoolkit and what the tests need into .venv (about two minutes, once)"
	@$(PIP) install --no-compile -c constraints.txt -e ".[dev,sql,spark,dask]"
	@$(COMPILE)
	@touch $@ .venv/.installed
