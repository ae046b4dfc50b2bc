"""Searchable PDF through the program: the original is kept, and the text is where its ink is, in poppler and in PDFium.

    python3 tests/e2e/searchable_pdf_test.py GLM_OCR SOURCE_DIR
"""
import difflib
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

from checks import check, status
from word_boxes import Picture, pdf_words, quantile, word_ious

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*args, **kwargs):
    return subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=600, **kwargs)


def parse(*args):
    out = run(GLM, "parse", *args)
    return out.returncode, out.stdout, out.stderr.decode()


def searchable(source, target, *args):
    """Writes the searchable PDF of `source`; returns what stderr says."""
    rc, out, err = parse(source, "--to", "pdf", *args)
    check("parse", rc == 0 and out.startswith(b"%PDF"), f"{source} {args}: {rc} {err}")
    target.write_bytes(out)
    if shutil.which("qpdf"):
        checked = run("qpdf", "--check", target)
        check("qpdf --check", checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode())
    return err


def pdf(objects, path):
    """A PDF of these objects, from number 1; the first is the catalog. Bytes, or str."""
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + (body if isinstance(body, bytes) else body.encode()) + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    path.write_bytes(out)
    return path


def stream(entries, data):
    return f"<<{entries}/Length {len(data)}>>\nstream\n".encode() + data + b"\nendstream"


def png_of(path):
    """(width, height, dictionary entries, bytes) of a gray PNG of 8 bits for a PDF."""
    data, at, idat = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            idat += body
        at += 12 + length
    return width, height, (f"/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8"
                           f"/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors 1/BitsPerComponent 8/Columns {width}>>"), idat


def scan_pdf(path, picture, contents, page="", media="0 0 595 842", extra=()):
    """A page that shows `picture` as /Im by `contents`."""
    width, height, entries, data = picture
    return pdf(["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[{media}]/Resources 6 0 R>>",
                f"<</Type/Page/Parent 2 0 R/Contents 4 0 R{page}>>", stream("", contents.encode()), stream(entries, data),
                "<</XObject<</Im 5 0 R>>>>", *extra], path)


def rendered(path, dpi=100, page=1, gray=True):
    out = run("pdftoppm", "-r", dpi, "-f", page, "-l", page, *(["-gray"] if gray else []), path)
    return Picture.of_pnm(out.stdout)


def by_pdfium(path, tmp):
    """The page as PDFium shows it, through the program: the JPEG that --visualize draws, without its boxes, is not to be had;
    the words that PDFium finds are, by the text layer."""
    rc, out, err = parse(path, "--text-layer", "compare", "--to", "text")
    return rc, err


def near(text, truth):
    words = lambda s: re.sub(r"\s+", " ", s).strip()
    return difflib.SequenceMatcher(None, words(text), words(truth), autojunk=False).ratio()


def differ(a, b):
    """The share of pixels that differ by more than rounding."""
    if (a.width, a.height) != (b.width, b.height):
        return 1
    return sum(abs(x - y) > 8 for x, y in zip(a.pixels, b.pixels)) / len(a.pixels)


