# What people and CI run. `make help` lists it; everything else follows from `make setup`.

# Any Python from 3.11 on; `make PYTHON=/path/to/python3.12 setup` chooses one.
PYTHONS := $(PYTHON) python3 python3.13 python3.14 python3.12 python3.11
UV := .venv/bin/uv
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam
LOCKS := tools/requirements
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## install everything into .venv*, quick when nothing changed; the command is then .venv/bin/testmo-notifier
	@if [ -e .venv/.uv ] && ! .venv/bin/python -c "" 2>/dev/null; then rm .venv/.uv; fi
	@$(MAKE) --silent -j4 .venv/.ready .venv-sam/.ready .venv-ministack/.ready .venv-rie/.ready .venv-sbom/.ready

.PHONY: run
run: setup ## watch it work on this machine: a simulated release day, from Testmo to Slack and mail (no account needed)
	@SETTINGS_DIR=$${SETTINGS_DIR:-tools/local/story} OVERLAP_SECONDS=$${OVERLAP_SECONDS:-1} \
	  .venv/bin/testmo-notifier local --scenario release-day --interval 2

.PHONY: test
test: check ## everything CI runs: the static checks and all tests
	.venv/bin/pytest --numprocesses=auto --dist=loadgroup

.PHONY: sam-local
sam-local: setup ## real containers: `sam local invoke` of both functions (needs a container engine, or Debian and root)
	@.venv/bin/python -m tools.local.sam_local

.PHONY: soak
soak: setup ## some minutes of everything going wrong on the embedded stack, then the ledger (not part of `make test`)
	@.venv/bin/testmo-notifier soak

.PHONY: bench
bench: setup ## how fast, small and cheap it is beside 1.0.0 and floors: benchmarks/RESULTS.md; ROWS=quiet,cold_start for some rows
	@.venv/bin/python -m benchmarks $(ROWS)

.PHONY: cost
cost: setup ## what it costs a month, from measured calls, written into README.md and docs/metrics.md
	@.venv/bin/python -m benchmarks.cost

.PHONY: mutants
mutants: setup ## break every rule of the promise on purpose and see a test fail that names it; RULE=5 for one of them
	@.venv/bin/python -m tools.maintain.mutants $(if $(RULE),--rule "$(RULE)") $(if $(JOBS),--jobs $(JOBS))

.PHONY: mutants-sample
mutants-sample: setup ## break the product at random, N=30 places; SEED=7, MODULE=digest.py, CHANGED=main (only lines changed since)
	@.venv/bin/python -m tools.maintain.mutants_sample $(if $(N),--number $(N)) $(if $(SEED),--seed $(SEED)) \
	  $(foreach module,$(MODULE),--module $(module)) $(if $(CHANGED),--changed "$(CHANGED)")

.PHONY: check
check: setup ## the static checks alone
	@$(MAKE) --no-print-directory -j2 ruff mypy cfn-lint sam-validate settings bandit

.PHONY: ruff
ruff:
	.venv/bin/ruff check
	.venv/bin/ruff format --check

.PHONY: mypy
mypy:
	.venv/bin/mypy

.PHONY: cfn-lint
cfn-lint:
	.venv/bin/cfn-lint template.yaml docs/ci/deploy-role.yaml

# What is deployed has no finding at all; the tools start other programs on purpose, each with its reason in ruff's own
# exemption.
.PHONY: bandit
bandit:
	.venv/bin/bandit --quiet --recursive layers functions
	.venv/bin/bandit --quiet --recursive tools --severity-level medium

.PHONY: checkov
checkov: setup ## one more opinion on the template, from a tool too big for the set-up (290 MB, installed aside)
	$(UV) tool run --quiet --from checkov==3.3.30 checkov --config-file .checkov.yaml

.PHONY: sbom
sbom: setup ## what runs in the functions, as CycloneDX: sbom.json
	@PYTHONWARNINGS=ignore .venv-sbom/bin/cyclonedx-py requirements layers/common/requirements.txt --pyproject pyproject.toml \
	  --output-reproducible --output-file sbom.json

.PHONY: settings
settings:
	.venv/bin/testmo-notifier check

.PHONY: docs
docs: setup ## write the tables of docs/templates.md and docs/limits.md and the help in docs/commands.md anew, out of the code
	.venv/bin/python -m tools.maintain.reference
	.venv/bin/python -m tools.maintain.limits
	.venv/bin/python -m tools.maintain.manual

.PHONY: release
release: setup ## keep what this version deploys, for the test that upgrades from it (before the version is tagged)
	.venv/bin/python -m tools.maintain.release

# A region, because validation wants one and CI has none; nothing is asked there.
.PHONY: sam-validate
sam-validate:
	$(SAM) validate --lint --template template.yaml --region us-east-1

.PHONY: lock
lock: .venv/.uv ## look for newer dependencies and pin them
	$(COMPILE) --upgrade layers/common/requirements.in --output-file layers/common/requirements.txt
	for lock in uv dev sam ministack rie sbom; do $(COMPILE) --upgrade $(LOCKS)/$$lock.in --output-file $(LOCKS)/$$lock.txt; done

.PHONY: clean
clean: ## remove everything that was made here, the environments included
	rm -rf .venv .venv-sam .venv-ministack .venv-rie .venv-sbom .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# uv comes first, because it makes the rest a matter of seconds. A stamp is newer than the locks it was made from.
.venv/.uv: $(LOCKS)/uv.txt
	@echo "Installing the tools into .venv and .venv-* ..."
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Testmo Notifier's tools need Python 3.11 or newer, and none of these is: $(strip $(PYTHONS))." >&2; \
	  echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	"$$python" -m venv --clear .venv || { \
	  echo "$$python cannot make virtual environments; on Debian and Ubuntu, install python3-venv." >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
	  --requirement $(LOCKS)/uv.txt
	@touch $@

.venv/.ready: .venv/.uv $(LOCKS)/dev.txt layers/common/requirements.txt pyproject.toml
	@$(UV) pip sync --quiet --require-hashes --python .venv/bin/python \
	  layers/common/requirements.txt $(LOCKS)/uv.txt $(LOCKS)/dev.txt
	@$(UV) pip install --quiet --python .venv/bin/python --no-build-isolation --no-deps --editable .
	@touch $@

.venv-%/.ready: .venv/.uv $(LOCKS)/%.txt
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv-$*
	@$(UV) pip sync --quiet --require-hashes --python .venv-$*/bin/python $(LOCKS)/$*.txt
	@touch $@
