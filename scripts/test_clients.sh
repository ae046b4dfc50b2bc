#!/usr/bin/env bash
# Runs tests/clients/*_test.py against a build's program, in a virtual environment with what tests/clients/*requirements.txt
# pins.
#   scripts/test_clients.sh BUILD_DIR [PATTERN]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 pattern=${2:-}
venv=build/clients
stamp=$(cat tests/clients/*requirements.txt | sha256sum)
if [[ ! -x $venv/bin/python || "$(cat $venv/stamp 2>/dev/null)" != "$stamp" ]]; then
  python3 -m venv $venv
  for file in tests/clients/*requirements.txt; do $venv/bin/pip install --quiet --requirement "$file"; done
  echo "$stamp" > $venv/stamp
fi
status=0
for test in tests/clients/*_test.py; do
  [[ -z "$pattern" || "$test" == *"$pattern"* ]] || continue
  echo "== $test"
  $venv/bin/python "$test" "$build/src/cli/glm-ocr" "$PWD" || { echo "FAILED $test"; status=1; }
done
exit $status