def places(name, source, target, truth, truth_share=0.85):
    dpi = 300 if name == "user unit" else 150  # poppler knows no UserUnit: half the size
    ious = word_ious(rendered(target, dpi), pdf_words(target, scale=dpi / 72))
    check(name + " words", len(ious) > 50, len(ious))
    median, low = quantile(ious, 0.5), quantile(ious, 0.05)
    text = run("pdftotext", target, "-").stdout.decode()
    print(f"{name:24} {len(ious):5} words, IoU median {median:.2f}, 5 % {low:.2f}, text {near(text, truth):.3f}")
    check(name + " median", median > 0.7, f"{median:.3f}")
    check(name + " 5 %", low > 0.4, f"{low:.3f}")
    check(name + " text", near(text, truth) > truth_share, near(text, truth))
    # What PDFium finds in the file is what was read: the program compares it with a new reading.
    rc, err = by_pdfium(target, None)
    found = re.search(r"differ in ([\d.]+) %", err)
    check(name + " PDFium", found and float(found[1]) < 5, err)
    if source:
        share = differ(rendered(source, 72), rendered(target, 72))
        check(name + " looks", share == 0, f"{share:.4f} of the pixels differ")


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    page = png_of(ROOT / "samples/page.png")
    truth = (ROOT / "samples/page.txt").read_text()
    W, H = 595.44, 841.68
    whole = f"q {W} 0 0 {H} 0 0 cm /Im Do Q"

    # Turned, cropped, scaled pages of a PDF.
    import math
    cases = {"straight": (whole, "", f"0 0 {W} {H}")}
    for degrees in (0.2, 0.7, 1.2):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        cases[f"turned {degrees}"] = (f"q {c:.6f} {-s:.6f} {s:.6f} {c:.6f} 0 5 cm {whole} Q", "", f"0 0 {W} {H}")
    # Shown upright by /Rotate; boxes whose corner is not the origin; a CTM that is never restored; no resources of its own.
    cases["rotate 90"] = (f"q 0 {W} {-H} 0 {H} 0 cm /Im Do Q", "/Rotate 90", f"0 0 {H} {W}")
    cases["rotate 180"] = (f"q {-W} 0 0 {-H} {W} {H} cm /Im Do Q", "/Rotate 180", f"0 0 {W} {H}")
    cases["rotate -90"] = (f"q 0 {-W} {H} 0 0 {W} cm /Im Do Q", "/Rotate -90", f"0 0 {H} {W}")
    cases["media box"] = (f"q {W} 0 0 {H} -100 50 cm /Im Do Q", "", f"-100 50 {W - 100} {H + 50}")
    cases["crop box"] = (f"q {W} 0 0 {H} 50 50 cm /Im Do Q", f"/CropBox[40 60 {W + 60} {H + 40}]", f"0 0 {W + 100} {H + 100}")
    cases["unbalanced"] = (f"{W} 0 0 {H} 0 0 cm q q /Im Do", "", f"0 0 {W} {H}")
    cases["scaled"] = (f"q {W * 1.5} 0 0 {H * 1.5} 0 0 cm /Im Do Q", "", f"0 0 {W * 1.5} {H * 1.5}")
    cases["user unit"] = (f"q {W / 2} 0 0 {H / 2} 0 0 cm /Im Do Q", "/UserUnit 2", f"0 0 {W / 2} {H / 2}")
    for name, (contents, entries, media) in cases.items():
        source, target = tmp / "in.pdf", tmp / "out.pdf"
        scan_pdf(source, page, contents, entries, media)
        searchable(source, target)
        places(name, source, target, truth)

    # PDF/A of a PDF: what keeps it from being one is named.
    searchable(tmp / "in.pdf", tmp / "out.pdf", "--pdfa")
    check("PDF/A of a PDF", b"<pdfaid:part>2" in run("qpdf", "--qdf", "--object-streams=disable", tmp / "out.pdf", "-").stdout)
    rc, _, err = parse(ROOT / "samples/letter.pdf", "--to", "pdf", "--pdfa")
    check("PDF/A refused", rc == 0 or "PDF/A-2b" in err, err)

    # A JPEG of a turned page: the very bytes, at its size.
    scan_pdf(tmp / "in.pdf", page, *cases["turned 0.7"])
    jpeg = run("pdftoppm", "-r", "150", "-jpeg", "-gray", tmp / "in.pdf").stdout
    (tmp / "turned.jpg").write_bytes(jpeg)
    searchable(tmp / "turned.jpg", tmp / "out.pdf", "--language", "en-GB")
    places("JPEG", None, tmp / "out.pdf", truth)
    made = (tmp / "out.pdf").read_bytes()
    check("JPEG bytes", jpeg in made)
    info = run("pdfinfo", tmp / "out.pdf").stdout.decode()
    size = re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", info)
    check("JPEG size", abs(float(size[1]) - W) < 1 and abs(float(size[2]) - H) < 1, info)
    check("JPEG title", re.search(r"Title:\s+turned", info), info)
    check("JPEG language", b"(en-GB)" in run("qpdf", "--qdf", "--object-streams=disable", tmp / "out.pdf", "-").stdout)
    for flag in ("--deskew", "--clean"):
        searchable(tmp / "turned.jpg", tmp / "out.pdf", flag)
        places(flag, None, tmp / "out.pdf", truth)
        check(flag, jpeg not in (tmp / "out.pdf").read_bytes())

    # A PNG and a Group 4 TIFF stay what they are.
    searchable(ROOT / "samples/page.png", tmp / "out.pdf")
    places("PNG", None, tmp / "out.pdf", truth)
    check("PNG bytes", page[3] in (tmp / "out.pdf").read_bytes())

    # Pages with text keep it, to the byte.
    for sample in ("letter", "invoice", "paper", "report", "form"):
        source = ROOT / f"samples/{sample}.pdf"
        searchable(source, tmp / "out.pdf")
        check(sample, (tmp / "out.pdf").read_bytes() == source.read_bytes(), "not the same bytes")
    # Chosen pages: only these, with their links, fonts and words.
    searchable(ROOT / "samples/report.pdf", tmp / "out.pdf", "--pages", "2")
    check("pages", "Pages:           1" in run("pdfinfo", tmp / "out.pdf").stdout.decode())
    check("pages text", run("pdftotext", tmp / "out.pdf", "-").stdout ==
          run("pdftotext", "-f", "2", "-l", "2", ROOT / "samples/report.pdf", "-").stdout)
    check("pages look", differ(rendered(ROOT / "samples/report.pdf", 72, 2), rendered(tmp / "out.pdf", 72)) == 0)

    # An old hidden layer is kept, or replaced where that is asked for.
    old = f"{whole} BT 3 Tr /F 12 Tf 50 700 Td (forgotten words of old) Tj ET"
    scan_pdf(tmp / "in.pdf", page, old, "/Resources<</XObject<</Im 5 0 R>>/Font<</F 7 0 R>>>>", f"0 0 {W} {H}",
             ["<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"])
    searchable(tmp / "in.pdf", tmp / "out.pdf")
    check("old layer kept", (tmp / "out.pdf").read_bytes() == (tmp / "in.pdf").read_bytes())
    searchable(tmp / "in.pdf", tmp / "out.pdf", "--text-layer", "replace")
    check("old layer replaced", b"forgotten" not in run("pdftotext", tmp / "out.pdf", "-").stdout)
    places("replaced", tmp / "in.pdf", tmp / "out.pdf", truth)
    searchable(tmp / "out.pdf", tmp / "again.pdf", "--text-layer", "replace")
    places("replaced again", tmp / "in.pdf", tmp / "again.pdf", truth)

    # Encrypted: written without, and said so.
    run("qpdf", "--encrypt", "secret", "owner", "256", "--", tmp / "in.pdf", tmp / "locked.pdf")
    err = searchable(tmp / "locked.pdf", tmp / "out.pdf", "--password", "secret")
    check("encrypted", "warning" in err and "not encrypted" in err, err)

    # Outline, metadata, labels and attachments stay.
    extra = ["<</Title(kept title)/Author(kept author)>>"]
    scan_pdf(tmp / "plain.pdf", page, whole, "", f"0 0 {W} {H}")
    objects = ["<</Type/Catalog/Pages 2 0 R/Outlines 7 0 R/PageLabels<</Nums[0<</S/r/St 4>>]>>/Lang(en)"
               "/Names<</EmbeddedFiles<</Names[(a.txt)9 0 R]>>>>>>",
               f"<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 {W} {H}]/Resources 6 0 R>>",
               "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 99 99]"
               "/A<</S/URI/URI(https://example.org/kept)>>>>]>>",
               stream("", whole.encode()), stream(page[2], page[3]), "<</XObject<</Im 5 0 R>>>>",
               "<</Type/Outlines/First 8 0 R/Last 8 0 R/Count 1>>", "<</Title(kept chapter)/Parent 7 0 R/Dest[3 0 R/Fit]>>",
               "<</Type/Filespec/F(a.txt)/EF<</F 10 0 R>>>>", stream("/Type/EmbeddedFile", b"kept attachment")]
    pdf(objects, tmp / "rich.pdf")
    searchable(tmp / "rich.pdf", tmp / "out.pdf")
    plain = run("qpdf", "--qdf", "--object-streams=disable", tmp / "out.pdf", "-").stdout
    for kept in (b"(kept chapter)", b"kept attachment", b"https://example.org/kept", b"/PageLabels", b"(en)", b"GlmOcrText"):
        check("kept", kept in plain, kept)

    # A file that qpdf cannot read still becomes a PDF, of pictures, and says so.
    broken = (tmp / "plain.pdf").read_bytes().replace(b"/Count 1/Kids[3 0 R]", b"/Count 1/Kids 3 0 R  ")
    (tmp / "broken.pdf").write_bytes(broken)
    rc, out, err = parse(tmp / "broken.pdf", "--to", "pdf")
    check("damaged", rc != 0 or out.startswith(b"%PDF"), err)

    # Large pages keep their size.
    lines = [f"(Item number {n:03} costs {n}.50) Tj T*" for n in range(1, 201)]
    text = "BT /F 10 Tf 20 TL 20 3980 Td " + " ".join(lines) + " ET"
    pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
         "<</Type/Page/Parent 2 0 R/MediaBox[0 0 226 4000]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1"
         "/BaseFont/Helvetica>>>>>>>>", stream("", text.encode())], tmp / "long.pdf")
    rc, out, err = parse(tmp / "long.pdf", "--to", "text", "--text-layer", "off")
    numbers = re.findall(r"number (\d{3}) ", out.decode())
    check("long page", len(numbers) == len(set(numbers)) and len(numbers) > 190 and "200.50" in out.decode(), len(numbers))
    searchable(tmp / "long.pdf", tmp / "out.pdf")
    check("long page's size", "226 x 4000" in run("pdfinfo", tmp / "out.pdf").stdout.decode())

    # PDF/A of a picture: what can be told without a validator.
    searchable(ROOT / "samples/page.png", tmp / "out.pdf", "--pdfa")
    plain = run("qpdf", "--qdf", "--object-streams=disable", tmp / "out.pdf", "-").stdout
    for needed in (b"<pdfaid:part>2</pdfaid:part>", b"<pdfaid:conformance>B<", b"/GTS_PDFA1", b"/FontFile2", b"/ID [",
                   b"<rdf:li xml:lang=\"x-default\">page</rdf:li>"):
        check("PDF/A", needed in plain, needed)
finally:
    shutil.rmtree(tmp)
sys.exit(status())
