#!/usr/bin/env bash
# clang-format check, include order, repository rules, clang-tidy:
#   scripts/lint.sh                all files
#   scripts/lint.sh --since REV    format and tidy only what changed since REV
#   scripts/lint.sh --fix-format   rewrite instead of checking, nothing else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
globs=('src/*.cc' 'src/*.h' 'include/*.h' 'tests/*.cc' 'tests/*.h' 'benchmarks/*.cc' 'benchmarks/*.h' 'tools/*.cc')
if [[ ${1:-} == --since ]]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$2" -- "${globs[@]}")
else
  mapfile -t files < <(git ls-files -- "${globs[@]}")
fi
((${#files[@]})) || { echo "lint: no C++ file to look at"; exit 0; }
if [[ ${1:-} == --fix-format ]]; then
  clang-format -i "${files[@]}"
  exit 0
fi
failed=0
clang-format --dry-run -Werror "${files[@]}" || failed=1
python3 scripts/check_includes.py || failed=1
python3 scripts/check_repo.py || failed=1
# clang-tidy needs the compile commands, and only what the build really compiles can be analysed.
cmake --preset dev >/dev/null
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cc$' | while read -r f; do
  grep -qF "$PWD/$f\"" build/dev/compile_commands.json && echo "$f"; done)
if ((${#sources[@]})); then
  printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/dev --quiet || failed=1
fi
((failed)) && echo "lint: failed" >&2
exit $failed
