#!/usr/bin/env bash
# Builds glm-ocr (Release) and reads a sample document with the bundled model:
#   scripts/demo.sh [MODEL_DIR] [JOBS] [DOCUMENT]
# Prints the recognised Markdown, the time it took and, where DOCUMENT has a ground truth beside it, how close it came.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/starter} jobs=${2:-$(nproc)} document=${3:-samples/report.pdf}
log=build/demo.log
binary=build/release/src/cli/glm-ocr

for file in "$model/config.json" "$document"; do
  [[ -f $file ]] || { echo "demo: $file is missing; is this a complete checkout?" >&2; exit 1; }
done

mkdir -p build
echo "1. Building glm-ocr (Release, $jobs jobs; the first time takes some minutes; log in $log)"
start=$SECONDS
# Tests stay as the build tree has them: only the program's own target is built here.
tests=(); [[ -f build/release/CMakeCache.txt ]] || tests=(-DGLMOCR_TESTS=OFF)
if ! { cmake --preset release "${tests[@]}" && cmake --build --preset release -j "$jobs" --target glm-ocr glm-ocr-worker; } >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "demo: the build failed; the whole log is in $log" >&2
  exit 1
fi
echo "   done in $((SECONDS - start)) s"

out=build/demo name=$(basename "${document%.*}")
echo "2. Reading $document with $model:"
echo "   $binary parse --model $model $document -o $out --to md,sdk-json,json,html,pdf --visualize"
echo
before=$(date +%s%N)
"$binary" parse --model "$model" "$document" -o "$out" --to md,sdk-json,json,html,pdf --visualize
after=$(date +%s%N)
cat "$out/$name/$name.md"
echo
printf '3. Read in %d.%02d s, model loading included. Markdown, JSON, HTML, a searchable PDF and pictures of the regions are in %s\n' \
  $(((after - before) / 1000000000)) $((((after - before) / 10000000) % 100)) "$out/$name"
truth=${document%.*}.truth.md
if [[ -f $truth ]]; then
  echo "4. How close it came as you saw it, with the PDF's own text where it is true (--text-layer auto, the default; docs/eval.md has the columns):"
  "$binary" eval "$out/$name/$name.md" "$truth"
  echo "   How close the model comes when it reads all of it (--text-layer off):"
  "$binary" parse --quiet --text-layer off --model "$model" "$document" -o "$out/read" --to md
  "$binary" eval "$out/read/$name/$name.md" "$truth"
fi
