# make serve   the demo shops, at http://localhost:8000
# make test    the tests, against a PostgreSQL of their own
# make check   format, lint, types, import rules
# make bench   how fast it is, beside what the database alone can do
# make fmt     put the format right
# make otel    install what traces need as well (docs/howto/tracing.md)
# make lock    write down the versions that are installed now

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# What pip does for a package that is not editable: a start need not wait for it, even where PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(BIN)/python -m compileall -q src

.PHONY: serve demo test check bench fmt lock install otel

serve demo: .venv/runtime.stamp
	$(BIN)/merx demo

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 3 tests

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp
	@$(COMPILE)
	$(BIN)/python -m bench

fmt: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/dev.stamp
	$(BIN)/python .ci/lock.py

install: .venv/runtime.stamp

otel: .venv/runtime.stamp
	$(PIP) -c requirements-dev.lock --no-build-isolation -e '.[otel]'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Merx needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "This Python lacks the venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }

.venv/runtime.stamp: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@$(COMPILE)
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/runtime.stamp
	$(PIP) -r requirements-dev.lock
	@touch $@
