#!/usr/bin/env bash
# Three minutes (SOAK=seconds) of Tests/soak.py: the real host on a jackd of its own, and at random all that may be done to it. `make soak`
# goes on for two hours.
. "$(dirname "$0")/common.sh"
CC=$clang "$root/Tests/soak.py" --seconds "${SOAK:-180}" --cycle 10 --table "$tests/soak.tsv" || failures=1
finish
