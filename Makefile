# `make help` lists the targets. ARGS is passed on: make serve ARGS="--port 9000 --strict", make test ARGS="-k search".

VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: serve
serve: $(VENV)/installed  ## Install into .venv on first use, then serve on http://127.0.0.1:8080
	@exec $(BIN)/azdicom serve $(ARGS)

.PHONY: install
install: $(VENV)/installed  ## Install the package into .venv

.PHONY: test
test: $(VENV)/installed-dev  ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

.PHONY: lint
lint: $(VENV)/installed-dev  ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: interop
interop: $(VENV)/installed-dev  ## Run the container image's steps, other clients and servers, and the slow tests
	@command -v Orthanc >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
		&& RUNLEVEL=1 apt-get install -qq -y --no-install-recommends orthanc orthanc-dicomweb gcc libc6-dev; } \
		|| echo "Orthanc is not installed: its tests are skipped" >&2
	@command -v dciodvfy >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
		&& apt-get install -qq -y --no-install-recommends dicom3tools; } \
		|| echo "dicom3tools is not installed: synthetic studies are not checked by it" >&2
	AZDICOM_TEST_CONTAINER=1 $(BIN)/python -m pytest tests/test_container.py tests/interop $(ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow $(ARGS)

.PHONY: scenarios
scenarios: $(VENV)/installed-dev  ## Run the library of scenarios, each against an emulator of its own
	$(BIN)/azdicom scenario run scenarios/library -j 2 $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/installed-dev  ## Send random requests made from the OpenAPI description to a server of its own (slow)
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: bench
bench: $(VENV)/installed-dev  ## Measure the server; print the table and write docs/benchmarks.md
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: docs
docs: $(VENV)/installed-dev  ## Write the tables of options, extensions and quirks into README.md and docs
	$(BIN)/python -m tests.doc_tables

.PHONY: conformance
conformance: $(VENV)/installed-dev  ## Run all tests and write which rule each proves into docs/conformance.md
	$(BIN)/python -m tests.conformance

.PHONY: contact-sheet
contact-sheet: $(VENV)/installed-dev  ## Render the sample images into docs/contact-sheet.png
	$(BIN)/python -m tests.contact_sheet docs/contact-sheet.png

.PHONY: clean
clean:  ## Remove what the other targets made, the data folder excepted
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find emulator proxy scenarios tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than pyproject.toml when what it names is installed, so that a second call costs nothing.
$(VENV)/installed: $(BIN)/python pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --editable .
	@touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml
	@echo "Installing with the development tools into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks the venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
