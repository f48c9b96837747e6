#!/usr/bin/env bash
# All benchmarks but the peers (make bench-peers). Figures depend on the machine and its load: compare ratios.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release --product continuo-bench 2>&1 | grep -E 'error' || true
# OpenBLAS takes some AVX-512 processors for older ones: told, it is the fairer opponent.
if grep -q avx512dq /proc/cpuinfo 2>/dev/null; then export OPENBLAS_CORETYPE=SKYLAKEX; fi
OPENBLAS_NUM_THREADS=1 .build/release/continuo-bench kernels
.build/release/continuo-bench crepe --model tiny
.build/release/continuo-bench crepe --model full --seconds 5
.build/release/continuo-bench pitch
.build/release/continuo-bench synth models/continuo-synth.safetensors
.build/release/continuo-bench engine
weights=${CONTINUO_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/continuo/models}/crepe-tiny.safetensors
.build/release/continuo-bench transfer models/continuo-synth.safetensors "$weights" demo/recording.flac \
    $(for take in guit_harmonics guit_e_slide ambi_glass_rub bass_woodsy_c bass_voxy_c; do
        ls /usr/share/sonic-pi/samples/$take.flac 2>/dev/null; done)
./Benchmarks/chain.py
./Benchmarks/realtime.sh
