#!/usr/bin/env bash
# Tests the web page in the distribution's Chromium: scripts/test_web.sh BUILD_DIR [unittest options, e.g. -k hover].
# playwright and axe-core come from PyPI into build/web-venv, in the versions of tests/web/requirements.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release}
shift $(($# < 1 ? $# : 1))
venv=build/web-venv
if ! cmp -s tests/web/requirements.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/web/requirements.txt
  cp tests/web/requirements.txt "$venv/requirements.txt"
fi
GLMOCR_BINARY=$PWD/$build/src/cli/glm-ocr PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" tests/web/page_test.py "$@"
