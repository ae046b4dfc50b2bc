#!/usr/bin/env bash
# Builds and runs every benchmark: scripts/bench.sh BUILD_DIR MODEL_DIR. Every benchmarks/NAME_bench.cc is one program; then
# `glm-ocr bench` times the whole model. Nothing else should run meanwhile: the numbers are shares of this machine's peaks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} model=${2:-models/starter}
shopt -s nullglob
for source in benchmarks/*_bench.cc; do
  name=$(basename -s .cc "$source")
  cmake --build "$build" --target "$name" >/dev/null
  "$build/benchmarks/$name"
done
exec "$build/src/cli/glm-ocr" bench --model "$model"
