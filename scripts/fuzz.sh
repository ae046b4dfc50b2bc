#!/usr/bin/env bash
# Builds the libFuzzer targets and runs each from its committed seed corpus: scripts/fuzz.sh [SECONDS_EACH] [JOBS]
# Target X_fuzz reads seeds from tests/fuzz/corpus/X (never written to); what it finds grows in build/fuzz/corpus/X. JOBS targets
# run at a time. After a finding the other targets still end; then the script names the failing inputs and exits with status 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60} jobs=${2:-$(nproc)}
shopt -s nullglob
sources=(tests/fuzz/*_fuzz.cc)
((${#sources[@]})) || { echo "fuzz: no tests/fuzz/*_fuzz.cc" >&2; exit 1; }
command -v clang++ >/dev/null || { echo "fuzz: no clang++; 'scripts/install_deps.sh fuzz' installs it" >&2; exit 1; }
mapfile -t targets < <(basename -s .cc "${sources[@]}")
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" --target "${targets[@]}"
crashes=build/fuzz/crashes
rm -rf "$crashes" && mkdir -p "$crashes"

# One target: status 0, or its log, the way to see the finding again, and status 1.
fuzz_one() {
  local name=${1%_fuzz} program=build/fuzz/tests/fuzz/$1
  local seeds=tests/fuzz/corpus/$name grown=build/fuzz/corpus/$name log=build/fuzz/$name.log
  [[ -d $seeds ]] || { echo "fuzz: $name has no seed corpus ($seeds)" >&2; return 1; }
  mkdir -p "$grown"
  local options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -malloc_limit_mb=2048 -print_final_stats=1
    -artifact_prefix="$crashes/$name-")
  [[ -f tests/fuzz/$name.dict ]] && options+=(-dict="tests/fuzz/$name.dict")
  if ! "$program" "${options[@]}" "$grown" "$seeds" >"$log" 2>&1; then
    local found=("$crashes/$name"-*)
    { tail -n 60 "$log"
      echo "fuzz: $name FAILED on ${found[*]:-an input it could not write, see $log}"
      echo "fuzz: again with: $program ${found[*]:-$seeds}"; } >&2
    return 1
  fi
  printf 'fuzz: %-20s %s runs, %s, no finding in %s s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(grep -o 'cov: [0-9]*' "$log" | tail -1)" "$seconds"
}

export seconds crashes
export -f fuzz_one
if ! printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I {} bash -c 'set -eu; shopt -s nullglob; fuzz_one {}'; then
  echo "fuzz: FAILED; the inputs are in $crashes. Fix, and add them to tests/fuzz/corpus" >&2
  exit 1
fi
