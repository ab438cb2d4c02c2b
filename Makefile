# The two commands a newcomer needs are `make up` and `make test`; each installs what it needs first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do command -v $$p >/dev/null && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SOURCES := app telemetry exporters monitor tests benchmarks
OFFSET ?= 0

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

.PHONY: install
install: $(INSTALLED) ## Install what is missing: system packages, a .venv, pinned Python packages
	@deploy/install-packages.sh

# Where making a .venv was interrupted, it has a python but no pip: that comes last.
$(INSTALLED): requirements-dev.lock pyproject.toml
	@deploy/install-packages.sh --venv
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 or newer: install it, or call make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: install-tests
install-tests: install
	@deploy/install-packages.sh --tests

.PHONY: up
up: install ## Start everything on this machine, wait until healthy, print the addresses (OFFSET=N moves all ports)
	$(BIN)/monitor up --detach --port-offset $(OFFSET)

.PHONY: down
down: ## Stop everything that `make up` started
	$(BIN)/monitor down

.PHONY: status
status: ## Show each component's state
	$(BIN)/monitor status

.PHONY: test
test: install-tests ## Run the tests (15 minutes or less on 2 cores)
	$(BIN)/python -m pytest -m "not proof" --numprocesses 3 --dist loadgroup --no-loadscope-reorder

.PHONY: proof
proof: install-tests proof-outage-kill proof-outage-pause proof-quiet proof-quiet-hour proof-alert-path proof-alert-times-5s proof-alert-times-30s proof-exporters proof-rules proof-pitr proof-backup-damage proof-backup-faults proof-rpo proof-round-trip proof-grafana-types ## Run the long proofs: real outages, a quiet hour, ten thousand scrapes, every mutant, twenty seconds restored, a thousand harms to a backup, fifty kills

.PHONY: proof-outage-kill proof-outage-pause
proof-outage-kill proof-outage-pause: proof-outage-%: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_outages.py -k $*

.PHONY: proof-alert-times-5s proof-alert-times-30s
proof-alert-times-5s proof-alert-times-30s: proof-alert-times-%: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_alert_times.py -k "[$*]" -s

.PHONY: proof-quiet proof-quiet-hour
proof-quiet: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_quiet.py -k twenty-minutes
proof-quiet-hour: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_quiet.py -k hour

.PHONY: proof-alert-path
proof-alert-path: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_alert_path.py

.PHONY: proof-rules
proof-rules: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_rule_mutants.py tests/proof/test_rule_intervals.py

.PHONY: proof-pitr
proof-pitr: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_pitr.py -s

.PHONY: proof-exporters
proof-exporters: install-tests
	$(BIN)/python -m pytest -m proof $(wildcard tests/proof/test_exporters_*.py)

.PHONY: proof-backup-damage
proof-backup-damage: install-tests ## Harm a backup in a thousand ways; goes on where it was broken off (BACKUP_DAMAGE_LOG=FILE)
	$(BIN)/python -m pytest -m proof tests/proof/test_backup_damage.py -s

.PHONY: proof-grafana-types
proof-grafana-types: install-tests ## Hold the dashboards against Grafana's own TypeScript types (npm brings them)
	$(BIN)/python -m pytest -m proof tests/proof/test_grafana_types.py

.PHONY: bench
bench: install-tests ## Measure the exporters side by side with Debian's, on this machine; fails when a bar is missed
	@deploy/install-packages.sh --peers
	$(BIN)/python -m benchmarks.exporters

.PHONY: proof-backup-faults proof-rpo proof-round-trip
proof-backup-faults: install-tests
	$(BIN)/python -m pytest -m proof $(wildcard tests/proof/test_backup_faults*.py) -s
proof-rpo: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_recovery_point.py -s
proof-round-trip: install-tests
	$(BIN)/python -m pytest -m proof tests/proof/test_backup_round_trip.py -s

.PHONY: bench-backup
bench-backup: install-tests ## Measure backups, restores, replay and what the app notices of them; fails when a bar is missed
	$(BIN)/python -m benchmarks.backup

.PHONY: bench-slo
bench-slo: install-tests ## Measure what SLOs' rules cost and how right they are, beside those of Sloth and Pyrra, and a thousand SLOs
	$(BIN)/python -m benchmarks.slo
	$(BIN)/python -m benchmarks.slo_scale --serve 330

.PHONY: lint
lint: $(INSTALLED) ## Check style, types and the arrows between packages
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: generate
generate: $(INSTALLED) ## Write rules/, dashboards/, runbook heads and metric declarations from the catalogue
	$(BIN)/python -m app --metrics > monitor/catalogue/metrics/.app.json
	$(BIN)/python -m exporters --metrics > monitor/catalogue/metrics/.exporters.json
	$(BIN)/python -m monitor --metrics > monitor/catalogue/metrics/.monitor.json
	for name in app exporters monitor; do mv monitor/catalogue/metrics/.$$name.json monitor/catalogue/metrics/$$name.json; done
	$(BIN)/monitor --env compose generate

.PHONY: check-generated
check-generated: $(INSTALLED) ## Fail when a generated file differs from what the catalogue says
	for name in app exporters monitor; do \
		$(BIN)/python -m $$name --metrics | diff -u monitor/catalogue/metrics/$$name.json - || \
			{ echo "monitor/catalogue/metrics/$$name.json is out of date: run make generate" >&2; exit 1; }; done
	$(BIN)/monitor --env compose generate --check
	$(BIN)/monitor --env compose check

.PHONY: check-rules
check-rules: install ## Have promtool run every test of every generated rule
	promtool check rules rules/prometheus/*.yml >/dev/null
	printf '%s\0' rules/tests/*.yml | xargs -0 -P 2 -n 6 promtool test rules

.PHONY: lock
lock: ## Resolve the pinned packages anew (no index address is written)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
		--no-emit-index-url --no-emit-find-links --no-header -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
		--no-emit-index-url --no-emit-find-links --no-header -o requirements-dev.lock

.PHONY: clean
clean: ## Remove the stack's data and all caches (keeps .venv)
	test ! -x $(BIN)/monitor || $(BIN)/monitor down
	rm -rf .run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
