# Everything runs in .venv, made from the pinned versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test test-all check lint bench gpaw quantum-espresso chromium clean

demo: .venv/ready
	$(BIN)/nearedge reproduce --out results/demo

test: .venv/ready-test
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: .venv/ready-all check
	$(MAKE) quantum-espresso chromium
	@if [ -z "$$NEAREDGE_GPAW_PYTHON" ]; then \
		$(MAKE) gpaw || echo "GPAW is not installed; its tests are skipped"; fi
	$(BIN)/python -m pytest -n 2 --durations=15

check: .venv/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Folder by folder: over the whole package at once, pyright finds that lists of tuples are no
# arrays, which depends on the order in which it looks at the files.
lint: check
	for folder in src/nearedge/*/ src/nearedge/*.py; do $(BIN)/pyright $$folder || exit 1; done

# Each peer has an environment of its own, since their requirements do not fit together.
bench: .venv/ready $(foreach peer,tensorflow torch sklearn onnx,.venv-bench-$(peer)/ready)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/table.py

.venv-bench-%/ready: benchmarks/peers/%.txt
	$(PYTHON) -m venv .venv-bench-$*
	.venv-bench-$*/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	touch $@

# The programs of the engine "xspectra" where Debian's packages can be installed (48 MB to fetch,
# 317 MB on disk, half a minute). Elsewhere it says why not, and the tests that need them are skipped.
quantum-espresso:
	@if command -v pw.x && command -v xspectra.x && command -v ld1.x; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get; then \
		echo "Quantum ESPRESSO is not installed: needs root and apt-get"; exit 0; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes \
		--no-install-recommends quantum-espresso >/dev/null \
		|| echo "Quantum ESPRESSO is not installed: apt-get failed"

# The browser of the page's tests where Debian's package can be installed; else they are skipped.
chromium:
	@if command -v chromium || command -v chromium-browser; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get; then \
		echo "chromium is not installed: needs root and apt-get"; exit 0; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes \
		--no-install-recommends chromium >/dev/null \
		|| echo "chromium is not installed: apt-get failed"

# GPAW, an optional engine under the GPL, in an environment of its own (docs/engines/gpaw.md). It is
# compiled, which takes three minutes once.
gpaw: .venv-gpaw/ready

.venv-gpaw/ready: scripts/install-gpaw.sh
	bash scripts/install-gpaw.sh .venv-gpaw $(PYTHON)
	touch $@

clean:
	rm -rf .venv .venv-gpaw .venv-bench-* build dist .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/ready: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/ready-test: .venv/ready
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# torch goes first and by its exact version: that is what selects the build for CPUs.
.venv/ready-all: .venv/ready-test
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev,md,web,web-tests,dask,eels,onnx]'
	touch $@
