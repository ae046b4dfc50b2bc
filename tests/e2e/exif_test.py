"""Pictures that EXIF data turns: boxes are in the pixels that a viewer shows, in every format, and the searchable PDF shows the page
upright in poppler and MuPDF with its words over their ink.

    python3 tests/e2e/exif_test.py GLM_OCR SOURCE_DIR

Needs poppler-utils, mupdf-tools and libtiff-tools.
"""
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

from checks import check, status
from word_boxes import Page, Picture, alto_pages, hocr_pages, json_pages, measure, pdf_words, quantile, word_ious

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
DPI = 200
MEDIAN, LOW, NEAR = 0.7, 0.4, 0.8


def run(*args):
    return subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=300).stdout


def stored(picture, orientation):
    """The pixels of which a viewer that knows EXIF (2.3, table 6) shows `picture`."""
    w, h, data = picture.width, picture.height, picture.pixels
    rows = [data[w * y:w * (y + 1)] for y in range(h)]
    columns = [data[x::w] for x in range(w)]
    flipped = lambda lines: [line[::-1] for line in lines]
    lines = {1: rows, 2: flipped(rows), 3: flipped(rows[::-1]), 4: rows[::-1], 5: columns, 6: columns[::-1], 7: flipped(columns[::-1]),
             8: flipped(columns)}[orientation]
    return Picture(len(lines[0]), len(lines), b"".join(lines))


def jpeg(picture):
    """Drawn by poppler from a PDF that shows it pixel for pixel."""
    w, h, data = picture.width, picture.height, zlib.compress(picture.pixels, 1)
    contents = f"q {w * 72 / DPI:.5f} 0 0 {h * 72 / DPI:.5f} 0 0 cm /Im Do Q".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
               f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w * 72 / DPI:.5f} {h * 72 / DPI:.5f}]/Contents 4 0 R/Resources<</XObject<</Im 5 0 R>>>>>>".encode(),
               b"<</Length %d>>\nstream\n%s\nendstream" % (len(contents), contents),
               b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode/Length %d>>\n"
               b"stream\n%s\nendstream" % (w, h, len(data), data)]
    path = tmp / "one.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, o) for n, o in enumerate(objects, 1)) + b"trailer<</Root 1 0 R>>\n%%EOF")
    made = run("pdftoppm", "-r", DPI, "-gray", "-jpeg", "-jpegopt", "quality=95", "-singlefile", "-scale-to-x", w, "-scale-to-y", h, path)
    return made


def exif(orientation):
    """As an APP1 segment."""
    entries = [(274, 3, struct.pack(">HH", orientation, 0)), (282, 5, struct.pack(">I", 62)), (283, 5, struct.pack(">I", 62)),
               (296, 3, struct.pack(">HH", 2, 0))]
    body = (b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", len(entries)) +
            b"".join(struct.pack(">HHI", tag, kind, 1) + value for tag, kind, value in entries) + struct.pack(">III", 0, DPI, 1))
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def without_jfif(data):
    length, = struct.unpack(">H", data[4:6])
    return data[:2] + data[4 + length:] if data[2:4] == b"\xff\xe0" else data


def distance(a, b):
    """Mean difference of gray levels; 255 where sizes differ by more than a pixel."""
    if abs(a.width - b.width) > 1 or abs(a.height - b.height) > 1:
        return 255
    w, rows = min(a.width, b.width), range(0, min(a.height, b.height), 5)
    return sum(abs(p - q) for y in rows for p, q in zip(a.pixels[a.width * y:a.width * y + w:3], b.pixels[b.width * y:b.width * y + w:3])) / (
        len(rows) * (w / 3))


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    page = Page.of_pdf(ROOT / "samples/letter.pdf", dpi=DPI)
    shown, truth = page.picture, page.word_ink()
    mistake = distance(shown, stored(stored(shown, 3), 1))
    cases = {}
    for orientation in (2, 3, 4, 5, 6, 7, 8):
        data = without_jfif(jpeg(stored(shown, orientation)))
        cases[f"jpeg_{orientation}"] = tmp / f"jpeg_{orientation}.jpg"
        cases[f"jpeg_{orientation}"].write_bytes(data[:2] + exif(orientation) + data[2:])
    # The same as a TIFF of Group 4, which is kept as it came.
    bits = stored(shown, 6)
    rows = [bits.pixels[bits.width * y:bits.width * (y + 1)] for y in range(bits.height)]
    (tmp / "bits.pbm").write_bytes(b"P4\n%d %d\n" % (bits.width, bits.height) + b"".join(
        int("".join("1" if v < 128 else "0" for v in row).ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8), "big") for row in rows))
    run("ppm2tiff", "-c", "g4", "-R", DPI, tmp / "bits.pbm", tmp / "tiff_6.tif")
    run("tiffset", "-s", 274, 6, tmp / "tiff_6.tif")
    cases["tiff_6"] = tmp / "tiff_6.tif"
    made = subprocess.run([GLM, "parse", *cases.values(), "-o", tmp / "out", "--to", "hocr,alto,json,pdf"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=900)
    check("parse", made.returncode == 0, made.stderr)
    for name in cases:
        out = tmp / "out" / name / name
        for form, pages in {"hOCR": hocr_pages(f"{out}.hocr"), "ALTO": alto_pages(f"{out}.xml"), "JSON": json_pages(f"{out}.json")}.items():
            read = pages[0]
            check(f"{name} {form}", (read.width, read.height) == (page.width, page.height), (read.width, read.height))
            score = measure(read.words, truth)
            print(f"{name:8} {form}: {score}")
            check(f"{name} {form}", score.read >= NEAR and score.median > MEDIAN and score.low > LOW, (score, score.worst[:3]))
        pdf = f"{out}.pdf"
        by_mupdf = Picture.of_pnm(run("mutool", "draw", "-q", "-F", "pgm", "-c", "gray", "-r", DPI, "-o", "-", pdf, 1))
        for reader, picture in {"poppler": Picture.of_pdf(pdf, dpi=DPI), "MuPDF": by_mupdf}.items():
            far = distance(picture, shown)
            check(f"{name} in {reader}", far < mistake / 3, f"differs by {far:.1f}, upside down by {mistake:.1f}")
            ious = word_ious(picture, pdf_words(pdf, scale=DPI / 72)) or [0]
            check(f"{name} in {reader}: words", quantile(ious, 0.5) > MEDIAN and quantile(ious, 0.05) > LOW,
                  f"{quantile(ious, 0.5):.2f} {quantile(ious, 0.05):.2f}")
        text = run("pdftotext", pdf, "-").decode()
        check(f"{name} text", re.search(r"Old\s+Westbury", text), text[:300])
finally:
    shutil.rmtree(tmp)
sys.exit(status())
