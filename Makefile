# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first if need be.

PYTHON ?= python3
PYTEST_FLAGS ?=
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test lint results pages clean

RESULTS := docs/results

demo: $(INSTALLED)
	$(BIN)/parity compare feedforward --epochs 15 --batch-size 16 --lr 0.5

test: $(INSTALLED)
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[lint]"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

# The runs behind the tables of the README, on real MNIST: about half an hour.
results: $(INSTALLED)
	for recipe in tutorial logistic feedforward linear-adam cnn-adam; do \
	  for dtype in float32 float64; do \
	    $(BIN)/parity compare $$recipe --data mnist --dtype $$dtype \
	      --report $(RESULTS) --json $(RESULTS)/$$recipe-$$dtype.json || exit 1; \
	  done; \
	done

# The tables and pictures of the README and the pages, from docs/results.
pages: demo
	cp reports/feedforward-digits-float32.png docs/demo.png
	$(BIN)/python -m parity.pages

clean:
	rm -rf .venv reports build *.egg-info
