# make run | lint | format | test | test-all | test-faults | test-acme |
#   test-launchpad | bench | gpu | lock
#
# Everything is installed in .venv. `make run RUN_FLAGS='--seed=1'` adds flags.

VENV := .venv
BIN := $(VENV)/bin
LINKS := $(VENV)/links

# The first of these that runs, is 3.10 or 3.11, and can make a virtual
# environment. (A pyenv shim exists also for a version that is not active, and
# does not run.)
FIND_PYTHON := for python in python3.11 python3.10 python3; do \
  if $$python -c 'import sys, ensurepip; \
    sys.exit(sys.version_info[:2] not in [(3, 10), (3, 11)])' 2>/dev/null; \
  then echo $$python; break; fi; done
PYTHON = $(or $(shell $(FIND_PYTHON)),$(error acme-distillery needs Python \
  3.10 or 3.11 (with venv), and neither python3.11 nor python3.10 runs here))

RUN_FLAGS ?=

.PHONY: run lint format test test-all test-faults test-acme test-launchpad \
  gpu bench lock clean

run: $(VENV)/.installed
	$(BIN)/python launchers/run_distral.py \
	  --flagfile=launchers/flags/distral_mt10.cfg \
	  --num_env_steps=1500000 --evaluate_every=250000 $(RUN_FLAGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow and not faults'

test-all: $(VENV)/.installed-test
	$(BIN)/python -m pytest

test-faults: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m faults -s

# Runs Acme 0.4.0's own distributed tests on our programs. They have an
# environment of their own, as that version needs a Launchpad which this Python
# does not have.
ACME := .venv-acme
test-acme: $(ACME)/.installed
	PYTHONPATH=tests/conformance $(ACME)/bin/python -m pytest -v \
	  -p acme_on_ours --rootdir=tests/conformance --pyargs \
	  acme.agents.tf.d4pg.agent_distributed_test \
	  acme.agents.tf.svg0_prior.agent_distributed_test

# Runs our launchers on DeepMind's Launchpad, which needs Python 3.10 and old
# versions of its libraries.
LAUNCHPAD := .venv-launchpad
test-launchpad: $(LAUNCHPAD)/.installed
	$(LAUNCHPAD)/bin/python -m pytest -v --rootdir=tests/conformance \
	  -c /dev/null tests/conformance/launchpad_runs.py

$(LAUNCHPAD)/.installed: setup.py requirements-launchpad.txt
	test -x $(LAUNCHPAD)/bin/python || python3.10 -m venv $(LAUNCHPAD)
	$(LAUNCHPAD)/bin/python -m pip install -q --disable-pip-version-check \
	  -r requirements-launchpad.txt
	$(LAUNCHPAD)/bin/python -m pip install -q --disable-pip-version-check \
	  --no-deps -e .
	touch $@

# Adds TensorFlow's CUDA libraries to what is installed.
gpu: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check \
	  -c constraints.txt -e '.[gpu]'

$(ACME)/.installed: setup.py constraints.txt
	test -x $(ACME)/bin/python || $(PYTHON) -m venv $(ACME)
	$(ACME)/bin/python -m pip install -q --disable-pip-version-check \
	  -c constraints.txt -e '.[test]' wheel
	$(ACME)/bin/python -m pip install -q --disable-pip-version-check \
	  --no-deps --no-build-isolation dm-acme==0.4.0
	touch $@

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/collection.py
	$(BIN)/python benchmarks/end_to_end.py
	$(BIN)/python benchmarks/distral_learner.py
	$(BIN)/python benchmarks/trust_regions.py
	$(BIN)/python benchmarks/off_policy.py
	$(BIN)/python benchmarks/meta_learning.py
	$(BIN)/python benchmarks/programs.py
	$(BIN)/python benchmarks/mazes.py
	$(BIN)/python benchmarks/a2c.py

# Checks the format, common mistakes and types.
lint: $(VENV)/.installed-test $(LINKS)
	$(BIN)/pyink --check --quiet --diff .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/pyink --quiet .

# The links in which type checkers and editors find `distillery.<folder>`, as
# there is no folder with the name of the package.
$(LINKS): setup.py
	mkdir -p $(LINKS)/distillery
	for folder in ops networks environments distributed agents launchers; do \
	  ln -sfn ../../../$$folder $(LINKS)/distillery/$$folder; done
	touch $@

# Installs once, and again when setup.py or constraints.txt has changed.
$(VENV)/.installed: setup.py constraints.txt
	@echo 'Installing the locked dependencies into $(VENV) (some minutes).'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check \
	  -c constraints.txt -e .
	$(MAKE) --no-print-directory $(LINKS)
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check \
	  -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check \
	  -c constraints.txt -e '.[bench]'
	touch $@

# Locks the dependencies of setup.py; needs uv (https://docs.astral.sh/uv/). Run
# `rm constraints.txt` before, to lock the newest versions.
lock:
	uv pip compile --quiet --universal --python-version 3.10 \
	  --all-extras -o constraints.txt setup.py

clean:
	rm -rf $(VENV) $(ACME) $(LAUNCHPAD) build dist *.egg-info
