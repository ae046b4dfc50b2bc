#!/usr/bin/env bash
# Compares glm-ocr with the reference implementation: scripts/parity.sh BUILD_DIR [FULL] [more options of tools/parity/run.py].
# FULL=1 also runs the published sizes. GLMOCR_PYTHON names a Python that has the packages of tools/parity/requirements.txt;
# without it, a virtual environment with them is made in build/parity-venv the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} full=${2:-0}
shift $(($# < 2 ? $# : 2))
python=${GLMOCR_PYTHON:-}
if [[ -z "$python" ]]; then
  venv=build/parity-venv requirements=tools/parity/requirements.txt
  python=$venv/bin/python
  if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    echo "Installing the oracle's Python packages into $venv (about 6 GB: torch comes with its CUDA libraries):"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
  fi
fi
"$python" -c 'import transformers.models.glm_ocr, torch, torchvision, safetensors, tokenizers, PIL, numpy, jinja2' || {
  echo "parity: $python lacks packages of tools/parity/requirements.txt" >&2
  exit 1
}
options=(--binary "$build/src/cli/glm-ocr" --report build/parity/report.md)
[[ $full == 1 ]] && options+=(--full)
exec "$python" tools/parity/run.py "${options[@]}" "$@"
