#!/usr/bin/env bash
# Prints the path of a Python that has the packages of tools/parity/requirements.txt: GLMOCR_PYTHON, or a virtual environment in
# build/parity-venv that is made the first time (messages go to standard error).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${GLMOCR_PYTHON:-}
if [[ -z "$python" ]]; then
  venv=build/parity-venv requirements=tools/parity/requirements.txt
  python=$venv/bin/python
  if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    echo "Installing the reference's Python packages into $venv (about 6 GB: torch comes with its CUDA libraries):" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$venv/requirements.txt"
  fi
fi
"$python" -c 'import transformers.models.glm_ocr, torch, torchvision, safetensors, tokenizers, PIL, numpy, jinja2' || {
  echo "$0: $python lacks packages of tools/parity/requirements.txt" >&2
  exit 1
}
echo "$python"
