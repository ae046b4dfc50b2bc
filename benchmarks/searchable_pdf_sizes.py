"""How large searchable PDFs are beside OCRmyPDF's of the same inputs (--output-type pdf -O0 --skip-text: nothing is optimised), as a
table for docs/pdf.md; exit code 1 where one is larger than 1.1 times OCRmyPDF's, 10 KB and 2 KB a page.

    python3 benchmarks/searchable_pdf_sizes.py GLM_OCR SOURCE_DIR [NAME...]

Needs ocrmypdf (Debian or PyPI) with tesseract, poppler-utils and libtiff-tools; no test and no demo needs this script.
"""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
ONLY = sys.argv[3:]
DPI = 150
tmp = pathlib.Path(tempfile.mkdtemp())


def run(*args):
    one_thread = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # tesseract is slower with more
    return subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=900, env=one_thread).stdout


def rendered(sample, name, *options, suffix, pages=1):
    """Pages of a sample as pictures; the first one's path, or all."""
    run("pdftoppm", "-r", DPI, "-l", pages, *options, ROOT / f"samples/{sample}.pdf", tmp / name)
    found = sorted(tmp.glob(f"{name}-*.{suffix}"))
    return found[0] if pages == 1 else found


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def palette_png(sample):
    """A page in 216 colours."""
    ppm = run("pdftoppm", "-r", DPI, "-l", 1, ROOT / f"samples/{sample}.pdf")
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", ppm)
    width, height, rgb = int(header[1]), int(header[2]), ppm[header.end():]
    step = bytes(round(v / 51) for v in range(256))
    red, green, blue = (rgb[i::3].translate(step) for i in range(3))
    indices = bytes(36 * r + 6 * g + b for r, g, b in zip(red, green, blue))
    colors = bytes(51 * v for i in range(216) for v in (i // 36, i // 6 % 6, i % 6))
    dots = round(DPI / 0.0254)
    path = tmp / "palette.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + chunk(b"PLTE", colors) +
                     chunk(b"pHYs", struct.pack(">IIB", dots, dots, 1)) +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + indices[width * y:width * (y + 1)] for y in range(height)), 9)) +
                     chunk(b"IEND", b""))
    return path


def scan_pdf(pictures):
    """JPEG pages as a scanner's program puts them into a PDF."""
    kids = " ".join(f"{3 + 3 * i} 0 R" for i in range(len(pictures)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(pictures)}/Kids[{kids}]>>".encode()]
    for i, picture in enumerate(pictures):
        data = picture.read_bytes()
        at = re.search(rb"\xff[\xc0-\xc2]", data).start()
        height, width = struct.unpack(">HH", data[at + 5:at + 9])
        w, h = width * 72 / DPI, height * 72 / DPI
        contents = f"q {w:g} 0 0 {h:g} 0 0 cm /Im Do Q".encode()
        objects += [f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w:g} {h:g}]/Contents {4 + 3 * i} 0 R/Resources<</XObject<</Im {5 + 3 * i} 0 R>>>>>>".encode(),
                    b"<</Length %d>>\nstream\n%s\nendstream" % (len(contents), contents),
                    b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Length %d>>\nstream\n"
                    b"%s\nendstream" % (width, height, len(data), data)]
    out, table = b"%PDF-1.7\n", b""
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    path = tmp / "scan.pdf"
    path.write_bytes(out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
                     % (len(objects) + 1, table, len(objects) + 1, len(out)))
    return path


def tiff(name, coding, *sources):
    run("tiffcp", "-c", coding, "-r", 100000, *sources, tmp / name)
    return tmp / name


def inputs():
    report = lambda name, *options, suffix: rendered("report", name, *options, suffix=suffix, pages=3)
    return {"JPEG, colour": lambda: rendered("paper", "color", "-jpeg", suffix="jpg"),
            "JPEG, gray": lambda: rendered("letter", "gray", "-jpeg", "-gray", suffix="jpg"),
            "PNG, colour": lambda: rendered("paper", "color", "-png", suffix="png"),
            "PNG, gray": lambda: rendered("letter", "gray", "-png", "-gray", suffix="png"),
            "PNG, 1 bit": lambda: rendered("letter", "mono", "-png", "-mono", suffix="png"),
            "PNG, palette": lambda: palette_png("invoice"),
            "samples/page.png": lambda: ROOT / "samples/page.png",
            "samples/scan.png": lambda: ROOT / "samples/scan.png",
            "TIFF, Group 4": lambda: tiff("g4.tif", "g4", rendered("letter", "fax", "-tiff", "-mono", suffix="tif")),
            "TIFF, Group 4, 3 pages": lambda: tiff("pages.tif", "g4", *report("faxes", "-tiff", "-mono", suffix="tif")),
            "TIFF, 1 bit, LZW": lambda: tiff("bits.tif", "lzw", rendered("letter", "fax", "-tiff", "-mono", suffix="tif")),
            "TIFF, gray, LZW": lambda: tiff("gray.tif", "lzw:2", rendered("letter", "gray", "-tiff", "-gray", suffix="tif")),
            "TIFF, colour, deflate": lambda: tiff("color.tif", "zip:2", rendered("paper", "color", "-tiff", suffix="tif")),
            "PDF of 3 JPEG pages": lambda: scan_pdf(report("pages", "-jpeg", suffix="jpg")),
            **{f"samples/{name}.pdf": lambda name=name: ROOT / f"samples/{name}.pdf" for name in ("letter", "report", "skewed")}}


too_large = []
print("| input | pages | input KB | OCRmyPDF KB | glm-ocr KB | limit KB |\n|---|---|---|---|---|---|")
for name, make in inputs().items():
    if ONLY and name not in ONLY:
        continue
    source, theirs, ours = make(), tmp / "theirs.pdf", tmp / "ours.pdf"
    told = [] if source.suffix == ".pdf" else ["--image-dpi", DPI]
    run("ocrmypdf", "-q", "--output-type", "pdf", "-O0", "--skip-text", *told, source, theirs)
    ours.write_bytes(run(GLM, "parse", source, "--to", "pdf", *(["--dpi", DPI] if told else [])))
    pages = int(re.search(rb"Pages:\s+(\d+)", run("pdfinfo", ours))[1])
    sizes = [path.stat().st_size for path in (source, theirs, ours)]
    limit = 1.1 * sizes[1] + 10_000 + 2_000 * pages
    print(f"| {name} | {pages} | " + " | ".join(f"{size / 1000:.1f}" for size in [*sizes, limit]) + " |", flush=True)
    if sizes[2] > limit:
        too_large.append(name)
if too_large:
    sys.exit("larger than it may be: " + ", ".join(too_large))
