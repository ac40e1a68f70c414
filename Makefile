# Each target sets up what it needs: a virtual environment with the tested versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= twopeaks-demo

DEVICE ?= auto
WORKERS ?=
ONLY ?=
MINUTES ?= 60

.PHONY: demo test test-all lint bench laws reproduce mutants equations formulas forecast-model docs links clean
.DEFAULT_GOAL := test

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "twopeaks needs Python 3.11 or later; run make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster,docs,explore,tensorboard,test,dev]'
	touch $@

demo: $(VENV)/.run  ## predict a transition, train networks across it, write report and figures
	$(BIN)/twopeaks demo --out $(OUT)

test: $(VENV)/.dev  ## the fast suite
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: $(VENV)/.dev  ## the fast suite and the slow agreement with trained networks
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"
	$(BIN)/pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p build/types/twopeaks # mypy cannot follow the import hook of an editable installation
	ln -sf $(addprefix $(CURDIR)/,__init__.py __main__.py api.py py.typed theory sim validate) build/types/twopeaks
	$(BIN)/mypy

bench: $(VENV)/.run  ## speed, as ratios within one run; start-up; peak memory; what probes cost; the run of the paper's figure 3
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/probes.py --rounds 3 --figure-3

laws: $(VENV)/.run  ## deviations from every law of theory: representations, peaks, Stage II, emergence times
	$(BIN)/python benchmarks/laws.py

reproduce: $(VENV)/.run  ## measure what results/ holds again (ONLY="crossings" chooses) and say what differs; it goes on where it was cut short
	$(BIN)/python benchmarks/reproduce.py $(ONLY) --device $(DEVICE) $(if $(WORKERS),--workers $(WORKERS))

mutants: $(VENV)/.dev  ## change one thing at a time in modules (ONLY="validate/scores/board.py" chooses) and list what no test notices
	$(BIN)/python benchmarks/mutants.py $(ONLY) --minutes $(MINUTES)

equations: $(VENV)/.run  ## write the equations as a page and as LaTeX
	$(BIN)/twopeaks derive --all --markdown > docs/equations.md
	$(BIN)/twopeaks derive --all --latex > docs/equations.tex

formulas: $(VENV)/.dev  ## write what sympy makes of the equations, so that predictions need no sympy
	$(BIN)/python -c "from twopeaks.theory.equations.lower import lowered_module; print(lowered_module())" > lowered.py
	mv lowered.py theory/equations/lowered.py
	$(BIN)/ruff format theory/equations/lowered.py

docs: $(VENV)/.dev  ## build the site into build/docs/html, notebooks executed; a warning or a broken link within it is an error
	$(BIN)/python docs/build.py

links: $(VENV)/.dev  ## the same, and look at links to other sites (needs a network)
	$(BIN)/python docs/build.py --links

forecast-model: $(VENV)/.run  ## train the development runs of forecasts and fit their coefficients (about ten minutes)
	$(BIN)/python benchmarks/forecast_model.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
