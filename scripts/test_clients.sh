#!/usr/bin/env bash
# Runs tests/clients: official client packages against a server of BUILD (default build/release).
#   scripts/test_clients.sh [BUILD]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
venv=build/test-clients
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
GLMOCR_PROGRAM="$PWD/$build/src/cli/glm-ocr" "$venv/bin/python" -m unittest discover -s tests/clients -p '*_test.py' -v
