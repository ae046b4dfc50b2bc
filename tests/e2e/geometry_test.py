"""Boxes are where the words are: on pages turned, scaled and cropped, hOCR, ALTO and JSON against the ink of the input.

    python3 tests/e2e/geometry_test.py GLM_OCR SOURCE_DIR

Needs pdftoppm and pdftotext (poppler-utils).
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import check, status
from word_boxes import Page, alto_pages, hocr_pages, json_pages, measure

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
# What a box must share with the ink of its word.
MEDIAN, LOW = 0.7, 0.4
# Texts are near the truth where so many words are exact; only there boxes can be told from each other.
NEAR = 0.8


letter = Page.of_pdf(ROOT / "samples/letter.pdf")
invoice = Page.of_pdf(ROOT / "samples/invoice.pdf")
paper = Page.of_pdf(ROOT / "samples/paper.pdf")
w, h = letter.width, letter.height
# name: page, degrees it is turned, whether it must be read near the truth.
PAGES = {
    "straight": (letter, 0, True),
    "turned_0.2": (letter.turned(0.2), 0.2, True),
    "turned_0.7": (letter.turned(0.7), 0.7, True),
    "turned_1.2": (letter.turned(1.2), 1.2, True),
    "turned_-2.5": (letter.turned(-2.5), -2.5, True),
    "turned_90": (letter.turned(90), 90, False),
    "turned_180": (letter.turned(180), 180, False),
    "cropped": (letter.turned(0.7).cropped(w // 20, h // 40, w - w // 20, h - h // 3), 0.7, False),
    "scaled_0.7": (letter.scaled(0.7).turned(0.7), 0.7, False),
    "scaled_1.5": (letter.scaled(1.5).turned(-0.7), -0.7, True),
    "table": (invoice, 0, True),
    "table_1.2": (invoice.turned(1.2), 1.2, True),
    "columns": (paper, 0, True),
    "columns_-0.7": (paper.turned(-0.7), -0.7, True),
}
if len(sys.argv) > 3:  # some of them, by name
    PAGES = {name: PAGES[name] for name in sys.argv[3:]}

TEXT = ["The ferry leaves the northern quay at seven", "and carries letters for the lighthouse keepers.",
        "Passengers are asked to wait beside the lamp", "until the bell has been rung a second time."]


def turned_text_pdf(degrees):
    """A page of text that was set along turned lines, one drawing operator a line."""
    r = math.radians(degrees)
    c, s = math.cos(r), math.sin(r)
    # Clockwise, so downwards; lines are 24 points apart, perpendicular to themselves.
    rows = [f"{c:.6f} {-s:.6f} {s:.6f} {c:.6f} {90 - 24 * i * s:.3f} {640 - 24 * i * c:.3f} Tm ({line}) Tj" for i, line in enumerate(TEXT)]
    contents = ("BT /F 15 Tf\n" + "\n".join(rows) + "\nET").encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>",
               b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/Encoding/WinAnsiEncoding>>",
               b"<</Length %d>>\nstream\n%s\nendstream" % (len(contents), contents)]
    out, offsets = b"%PDF-1.4\n", []
    for i, body in enumerate(objects):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, body)
    table = b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (table, len(out))


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    # A PDF's own text serves turned pages too: its words, exact and in order, where their ink is.
    for degrees in (0, 0.7, -1.5):
        pdf = tmp / f"text_{degrees}.pdf"
        pdf.write_bytes(turned_text_pdf(degrees))
        run = subprocess.run([GLM, "parse", pdf, "--text-layer", "prefer", "-o", tmp / "layer", "--to", "json,md"],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        check("text layer", run.returncode == 0, run.stderr)
        read = json_pages(tmp / "layer" / pdf.stem / f"{pdf.stem}.json")[0]
        check("text layer", [word.text for word in read.words] == " ".join(TEXT).split(), (degrees, [w.text for w in read.words]))
        score = measure(read.words, Page.of_pdf(pdf).word_ink())
        print(f"text layer turned by {degrees}: {score}")
        # PDFium's boxes of glyphs are the ink's, but for a pixel of antialiasing around letters of 15 and more.
        check("text layer", score.median > MEDIAN and score.low > LOW and score.read == 1, (degrees, score, score.worst[:3]))

    for name, (page, _, _) in PAGES.items():
        page.write(tmp / f"{name}.pgm")
    run = subprocess.run([GLM, "parse", *(tmp / f"{name}.pgm" for name in PAGES), "-o", tmp / "out", "--to", "hocr,alto,json"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    check("parse", run.returncode == 0, run.stderr)
    for name, (page, degrees, must_read) in PAGES.items():
        out = tmp / "out" / name / name
        truth = page.word_ink()
        reads = {"hOCR": hocr_pages(f"{out}.hocr"), "ALTO": alto_pages(f"{out}.xml"), "JSON": json_pages(f"{out}.json")}
        for form, pages in reads.items():
            where = f"{name} {form}"
            check(where, len(pages) == 1, len(pages))
            read = pages[0]
            check(where, (read.width, read.height) == (page.width, page.height), (read.width, read.height))
            outside = [b for b in read.boxes if not (0 <= b[0] <= b[2] <= page.width and 0 <= b[1] <= b[3] <= page.height)]
            check(where, not outside, f"outside of {page.width} x {page.height}: {outside[:5]}")
            score = measure(read.words, truth)
            print(f"{name:14} {form}: {score}")
            near = score.read >= NEAR
            check(where, near or not must_read, f"{score}; read: {' '.join(w.text for w in read.words)[:300]}")
            if near:
                check(where, score.median > MEDIAN, f"median {score.median}")
                check(where, score.low > LOW, f"5th percentile {score.low}: {score.worst}")
        # One geometry: the formats agree word by word.
        check(name, reads["hOCR"][0].words == reads["ALTO"][0].words, "hOCR and ALTO differ")
        check(name, reads["hOCR"][0].words == reads["JSON"][0].words, "hOCR and JSON differ")
        # Baselines run as the page was turned.
        document = json.loads(pathlib.Path(f"{out}.json").read_text())["pages"][0]
        lines = [line["baseline"] for region in document["regions"] for line in region.get("lines", [])]
        long_lines = [b for b in lines if math.hypot(b[2] - b[0], b[3] - b[1]) > page.width / 4]
        if must_read:
            angles = [math.degrees(math.atan2(b[3] - b[1], b[2] - b[0])) for b in long_lines]
            check(name, long_lines and all(abs(a - degrees) < 0.1 for a in angles), f"baselines at {angles}")
finally:
    shutil.rmtree(tmp)
sys.exit(status())
