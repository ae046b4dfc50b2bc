#!/usr/bin/env bash
# Builds and runs every benchmark: scripts/bench.sh BUILD_DIR. Every benchmarks/NAME_bench.cc is one program. Nothing else should run meanwhile: the numbers are shares of this machine's peaks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release}
shopt -s nullglob
for source in benchmarks/*_bench.cc; do
  name=$(basename -s .cc "$source")
  cmake --build "$build" --target "$name" >/dev/null
  "$build/benchmarks/$name"
done
