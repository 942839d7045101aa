# The same commands for people and for CI. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
SOURCES := api worker shared models ops tests

# Where it is set, each of the hundreds of processes that a run of the tests starts compiles the
# project anew.
unexport PYTHONDONTWRITEBYTECODE

IMAGES := api worker flower queues load
IMAGE_PREFIX ?= regno-
IMAGE_TAG ?= dev

.PHONY: help run test faults soak guards hostile lint format docs train bench bench-peers load images push-images compose-check lock \
	install-run install-dev install-test-tools clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install-run ## Run the whole service on this machine (PORT=5000, WORKERS=half of the CPUs, REGNO_*)
	@exec $(PYTHON) -m ops.local

test: install-dev ## Check everything: lint, unit and integration tests on real servers
	@$(MAKE) --no-print-directory -j 2 lint install-test-tools
	@$(PYTHON) -m pytest -n 2 --no-loadscope-reorder $(ARGS)

faults: install-dev ## Break one part after the other under 300 requests a second, 5 min: the ledger
	@$(PYTHON) -m tests.faults $(ARGS)

soak: install-dev ## The same for half an hour, a random fault every 30 s (ARGS='--minutes 5')
	@$(PYTHON) -m tests.faults.soak $(ARGS)

guards: install-dev ## Take out each guard in a copy, 10 min: the tests that notice
	@$(PYTHON) -m tests.faults.without_guards $(ARGS)

hostile: install-dev ## Send what breaks decoders to a service of its own, 1 min: the table
	@$(PYTHON) -m tests.hostile $(ARGS)

lint: install-dev ## Check style, types and who imports whom
	@.venv/bin/ruff format --check $(SOURCES)
	@.venv/bin/ruff check $(SOURCES)
	@.venv/bin/mypy
	@.venv/bin/lint-imports --config pyproject.toml >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

format: install-dev ## Put the sources into shape
	@.venv/bin/ruff format $(SOURCES)
	@.venv/bin/ruff check --fix $(SOURCES)

docs: install-dev ## Make what is made from code: docs/metrics.md, Grafana's dashboards
	@$(PYTHON) -m ops.docs
	@$(PYTHON) -m ops.grafana

train: install-dev ## Rebuild the shipped model: the same seed gives the same file
	@$(PYTHON) -m models

bench: install-dev ## Measure the service and its peers in one run, 55 min (ARGS='--quick': 3 min)
	@$(PYTHON) -m ops.bench $(ARGS)

bench-peers: install-dev ## Install MLServer and BentoML, in an environment of their own, for bench
	@ops/bench/install-peers

load: install-dev ## Send a constant rate to a running service (ARGS='--rate 500 --seconds 30')
	@$(PYTHON) -m ops.load $(ARGS)

images: ## Build the container images (IMAGES, IMAGE_PREFIX=regno-, IMAGE_TAG=dev)
	@for image in $(IMAGES); do \
		file=Dockerfile.$$image; [ -f $$file ] || file=ops/$$image/Dockerfile; \
		docker build --file $$file --tag $(IMAGE_PREFIX)$$image:$(IMAGE_TAG) . || exit 1; \
	done

push-images: ## Push the container images to the registry that IMAGE_PREFIX names
	@for image in $(IMAGES); do \
		docker push $(IMAGE_PREFIX)$$image:$(IMAGE_TAG) || exit 1; \
	done

compose-check: install-dev ## Try docker-compose.yml: answers, scaling, restarts (ARGS='--without grafana')
	@ops/compose-check $(ARGS)

lock: install-dev ## Renew the pinned requirements of every role
	@PATH="$(CURDIR)/.venv/bin:$$PATH" requirements/renew

clean: ## Remove what was installed and what local runs left
	@rm -rf .venv .venv-peers .run .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

install-run:
	@ops/local/install run

install-test-tools: install-dev
	@$(PYTHON) -m ops.local.test_tools

install-dev:
	@ops/local/install dev
