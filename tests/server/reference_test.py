"""The settings in docs/server.md are those of the program.

    python3 tests/server/reference_test.py GLM_OCR SOURCE_DIR [--write]
"""
import difflib
import pathlib
import re
import subprocess
import sys

program, source = sys.argv[1:3]
path = pathlib.Path(source, "docs", "server.md")
text = path.read_text(encoding="utf8")
block = re.compile(r"(<!-- settings: [^\n]*-->\n).*?(<!-- end of settings -->)", re.S)
assert len(block.findall(text)) == 1, f"{path}: the settings' markers are missing"
reference = subprocess.run([program, "serve", "--print-reference"], capture_output=True, text=True, check=True).stdout
wanted = block.sub(lambda m: m[1] + reference + m[2], text)
if "--write" in sys.argv:
    path.write_text(wanted, encoding="utf8")
elif wanted != text:
    print("\n".join(difflib.unified_diff(text.splitlines(), wanted.splitlines(), "docs/server.md", "the program", lineterm="")))
    sys.exit("docs/server.md is out of date: run this script with --write")
