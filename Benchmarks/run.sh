#!/usr/bin/env bash
# All benchmarks but the peers (make bench-peers). Figures depend on the machine and its load: compare ratios.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release --product continuo-bench 2>&1 | grep -E 'error' || true
.build/release/continuo-bench kernels
.build/release/continuo-bench crepe --model tiny
.build/release/continuo-bench crepe --model full --seconds 5
./Benchmarks/realtime.sh
