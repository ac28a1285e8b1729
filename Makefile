# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first if need be.

PYTHON ?= python3
PYTEST_FLAGS ?=
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test lint notebooks mutants crash-test results pages benchmarks clean false-alarms layouts

RESULTS := docs/results

demo: $(INSTALLED)
	$(BIN)/parity compare feedforward

# One thread in each worker: their pools would take each other's cores.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto $(PYTEST_FLAGS)

lint: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lint]"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Right homework of six courses is called right, over 200 seeds of the probes: about half an hour.
layouts: $(INSTALLED)
	PARITY_SEEDS=200 $(BIN)/python -m pytest -q parity_tests/checking/test_courses.py

# Every notebook of docs/notebooks from its first cell to its last; NOTEBOOK_FLAGS= keeps the outputs.
NOTEBOOK_FLAGS ?= --check
notebooks: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[notebooks]"
	$(BIN)/python -m maintenance.notebooks $(NOTEBOOK_FLAGS)

# How strong the suite is: mistakes are planted one at a time, and those that no test sees are shown.
# About a quarter of an hour; docs/results/mutants.json has the numbers.
mutants: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[mutants]"
	$(BIN)/python -m maintenance.mutants

# Right files in several styles, checked with many seeds: nothing may be called wrong. About three
# quarters of an hour for 1,000 seeds on two cores; SEEDS=N for fewer.
SEEDS ?= 1000
false-alarms: export OMP_NUM_THREADS = 1
false-alarms: export OPENBLAS_NUM_THREADS = 1
false-alarms: $(INSTALLED)
	$(BIN)/python -m maintenance.false_alarms $(SEEDS)

# What a kill at any moment, damaged files and odd command lines cost: nothing. About an hour.
crash-test: export OMP_NUM_THREADS = 1
crash-test: export OPENBLAS_NUM_THREADS = 1
crash-test: $(INSTALLED)
	$(BIN)/python -m maintenance.crashes --moments 100 --json $(RESULTS)/crashes.json
	$(BIN)/python -m maintenance.robustness

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Making .venv and installing NumPy, PyTorch and the tests' packages into it (once, some minutes)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --progress-bar on --constraint constraints.txt --editable ".[test]"
	touch $@

# The runs behind the tables of the README, on real MNIST: about half an hour.
# cnn-adam takes the seed of docs/recipes.md; in float32 it is compared step by step as well, for
# its free-running sides drift apart.
COMPARE = $(BIN)/parity compare $(1) --data mnist --report reports --json $(RESULTS)/$(2).json
results: $(INSTALLED)
	for recipe in tutorial logistic feedforward linear-adam; do \
	  for dtype in float32 float64; do \
	    $(call COMPARE,$$recipe --dtype $$dtype,$$recipe-$$dtype) || exit 1; \
	  done; \
	done
	$(call COMPARE,cnn-adam --seed 6,cnn-adam-float32)
	$(call COMPARE,cnn-adam --seed 6 --resync,cnn-adam-float32-resync)
	$(call COMPARE,cnn-adam --seed 6 --dtype float64,cnn-adam-float64)

# The tables and pictures of the README and the pages, from docs/results.
pages: demo
	cp reports/feedforward-digits-float32.png docs/demo.png
	$(BIN)/python -m maintenance.pages
	$(BIN)/python -m maintenance.suite_pages

# The tables and charts of README and docs/benchmarks.md, on real MNIST: about half an hour on a quiet machine.
benchmarks: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python -m benchmarks --compile --threads 1 --json docs/benchmarks-1-thread.json
	$(BIN)/python -m benchmarks --compile --json docs/benchmarks.json
	$(BIN)/python -m benchmarks.page docs/benchmarks-1-thread.json docs/benchmarks.json

clean:
	rm -rf .venv reports build *.egg-info
