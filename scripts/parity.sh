#!/usr/bin/env bash
# Compares glm-ocr with the reference implementation: scripts/parity.sh BUILD_DIR [FULL] [more options of tools/parity/run.py].
# Then the layout
# model, of small sizes. FULL=1 also runs the published sizes. The Python is that of scripts/oracle_python.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} full=${2:-0}
shift $(($# < 2 ? $# : 2))
python=$(scripts/oracle_python.sh)
options=(--binary "$build/src/cli/glm-ocr" --report build/parity/report.md)
[[ $full == 1 ]] && options+=(--full)
layout=(--binary "$build/src/cli/glm-ocr"); [[ $full == 1 ]] || layout+=(--small)
status=0
"$python" tools/parity/run.py "${options[@]}" "$@" || status=1
echo; echo "PP-DocLayoutV3:"
"$python" tools/parity/layout.py "${layout[@]}" || status=1
exit $status
