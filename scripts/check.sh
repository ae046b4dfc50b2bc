#!/usr/bin/env bash
# Builds what the tests of a name need, and runs them: scripts/check.sh BUILD_DIR REGEX [JOBS], as `make check T=Engine.Deadline`.
# REGEX is ctest's: part of a test's name. Of unit tests only the binaries that hold them are built; for others the program and its worker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1 regex=$2 jobs=${3:-$(nproc)}
# Where the tests are known from an earlier build, ctest tells their programs; else all is built first.
mapfile -t targets < <(ctest --test-dir "$build" -R "$regex" --show-only=json-v1 2>/dev/null | python3 -c '
import json, os, sys
found = set()
for test in json.load(sys.stdin)["tests"]:
    command = test.get("command", [""])
    name = os.path.basename(command[0])
    found |= {name} if name.endswith("_test") else {"glm-ocr", "glm-ocr-worker"}
print("\n".join(sorted(found)))')
if [[ ${#targets[@]} -eq 0 || -z ${targets[0]} ]]; then targets=(all); fi
cmake --build "$build" -j "$jobs" --target "${targets[@]}"
ctest --test-dir "$build" -R "$regex" --output-on-failure --no-tests=error -j "$jobs"
