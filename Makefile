# The checks of CONTRIBUTING.md, in the environment at hand; `bash .ci/run` does all of them in a fresh one.
.PHONY: check lint types test test-all format

check: lint types test

lint:
	ruff check .
	ruff format --check .

types:
	pyright

test:
	pytest -q -n 2 --dist loadfile

test-all:
	pytest -q -n 2 --dist loadfile -m ''

format:
	ruff check --fix .
	ruff format .
