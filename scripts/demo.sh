#!/usr/bin/env bash
# Builds glm-ocr (Release) and reads the sample page with the bundled model:
#   scripts/demo.sh [MODEL_DIR] [JOBS] [PICTURE]
# Prints the recognised Markdown, the time it took and, where PICTURE has a ground truth beside it, how close it came.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/starter} jobs=${2:-$(nproc)} picture=${3:-samples/page.png}
log=build/demo.log
binary=build/release/src/cli/glm-ocr

for file in "$model/config.json" "$picture"; do
  [[ -f $file ]] || { echo "demo: $file is missing; is this a complete checkout?" >&2; exit 1; }
done

mkdir -p build
echo "1. Building glm-ocr (Release, $jobs jobs; the first time takes some minutes; log in $log)"
start=$SECONDS
# Tests stay as the build tree has them: only the program's own target is built here.
tests=(); [[ -f build/release/CMakeCache.txt ]] || tests=(-DGLMOCR_TESTS=OFF)
if ! { cmake --preset release "${tests[@]}" && cmake --build --preset release -j "$jobs" --target glm-ocr; } >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "demo: the build failed; the whole log is in $log" >&2
  exit 1
fi
echo "   done in $((SECONDS - start)) s"

echo "2. Reading $picture with $model:"
echo "   $binary parse --model $model --format md $picture"
echo
result=build/demo.md
before=$(date +%s%N)
"$binary" parse --model "$model" --format md "$picture" | tee "$result"
after=$(date +%s%N)
echo
printf '3. Read in %d.%02d s, model loading included; the text is in %s\n' \
  $(((after - before) / 1000000000)) $((((after - before) / 10000000) % 100)) "$result"
truth=${picture%.*}.txt
if [[ -f $truth ]]; then
  python3 scripts/text_accuracy.py "$truth" "$result"
fi
