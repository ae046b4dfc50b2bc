#!/usr/bin/env bash
# Runs every benchmark of a build: scripts/bench.sh BUILD_DIR MODEL_DIR. Tables go to the terminal, JSON to build/bench.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} model=${2:-models/starter}
mkdir -p build/bench
shopt -s nullglob
for bench in "$build"/benchmarks/*_bench; do
  "$bench" --benchmark_out="build/bench/$(basename "$bench").json" --benchmark_out_format=json
done
"$build/src/cli/glm-ocr" bench --model "$model"
