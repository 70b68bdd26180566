# Every target sets up what it needs: on a fresh machine with Python 3.11 or newer, `make demo` is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_WORKERS ?= 2

.PHONY: help demo test test-browser test-triton slow bench check format clean
help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ —/'

$(READY): pyproject.toml
	@echo "setting up $(VENV) (once, a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY)   ## train a fixed-vector and an attention model on the embedded corpus and compare them
	$(BIN)/regard demo

test: $(READY)   ## run the default tests
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal

test-browser: $(READY) ## test the page in a browser; needs Chromium, and npm for the accessibility check
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { echo "Chromium is not installed; on Debian, as root: apt-get install chromium"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.50'
	@test -d .browser/node_modules/axe-core || npm install --silent --no-audit --no-fund --prefix .browser axe-core@4 || \
	  echo "npm or axe-core is missing: the accessibility check is skipped"
	$(BIN)/python -m pytest -m browser
	@echo "pictures to look at: .browser/screens"

test-triton: $(READY) ## test the GPU kernels without a GPU: in Triton's interpreter, and compiled for GPUs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[triton]'
	TRITON_INTERPRET=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) tests/kernels
	$(BIN)/python -m pytest tests/kernels/test_triton_compiles.py

slow: $(READY)   ## run the long tests: trained models, learning, real data
	$(BIN)/python -m pytest -m slow

bench: $(READY)  ## measure training and translating against the textbook's way: under ten minutes, on a quiet machine
	$(BIN)/python benchmarks/speed.py

check: $(READY)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## remove the environment and the tools' caches; keep trained models
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
