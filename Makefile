# Every target sets up .venv by itself. The same steps as plain commands are in CONTRIBUTING.md.
PYTHON ?= python3
PYTEST_ARGS ?=
HEADLESS ?=
DEMO_ARGS ?=
SLOW ?=

VENV := .venv
BIN := $(VENV)/bin
NEEDS := dpsims_hub needs Python 3.11 or newer with its venv module

.DEFAULT_GOAL := help
.PHONY: help demo test lint clean distclean

help:
	@echo "make demo       paint scenes in the browser with the bundled model, watch the photos"
	@echo "                HEADLESS=1: draw its example layouts into outputs/demo.png instead, and exit"
	@echo "make test       run the tests (no network, no GPU)"
	@echo "                SLOW=1: the slow ones too, in three times the time, as CI does; SLOW=2: all"
	@echo "make lint       check the style"
	@echo "make clean      remove caches and build products, keep .venv and outputs/"
	@echo "make distclean  clean, and remove .venv"
	@echo "Another Python: make PYTHON=/path/to/python3.12 demo"

demo: $(VENV)/.has-core
	"$(BIN)/dpsims" demo $(if $(filter-out 0,$(HEADLESS)),--headless) $(DEMO_ARGS)

test: export GRADIO_ANALYTICS_ENABLED := False
test: export HF_HUB_OFFLINE := 1
test: $(VENV)/.has-dev
	"$(BIN)/python" -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(filter-out 0,$(SLOW)),--slow) $(if $(filter 2,$(SLOW)),--minutes) $(PYTEST_ARGS)

lint: $(VENV)/.has-dev
	"$(BIN)/python" -m ruff check .

$(VENV)/.has-core: pyproject.toml requirements.txt | $(VENV)/.created
	@echo "Installing dpsims_hub into $(VENV): PyTorch is a large download, this happens once."
	"$(BIN)/python" -m pip install --disable-pip-version-check -e ".[space]"
	@touch "$@"

$(VENV)/.has-dev: pyproject.toml requirements.txt | $(VENV)/.created
	@echo "Installing dpsims_hub with its development tools into $(VENV): this happens once."
	"$(BIN)/python" -m pip install --disable-pip-version-check -e ".[dev]"
	@touch "$@" "$(VENV)/.has-core"

$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || \
	  { echo "$(NEEDS); '$(PYTHON)' was not found: name another with make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(NEEDS); '$(PYTHON)' is too old: name another with make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(NEEDS); '$(PYTHON)' lacks it: on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"
	@touch "$@"

clean:
	rm -rf build dist dpsims_hub.egg-info .pytest_cache .ruff_cache
	find . -path "./$(VENV)" -prune -o -type d -name __pycache__ -exec rm -rf {} +

distclean: clean
	rm -rf "$(VENV)"
