#!/usr/bin/env bash
# Runs the benchmarks: scripts/bench.sh BUILD_DIR [PEERS]. First the model, stage by stage, at the published sizes with random weights and as the
# starter model; then every benchmarks/NAME_bench.cc, kernels alone. PEERS=1 also runs transformers on the same shapes (needs its packages: see
# scripts/oracle_python.sh). JSON goes to BUILD_DIR/bench. Nothing else should run meanwhile: the numbers are shares of this machine's peaks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} peers=${2:-0}
program=$build/src/cli/glm-ocr
mkdir -p "$build/bench"
"$program" bench --random glm-ocr-0.9b -o "$build/bench/glm-ocr-0.9b.json"
"$program" bench --model models/starter --image samples/page.png --image samples/article.png -o "$build/bench/starter.json"
if [[ $peers == 1 ]]; then
  python=$(scripts/oracle_python.sh)
  "$python" benchmarks/peers/compare.py --glm-ocr "$program" -o "$build/bench/peers.json"
fi
shopt -s nullglob
for source in benchmarks/*_bench.cc; do
  name=$(basename -s .cc "$source")
  if cmake --build "$build" --target "$name" >/dev/null; then "$build/benchmarks/$name"; fi
done
