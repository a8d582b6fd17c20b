# Every target sets up what it needs: `make demo` and `make test` work on a fresh machine.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPILED := $(VENV)/sqlglot-compiled
INCIDENTS ?= ../shared/incidents

.PHONY: demo test test-all test-compiled lint docs scoreboard bench clean

demo: $(READY)
	@$(BIN)/python fixtures/demo/run.py

test: $(READY) test-compiled
	$(BIN)/python -m pytest -n auto -m "not slow"

test-all: $(READY) test-compiled
	$(BIN)/python -m pytest -n auto

# What reads SQL, once more on the compiled build of sqlglot, which users may have installed.
test-compiled: $(READY)
	@if [ -d $(COMPILED) ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --only-binary :all: --target $(COMPILED) "sqlglot[c] == $$($(BIN)/python -m pip show sqlglot \
	    2>/dev/null | sed -n 's/^Version: //p')"; then \
	  PYTHONPATH=$(COMPILED) SQLGLOT_BUILD=compiled $(BIN)/python -m pytest -q -n auto -m "not slow" \
	    tests/sql tests/schema; \
	else \
	  rm -rf $(COMPILED); echo "not run: tests on compiled sqlglot (no build of it for this machine)"; \
	fi

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(READY)
	$(BIN)/python docs/generate.py

scoreboard: $(READY)
	@if [ -f "$(INCIDENTS)/score.py" ]; then \
	  $(BIN)/python "$(INCIDENTS)/score.py" --root "$(INCIDENTS)/sqlite" "$(INCIDENTS)/server" fixtures/incidents \
	    --migsafe "$(abspath $(BIN))/migsafe"; \
	else \
	  echo "no scoreboard: $(INCIDENTS)/score.py is not here (set INCIDENTS=folder)"; \
	fi

bench: $(READY)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
