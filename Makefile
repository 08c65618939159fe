# `make up` starts everything, `make test` proves it. Needed: Python 3.11 or newer, make, a package index.

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
FIND := for each in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done

# uv is quicker where it is there; pip knows indexes that uv has not been told of.
define install
	@$(if $(UV),$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python $(1) 2>/dev/null ||) \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(1)
endef

.PHONY: up test lint format types contracts bench chaos stop-points races alike audit lock readme screenshots clean
.DELETE_ON_ERROR:

up: $(VENV)/runtime.stamp
	@exec $(BIN)/guestlist up $(if $(PORT),--port "$(PORT)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

test: $(VENV)/test.stamp
	$(BIN)/pytest -n 4 --dist loadgroup $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/test.stamp
	$(BIN)/mypy

contracts: $(VENV)/test.stamp
	$(BIN)/lint-imports

# What follows takes long; SHORT=1 takes a glance at each.
bench: $(VENV)/test.stamp
	$(BIN)/python -m bench.invitations $(if $(SHORT),--count 200 --rounds 1) $(ARGS)
	$(BIN)/python -m bench.removal $(if $(SHORT),--grants 2000 --rounds 2)
	$(BIN)/python -m bench.streams $(if $(SHORT),--streams 60 --removals 20)
	$(BIN)/python -m bench.turns $(if $(SHORT),--count 1000)

# Whether the time of an answer tells who is known.
alike: $(VENV)/test.stamp
	$(BIN)/python -m bench.alike $(ARGS)

# Breaks everything under people at work, for half an hour on each database.
chaos: $(VENV)/test.stamp
	$(BIN)/python -m tests.chaos $(if $(SHORT),--minutes 1) $(ARGS)

# Kills each workflow before and after each of its statements.
stop-points: $(VENV)/test.stamp
	$(BIN)/python -m tests.stop_points $(if $(SHORT),--short) $(ARGS)

# Lets go at once what must not happen at once, 500 times each.
races: $(VENV)/test.stamp
	$(BIN)/python -m tests.races $(if $(SHORT),--short) $(ARGS)

# Whether any pinned dependency is known to be vulnerable; fails on findings, not where nobody can be asked.
audit: $(VENV)/pyvenv.cfg
	@$(BIN)/python .ci/audit

# Pins with hashes and no addresses, for every platform and Python from 3.11. What is optional is pinned with all
# others, for whoever installs it: pip takes no lock with hashes beside another.
COMPILE = uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra otel --extra sentry -c requirements.lock -o requirements.watching.lock
	$(COMPILE) --extra test -c requirements.watching.lock -o tests/requirements.lock

readme: $(VENV)/test.stamp
	$(BIN)/python -m tests.readme

# The README's pictures, taken anew; needs Chromium.
screenshots: $(VENV)/test.stamp
	$(BIN)/python -m tests.pictures

clean:
	rm -rf $(VENV) .*_cache *.egg-info

$(VENV)/pyvenv.cfg:
	@python=$$($(FIND)); \
	if [ -z "$$python" ]; then echo "Guestlist needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; fi; \
	echo "Installing into $(VENV) ($$($$python --version))"; \
	$$python -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$$python cannot make virtual environments; on Debian: apt install python3-venv." >&2; exit 1; }

$(VENV)/runtime.stamp: requirements.lock pyproject.toml | $(VENV)/pyvenv.cfg
	$(call install,--require-hashes -r requirements.lock)
	$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/test.stamp: tests/requirements.lock $(VENV)/runtime.stamp
	$(call install,--require-hashes -r tests/requirements.lock)
	@touch $@
