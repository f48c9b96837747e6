#!/usr/bin/env bash
# Makes training/.venv with what the recipes need (PYTHON: the interpreter to start from, python3 by default).
set -euo pipefail
cd "$(dirname "$0")"
if ! [ -x .venv/bin/python ]; then
    "${PYTHON:-python3}" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --upgrade pip
# torchcrepe and pesto-pitch ask for torchaudio, which they need only to read files and PyPI builds for other versions of
# torch: they are installed without their dependencies, which requirements.txt names.
grep -vE '^(torchcrepe|pesto-pitch)==' requirements.txt > .venv/requirements-resolved.txt
.venv/bin/python -m pip install --quiet --requirement .venv/requirements-resolved.txt
grep -E '^(torchcrepe|pesto-pitch)==' requirements.txt > .venv/requirements-alone.txt
.venv/bin/python -m pip install --quiet --no-deps --requirement .venv/requirements-alone.txt
