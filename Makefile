# Each target works on a fresh machine: what is missing is installed first, what is up to date is left alone.
.PHONY: help demo setup test unit e2e check fuzz bench lock

VENV := .venv/bin
PACKAGES := xr_ai_launcher program-sdk agent-sdk client-sdk server-runtime services agent-samples bench
UNIT := $(VENV)/pytest -n 3 --dist loadfile $(PACKAGES)
# What is in folders of tests/ starts programs on free ports; what lies beside them runs whole stacks on their own ports,
# one at a time.
PROGRAMS := $(VENV)/pytest -n 2 --dist loadfile tests/client tests/hub tests/launcher tests/program tests/services tests/worker
STACKS := $(VENV)/pytest $(wildcard tests/test_*.py)
# Where an image says so, no bytecode is kept; each of the many programs that tests start would compile ours anew then.
unexport PYTHONDONTWRITEBYTECODE

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

demo: setup ## prepare everything, run xr_render_demo and print its URL
	@$(VENV)/xr_render_demo || [ $$? -eq 130 ]  # Ctrl-C is how it is meant to end

setup: ## prepare everything: .venv/, web bundle, LiveKit server
	@./setup.sh

test: ## everything the tests need, then all tests: those of the packages, of their programs, of whole stacks
	@./setup.sh --with-tests
	@code=0; $(UNIT) || code=$$?; $(PROGRAMS) || code=$$?; $(STACKS) || code=$$?; exit $$code

unit: ## the fast tests beside each package
	@./setup.sh --with-tests
	@$(UNIT)

e2e: ## a spoken sentence puts a cube in the scene: real browser, real stack
	@./setup.sh --with-tests
	@$(VENV)/pytest -m e2e tests

check: ## formatting, lint, types, import borders, stack files
	@./setup.sh --with-tests
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .
	@$(VENV)/lint-imports
	@$(VENV)/mypy
	@$(VENV)/xrstack check $$(grep -L '^profiles:' stacks/*.yaml)
	@$(VENV)/xrstack check --profile embedded $$(grep -l '^profiles:' stacks/*.yaml)

fuzz: ## ten minutes of hostile messages to the hub, guided by coverage
	@./setup.sh --with-tests
	@$(VENV)/python agent-sdk/tests/fuzz/run_fuzzer.py .fuzz -max_total_time=600 -max_len=4096

bench: ## measured figures, as ratios to peers or physical limits
	@./setup.sh --with-tests
	@$(VENV)/python bench/run.py

lock: ## pin the dependencies anew (requirements/*.txt) after a pyproject.toml changed
	@./requirements/lock.sh
