"""Text layers through the program: true ones are used, false ones never are.

    python3 tests/e2e/text_layer_test.py GLM_OCR SOURCE_DIR [SEED]

40 PDFs of each kind (layer_pdfs.py). A false layer counts as used when a word that only the layer has comes out, or, where all
of the layer is false, when any region came from it; the page must have been read instead, and the user told. A true one counts as used
when nine tenths of the text come from it and nothing is lost.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import layer_pdfs
from checks import check, status

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
SEED = sys.argv[3] if len(sys.argv) > 3 else "1"
LEAST_TRUE = 38
LEAST_FOREIGN = 15
# Pages that also hold text that is true, and may be used.
MIXED = {"white_under_text", "invisible_on_text", "white_between", "invisible_between", "clear_on_text", "covered", "partial", "partial_ocr"}
# Layers without a word on the page: nothing is to be told.
NOTHING_THERE = {"off_page", "partial"}


def fail(name, what):
    check(name, False, what)


def recall(truth, text):
    """The share of the truth's words that the text has."""
    wanted = [w.lower() for w in layer_pdfs.words(truth) if len(w) >= 4]
    have = {w.lower() for w in layer_pdfs.words(text)}
    return sum(w in have for w in wanted) / max(1, len(wanted))


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    documents = []
    for make in (layer_pdfs.true_documents, layer_pdfs.false_documents):
        for d in make(ROOT, layer_pdfs.random.Random(f"{SEED} {make.__name__}")):
            (tmp / f"{d['name']}.pdf").write_bytes(d.pop("data"))
            documents.append(d)
    begun = time.monotonic()
    run = subprocess.run([GLM, "parse", "-q", *(str(tmp / f"{d['name']}.pdf") for d in documents), "-o", str(tmp / "out"), "--to", "json,md"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    print(f"read in {time.monotonic() - begun:.1f} s")
    if run.returncode != 0:
        fail("parse", run.stderr)
    true_used, false_used = [], []
    for d in documents:
        document = json.loads((tmp / "out" / d["name"] / f"{d['name']}.json").read_text())
        regions = [r for page in document["pages"] for r in page["regions"] if r["kind"] != "picture"]
        text = "\n".join(r["text"] for r in regions)
        markdown = (tmp / "out" / d["name"] / f"{d['name']}.md").read_text()
        warnings = [w["message"] for page in document["pages"] for w in page.get("warnings", []) if w["kind"] == "text_layer_rejected"]
        from_layer = sum(len(r["text"]) for r in regions if r["source"] == "text_layer")
        found = recall("\n".join(d["text"]), text)
        if d["true"]:
            used = from_layer >= 0.9 * len(text) and found >= 0.98
            if used:
                true_used.append(d["name"])
            else:
                print(f"  {d['name']}: not used, {from_layer} of {len(text)} characters, {100 * found:.1f} % of the words, {warnings}")
            continue
        have = {w for w in layer_pdfs.words(text) + layer_pdfs.words(markdown)}
        wrong = [w for w in d["false"] if w in have]
        if wrong or (from_layer > 0 and d["kind"] not in MIXED):
            false_used.append(d["name"])
            print(f"  {d['name']}: used, {from_layer} of {len(text)} characters, {wrong[:5]}")
        if found < 0.6:
            fail(d["name"], f"only {100 * found:.0f} % of the page's words were read: {text[:200]!r}")
        if d["kind"] not in NOTHING_THERE and not warnings:
            fail(d["name"], "nothing was said about it")
    n_true = sum(d["true"] for d in documents)
    n_false = len(documents) - n_true
    print(f"true layers used: {len(true_used)} of {n_true}; false layers used: {len(false_used)} of {n_false}")
    if n_true != 40 or n_false != 40:
        fail("documents", f"{n_true} true, {n_false} false")
    if len(true_used) < LEAST_TRUE:
        fail("true layers", "too few are used")
    if false_used:
        fail("false layers", false_used)
    # Scripts that the model does not know: the layer is worth more than noise, and the user is told.
    foreign = ROOT / "tests/golden/warnings/foreign.pdf"
    run = subprocess.run([GLM, "parse", "-q", str(foreign), "--to", "json"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    pages = json.loads(run.stdout)["pages"]
    from_layer = [p for p in pages if all(r["source"] == "text_layer" for r in p["regions"] if r["kind"] != "picture")]
    for page in from_layer:
        if not any("in a script that this model does not read" in w["message"] for w in page.get("warnings", [])):
            fail(f"foreign page {page['page']}", "nothing was said about it")
    print(f"pages in other scripts taken from their layers: {len(from_layer)} of {len(pages)}")
    if len(from_layer) < LEAST_FOREIGN:
        fail("foreign", "too few layers are used")
    # An initial begins its line, whether the next lines make room for it or not, over two to four lines, in one or two columns.
    for lines in (2, 3, 4):
        for room in (True, False):
            for columns in (1, 2):
                if not room and lines > 2:  # the letter hides the lines below
                    continue
                path = tmp / f"initial_{lines}{room}{columns}.pdf"
                path.write_bytes(layer_pdfs.with_initial(lines, room, columns))
                run = subprocess.run([GLM, "parse", "-q", str(path), "--text-layer", "prefer", "--to", "text"], stdin=subprocess.DEVNULL,
                                     capture_output=True, text=True, timeout=100)
                # Where the layout makes a line of a letter of two lines alone, it stays a word of its own: "T he".
                if run.stdout.count("The harbour") < (1 if lines == 2 else columns) or run.stdout.count("he harbour") != columns:
                    fail(path.name, run.stdout[:80])
finally:
    shutil.rmtree(tmp)
sys.exit(status())
