# What a user types. Each target makes the Python environment first, if it is missing or outdated.

# 1.15, 2.15 or 2.21: the TensorFlow, in an environment of its own. Empty: that of .venv.
RUNTIME ?=
# More arguments for pytest or the demo, such as ARGS="-k zones" or ARGS="--seed 2".
ARGS ?=

SETUP = TYPED='$(strip make $(MAKECMDGOALS) $(RUNTIME:%=RUNTIME=%))' bash scripts/setup_environment.sh
PYTHON_HERE = $(shell bash scripts/setup_environment.sh --environment $(RUNTIME))/bin/python
# .python holds what FETCH_PYTHON=1 fetched.
ENVIRONMENTS := .venv .venv-1.15 .venv-tf2 .venv-2.21 .python

# A Python with PyTorch, for make bench-peer.
PEER ?= .venv-torch/bin/python

CACHES := .pytest_cache .ruff_cache .hypothesis

.DEFAULT_GOAL := help
.PHONY: help setup setup-ray demo test test-slow fuzz lint bench-peer clean

help: ## Lists the targets.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-17s%s\n", $$1, $$2 }'
	@echo "With RUNTIME=1.15, 2.15 or 2.21: on that TensorFlow."
	@echo "With PYTHON=/path/to/python: on that interpreter. With FETCH_PYTHON=1: on one that is fetched,"
	@echo "where none is installed that will do."

setup: ## Makes the Python environment in .venv, and nothing else.
	@$(SETUP) $(RUNTIME)

setup-ray: setup ## Adds Ray to it, for decoding on several machines.
	@$(SETUP) --ray $(RUNTIME)

demo: setup ## Runs the whole protocol on a small data set made on the spot: a few minutes.
	$(PYTHON_HERE) -m demo.run $(ARGS)

test: setup ## Runs the tests that are quick: four minutes on two cores.
	$(PYTHON_HERE) -m pytest -m "not slow" $(ARGS)

test-slow: setup ## Runs the others: kills, clusters, set-ups, downloads, browsers.
	@echo "Some of these tests need Ray (make setup-ray), a browser (chromium and chromedriver), the"
	@echo "other runtimes (make setup RUNTIME=...), or the package index, and are skipped without it."
	@echo "All together take about 20 minutes on two cores."
	$(PYTHON_HERE) -m pytest -m slow $(ARGS)

fuzz: setup ## Runs the tests that draw examples, with other ones and five times as many.
	$(PYTHON_HERE) -m pytest -m hypothesis --hypothesis-profile=random $(ARGS)

lint: setup ## Checks the code's style and formatting.
	$(PYTHON_HERE) -m ruff check .
	$(PYTHON_HERE) -m ruff format --check .

bench-peer: setup ## Times a sweep beside the same loop in PyTorch; see benchmarks/README.md.
	@test -x $(PEER) || { echo "make bench-peer: there is no $(PEER) with PyTorch; make it with" \
		"python3 -m venv .venv-torch && .venv-torch/bin/pip install torch numpy, or name another" \
		"Python with PEER=/path/to/python" >&2; exit 2; }
	$(PYTHON_HERE) -m benchmarks.sweep --peer $(PEER) $(or $(ARGS),--help)

clean: ## Removes the Python environments and caches; never data, models or results.
	@echo "Removing $(ENVIRONMENTS), $(CACHES) and compiled Python files."
	@rm -rf $(ENVIRONMENTS) $(ENVIRONMENTS:=.lock) $(CACHES)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Left alone: squad, bert, output, prediction and demo/output, which may hold your work."
