#!/usr/bin/env bash
# Builds the libFuzzer targets and runs each from its committed seed corpus: scripts/fuzz.sh [SECONDS_EACH] [JOBS]
# Target X_fuzz reads seeds from tests/fuzz/corpus/X (never written to); what it finds grows in build/fuzz/corpus/X.
# A crash stops the run, and its input lies in build/fuzz/crashes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60} jobs=${2:-$(nproc)}
shopt -s nullglob
sources=(tests/fuzz/*_fuzz.cc)
((${#sources[@]})) || { echo "fuzz: no tests/fuzz/*_fuzz.cc" >&2; exit 1; }
mapfile -t targets < <(basename -s .cc "${sources[@]}")
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" --target "${targets[@]}"
mkdir -p build/fuzz/crashes
for target in "${targets[@]}"; do
  name=${target%_fuzz}
  seeds=tests/fuzz/corpus/$name grown=build/fuzz/corpus/$name log=build/fuzz/$name.log
  [[ -d $seeds ]] || { echo "fuzz: $name has no seed corpus ($seeds)" >&2; exit 1; }
  mkdir -p "$grown"
  options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -malloc_limit_mb=2048 -print_final_stats=1
    -artifact_prefix="build/fuzz/crashes/$name-")
  [[ -f tests/fuzz/$name.dict ]] && options+=(-dict="tests/fuzz/$name.dict")
  if ! "build/fuzz/tests/fuzz/$target" "${options[@]}" "$grown" "$seeds" >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "fuzz: $name FAILED; the input is in build/fuzz/crashes" >&2
    exit 1
  fi
  printf 'fuzz: %-20s %s runs, %s, no crash in %s s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(grep -o 'cov: [0-9]*' "$log" | tail -1)" "$seconds"
done
