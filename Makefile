# make run | lint | types | format | test | test-all | test-faults | test-acme |
#   test-launchpad | bench | gpu | lock
#
# Everything goes into .venv. `make run RUN_FLAGS='--seed=1'` hands flags on.

VENV := .venv
BIN := $(VENV)/bin
LINKS := $(VENV)/links

# The first of these that really runs (a pyenv shim may exist for a version
# which is not active), is 3.10 or 3.11, and can make a virtual environment.
FIND_PYTHON := for python in python3.11 python3.10 python3; do \
  if $$python -c 'import sys, ensurepip; \
    sys.exit(sys.version_info[:2] not in [(3, 10), (3, 11)])' 2>/dev/null; \
  then echo $$python; break; fi; done
PYTHON = $(or $(shell $(FIND_PYTHON)),$(error acme-distillery needs Python \
  3.10 or 3.11 (with venv), and neither python3.11 nor python3.10 runs here))

RUN_FLAGS ?=

.PHONY: run lint types format test test-all test-faults test-acme test-launchpad \
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

# Acme 0.4.0's own distributed tests, on our programs; in an environment of its
# own, as that version asks for a Launchpad which this Python does not have.
ACME := .venv-acme
test-acme: $(ACME)/.installed
	PYTHONPATH=tests/conformance $(ACME)/bin/python -m pytest -v \
	  -p acme_on_ours --rootdir=tests/conformance --pyargs \
	  acme.agents.tf.d4pg.agent_distributed_test \
	  acme.agents.tf.svg0_prior.agent_distributed_test

# Our launchers on DeepMind's Launchpad, which wants Python 3.10 and libraries of
# its time.
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

# TensorFlow's CUDA libraries, beside what is installed.
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
	$(BIN)/python benchmarks/trust_regions.py
	$(BIN)/python benchmarks/off_policy.py
	$(BIN)/python benchmarks/meta_learning.py
	$(BIN)/python benchmarks/programs.py
	$(BIN)/python benchmarks/mazes.py
	$(BIN)/python benchmarks/a2c.py

# Format and common mistakes.
lint: $(VENV)/.installed-test
	$(BIN)/pyink --check --quiet --diff .
	$(BIN)/ruff check --quiet .

# Types; not all of them hold yet.
types: $(VENV)/.installed-test $(LINKS)
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/pyink --quiet .

# Where type checkers and editors find `distillery.<folder>`: links to the
# folders, as the package has no folder of its own name.
$(LINKS): setup.py
	mkdir -p $(LINKS)/distillery
	for folder in ops networks environments distributed agents launchers; do \
	  ln -sfn ../../../$$folder $(LINKS)/distillery/$$folder; done
	touch $@

# Installs once; again only when what is wanted has changed.
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

# Locks what setup.py asks for; needs uv (https://docs.astral.sh/uv/). With
# `rm constraints.txt` before it, to the newest versions.
lock:
	uv pip compile --quiet --universal --python-version 3.10 \
	  --all-extras -o constraints.txt setup.py

clean:
	rm -rf $(VENV) $(ACME) $(LAUNCHPAD) build dist *.egg-info
