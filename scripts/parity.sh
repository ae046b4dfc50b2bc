#!/usr/bin/env bash
# Compares glm-ocr with the reference implementation: scripts/parity.sh BUILD_DIR [FULL]. FULL=1 also runs the published
# sizes. Makes a virtual environment from tools/parity/requirements.txt in build/parity-venv the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} full=${2:-0}
venv=build/parity-venv requirements=tools/parity/requirements.txt
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
  echo "Installing the oracle's Python packages into $venv (about 2 GB):"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/requirements.txt"
fi
options=(--binary "$build/src/cli/glm-ocr")
[[ $full == 1 ]] && options+=(--full)
exec "$venv/bin/python" tools/parity/run.py "${options[@]}"
