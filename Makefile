# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first if need be.

PYTHON ?= python3
PYTEST_FLAGS ?=
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: browser classroom cluster demo docs test lint notebooks mutants crash-test results pages \
	benchmarks clean distributed false-alarms layouts pairs test-matrix test-wheel

RESULTS := docs/results

demo: $(INSTALLED)
	$(BIN)/parity compare feedforward

# One thread in each worker: more would compete for the cores.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
# Or each of the many processes that the tests start would compile all it imports.
test: export PYTHONDONTWRITEBYTECODE =
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST_FLAGS)

# The page of `parity serve`, used in Debian's Chromium as a person uses it.
browser: export OMP_NUM_THREADS = 1
browser: export OPENBLAS_NUM_THREADS = 1
browser: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[browser]"
	$(BIN)/python -m pytest -m browser $(PYTEST_FLAGS) parity_tests/web

# Grading on a Dask cluster: a scheduler and two workers on this machine.
cluster: export OMP_NUM_THREADS = 1
cluster: export OPENBLAS_NUM_THREADS = 1
cluster: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[cluster]"
	$(BIN)/python -m pytest -m cluster $(PYTEST_FLAGS) parity_tests/grading

lint: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lint,browser]"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Checks that right homework of six courses passes, with 200 seeds of the probes: about half an hour.
layouts: $(INSTALLED)
	PARITY_SEEDS=200 $(BIN)/python -m pytest -q parity_tests/checking/test_courses.py

# Compares five pairs of programs over 500 steps, and rebuilds the table of docs/compare-your-own.md:
# some minutes. The times are worth something on a quiet machine only.
pairs: $(INSTALLED)
	$(BIN)/python -m maintenance.pairs

# Runs every notebook of docs/notebooks; with NOTEBOOK_FLAGS= (empty) their outputs are saved.
NOTEBOOK_FLAGS ?= --check
notebooks: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[notebooks]"
	$(BIN)/python -m maintenance.notebooks $(NOTEBOOK_FLAGS)

# The pages of docs/ and the API reference, as HTML in build/docs; a warning is an error.
docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -b html -E -q -n -W --keep-going docs build/docs
	@echo "The pages are in build/docs/index.html"

# The wheel in a new environment, away from the checkout: commands, the library, and a part of the
# suite; all of it with WHOLE=1.
test-wheel: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[package]"
	$(BIN)/python -m maintenance.wheel $(if $(WHOLE),--whole)

# The wheel beside each Python from 3.11 on this machine, with the pinned and with the newest NumPy
# and PyTorch: a part of the suite. Downloads several gigabytes where there is no CPU build.
test-matrix: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[package]"
	$(BIN)/python -m maintenance.matrix

# How strong the suite is: the code is changed in one place at a time, and the changes that no test
# notices are shown. About three quarters of an hour. The numbers go to docs/results/mutants.json.
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

# What a kill at any moment, damaged files and odd command lines cost: nothing. And the memory and
# time that many images take. About an hour on two cores.
crash-test: export OMP_NUM_THREADS = 1
crash-test: export OPENBLAS_NUM_THREADS = 1
crash-test: $(INSTALLED)
	$(BIN)/python -m maintenance.crashes --moments 100 --json $(RESULTS)/crashes.json
	$(BIN)/python -m maintenance.load --json $(RESULTS)/load.json
	$(BIN)/python -m maintenance.robustness

# A class of 200: right and wrong files, stubs, hostile files and cheats, graded on this machine and
# on a Dask cluster of it. About half an hour of one core.
classroom: export OMP_NUM_THREADS = 1
classroom: export OPENBLAS_NUM_THREADS = 1
classroom: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[cluster]"
	$(BIN)/python -m maintenance.classroom --json $(RESULTS)/classroom.json
	$(BIN)/python -m maintenance.suite_pages

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Making .venv, with NumPy, PyTorch and what the tests need (some minutes)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --progress-bar on --constraint constraints.txt --editable ".[test,web]"
	touch $@

# The runs behind the tables of docs/recipes.md, on real MNIST: about half an hour.
# cnn-adam takes the seed of that page. In float32 it runs with --resync as well, because without it
# the two programs drift apart.
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

# The tables of the pages, and the picture of the README, from docs/results and the code.
pages: demo
	cp reports/feedforward-digits-float32.png docs/demo.png
	$(BIN)/python -m maintenance.pages
	$(BIN)/python -m maintenance.suite_pages
	$(BIN)/python -m maintenance.grading_page

# The tables and charts of docs/benchmarks.md, on real MNIST: about half an hour on a quiet machine.
benchmarks: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python -m benchmarks --compile --threads 1 --json docs/benchmarks-1-thread.json
	sleep 120  # or the load of this run would be taken for somebody else's
	$(BIN)/python -m benchmarks --compile --json docs/benchmarks.json
	$(BIN)/python -m benchmarks.page docs/benchmarks-1-thread.json docs/benchmarks.json

# Every recipe on 1 to 4 processes, and what a step costs: the tables of docs/distributed.md. About
# ten minutes on a quiet machine.
distributed: $(INSTALLED)
	$(BIN)/python -m maintenance.distributed

clean:
	rm -rf .venv reports build *.egg-info
