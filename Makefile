# For those who type make: `make study ARGS="--patients 500"` is `python3 bootstrap.py study --patients 500`.
PYTHON ?= python3

.PHONY: study test lab
study test lab:
	$(PYTHON) bootstrap.py $@ $(ARGS)
