"""PDF/A-2b through the program: what it writes keeps the clauses of pdfa_clauses.py; that they can be broken is shown on files that break
one each; and a PDF that breaks one is made to keep it, or refused.

    python3 tests/e2e/pdfa_test.py GLM_OCR SOURCE_DIR [CLAUSE...]

Needs qpdf, mupdf-tools and poppler-utils.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from checks import check, status
from pdfa_clauses import problems

GLM, ROOT, ONLY = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]


def run(*args, **kwargs):
    return subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=600, **kwargs)


def to_pdfa(source, target, *args):
    """What standard error says; the file only where it was made."""
    target.unlink(missing_ok=True)
    out = run(GLM, "parse", source, "--to", "pdf", "--pdfa", *args)
    if out.returncode == 0:
        target.write_bytes(out.stdout)
    return out.stderr.decode()


def plain(path, target):
    """As text in which objects can be changed."""
    run("qpdf", "--qdf", "--object-streams=disable", "--compress-streams=n", "--decode-level=generalized", path, target, check=True)
    return target.read_bytes()


def changed(data, target, old, new):
    """With `old` (a regular expression) replaced once, and lengths and places of objects mended."""
    made, n = re.subn(old, new, data, count=1, flags=re.DOTALL)
    check("mutation", n > 0, f"{old} is not in the file")
    fixed = subprocess.run(["fix-qdf"], input=made, capture_output=True, timeout=60)
    target.write_bytes(fixed.stdout if fixed.returncode == 0 else made)
    return target


# (clause, what is replaced, by what) of the plain form of a PDF/A of a page with a picture and text.
CATALOG = rb"/Type /Catalog\n"
PAGE = rb"/Type /Page\n"
IMAGE = rb"/Subtype /Image\n"
ANNOTATION = b"/Type /Page\n/Annots [ << /Type /Annot /Rect [ 9 9 99 99 ] %s >> ]\n"
BROKEN = [
    ("6.1.2", rb"%PDF-(1\.\d)\n%[^\n]*\n", b"%PDF-1.7\n%abcd\n"),
    ("6.1.3", rb"/ID \[[^\]]*\]", b""),
    ("6.1.7.1", IMAGE, b"/Subtype /Image\n/F (elsewhere.jpg)\n"),
    ("6.1.7.2", rb"/Filter /DCTDecode", b"/Filter [ /LZWDecode /DCTDecode ]"),
    ("6.1.13", rb"/MediaBox \[[^\]]*\]", b"/MediaBox [ 0 0 20000 800 ]"),
    ("6.1.13", rb"BT 3 Tr", b"q " * 40 + b"Q " * 40 + b"BT 3 Tr"),
    ("6.2.2", rb"BT 3 Tr", b"wrong BT 3 Tr"),
    ("6.2.2", rb"/Im0 Do", b"/Im7 Do"),
    ("6.2.3", rb"/OutputIntents \[[^\]]*\]", b""),
    ("6.2.3", rb"/S /GTS_PDFA1", b"/S /GTS_PDFX"),
    ("6.2.3", rb"/DestOutputProfile \d+ 0 R", b""),
    ("6.2.3", rb"acsp", b"aspc"),
    ("6.2.4.3", rb"BT 3 Tr", b"0 0 0 1 k BT 3 Tr"),
    ("6.2.4.3", PAGE, b"/Type /Page\n/Group << /S /Transparency /CS /DeviceCMYK >>\n"),
    ("6.2.4.3", rb"/Font <<(.*?)BT 3 Tr", b"/ColorSpace << /S [ /Separation /Gold /DeviceCMYK << /FunctionType 2 /N 1 /Domain [ 0 1 ] >> ] >> /Font <<"
                b"\\1/S cs BT 3 Tr"),
    ("6.2.5", rb"/Font <<", b"/ExtGState << /G << /Type /ExtGState /TR /Identity >> >> /Font <<"),
    ("6.2.5", rb"/Font <<", b"/ExtGState << /G << /Type /ExtGState /HT << /HalftoneType 6 >> >> >> /Font <<"),
    ("6.2.6", IMAGE, b"/Subtype /Image\n/Intent /Beautiful\n"),
    ("6.2.6", rb"BT 3 Tr", b"/Beautiful ri BT 3 Tr"),
    ("6.2.8", IMAGE, b"/Subtype /Image\n/Interpolate true\n"),
    ("6.2.8", IMAGE, b"/Subtype /Image\n/Alternates [ ]\n"),
    ("6.2.8", rb"BT 3 Tr", b"BI /W 1 /H 1 /CS /G /BPC 8 /I true ID x EI BT 3 Tr"),
    ("6.1.10", rb"BT 3 Tr", b"BI /W 1 /H 1 /CS /G /BPC 8 /F /LZW ID x EI BT 3 Tr"),
    ("6.2.10", rb"/Font <<", b"/ExtGState << /G << /Type /ExtGState /BM /Mix >> >> /Font <<"),
    ("6.2.11.4.1", rb"BT 3 Tr(.*?)/FontFile2 \d+ 0 R", b"BT 0 Tr\\1"),
    ("6.2.11.3.2", rb"/CIDToGIDMap \d+ 0 R", b""),
    ("6.2.11.3.3", rb"/Encoding /Identity-H", b"/Encoding /A-Map-Of-Ours"),
    ("6.2.11.7", rb"/ToUnicode \d+ 0 R", b""),
    ("6.2.11.5", rb"/DW \d+", b"/DW 123"),
    ("6.3.1", PAGE, ANNOTATION % b"/F 4 /Subtype /Movie"),
    ("6.3.2", PAGE, ANNOTATION % b"/Subtype /Link"),
    ("6.3.2", PAGE, ANNOTATION % b"/F 6 /Subtype /Link"),
    ("6.3.3", PAGE, ANNOTATION % b"/F 4 /Subtype /Square"),
    ("6.4.1", CATALOG, b"/Type /Catalog\n/AcroForm << /NeedAppearances true /Fields [ ] >>\n"),
    ("6.4.2", CATALOG, b"/Type /Catalog\n/AcroForm << /XFA (x) /Fields [ ] >>\n"),
    ("6.5.1", CATALOG, b"/Type /Catalog\n/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>\n"),
    ("6.5.1", CATALOG, b"/Type /Catalog\n/OpenAction << /S /Launch /F (calc) >>\n"),
    ("6.5.1", CATALOG, b"/Type /Catalog\n/OpenAction << /S /Named /N /Print >>\n"),
    ("6.5.2", CATALOG, b"/Type /Catalog\n/AA << /WC << /S /GoTo /D (x) >> >>\n"),
    ("6.5.2", PAGE, b"/Type /Page\n/AA << /O << /S /GoTo /D (x) >> >>\n"),
    ("6.6.2.1", rb"/Metadata \d+ 0 R", b""),
    ("6.6.2.1", rb"</rdf:RDF>", b""),
    ("6.6.4", rb"<pdfaid:part>2", b"<pdfaid:part>9"),
    ("6.6.3", rb"/Title \([^)]*\)", b"/Title (another title)"),
    ("6.8", CATALOG, b"/Type /Catalog\n/Names << /EmbeddedFiles << /Names [ ] >> >>\n"),
    ("6.9", CATALOG, b"/Type /Catalog\n/OCProperties << /OCGs [ ] /D << /Order [ ] >> >>\n"),
    ("6.10", CATALOG, b"/Type /Catalog\n/Names << /AlternatePresentations << >> >>\n"),
    ("6.11", CATALOG, b"/Type /Catalog\n/Requirements [ ]\n"),
]

# What the program does not look at in a PDF that comes in (docs/output.md), and what PDF/A-2b does not ask for (ToUnicode).
NOT_LOOKED_AT = {"6.2.11.5", "6.2.11.7"}

tmp = pathlib.Path(tempfile.mkdtemp())
try:
    jpeg = tmp / "page one.jpg"
    jpeg.write_bytes(run("pdftoppm", "-r", 100, "-jpeg", "-singlefile", ROOT / "samples/letter.pdf").stdout)
    made = tmp / "made.pdf"
    err = to_pdfa(jpeg, made)
    check("a picture", made.exists() and not problems(made), (err, made.exists() and problems(made)))

    # Every clause can be broken, and is found. As an input, such a file is mended or refused.
    whole = plain(made, tmp / "plain.pdf")
    check("plain", not problems(tmp / "plain.pdf"), problems(tmp / "plain.pdf"))
    refused = mended = 0
    for clause, old, new in (row for row in BROKEN if not ONLY or row[0] in ONLY):
        name = f"{clause} {new[:60]!r}"
        broken = changed(whole, tmp / "broken.pdf", old, new)
        found = problems(broken)
        check("found: " + name, any(line.split()[0] == clause for line in found), found)
        err = to_pdfa(broken, tmp / "again.pdf")
        if (tmp / "again.pdf").exists():
            left = [line for line in problems(tmp / "again.pdf") if line.split()[0] not in NOT_LOOKED_AT]
            check("made: " + name, not left, left)
            mended += 1
        else:
            check("refused: " + name, re.search(r"PDF/A-2b: .* \(6\.", err), err)
            refused += 1
    (tmp / "broken.pdf").write_bytes(made.read_bytes() + b"more\n")
    check("found: more", any(line.startswith("6.1.3") for line in problems(tmp / "broken.pdf")))
    run("qpdf", "--encrypt", "", "owner", "256", "--", made, tmp / "locked.pdf", check=True)
    check("found: encrypted", any("encrypted" in line for line in problems(tmp / "locked.pdf")), problems(tmp / "locked.pdf"))
    to_pdfa(tmp / "locked.pdf", tmp / "again.pdf")
    check("made: encrypted", not problems(tmp / "again.pdf"), problems(tmp / "again.pdf"))
    print(f"{refused + mended} broken files: {refused} refused, {mended} mended")

    # PDFs that are none yet: scans, one with what its Info dictionary says, and the samples with their fonts embedded.
    plain_pdf = tmp / "scan.pdf"
    err = run(GLM, "parse", jpeg, "--to", "pdf")
    plain_pdf.write_bytes(err.stdout)
    scan = plain(plain_pdf, tmp / "plain.pdf")
    info = (b"/Title (A <title> & more) /Author (Somebody) /Subject (Letters) /Keywords (ferry, quay) /Creator (a scanner) "
            b"/CreationDate (D:20240203040506+01'00') /ModDate (D:20250607080910Z)\n/Producer (glm-ocr)")
    rich = changed(scan, tmp / "rich.pdf", rb"/Producer \(glm-ocr\)\s*/Title \([^)]*\)", info)
    for source in (plain_pdf, rich):
        err = to_pdfa(source, made, "--language", "en")
        check(source.name, made.exists() and not problems(made), (err, made.exists() and problems(made)))
    said = run("pdfinfo", made).stdout.decode()
    check("kept", all(word in said for word in ("A <title> & more", "Somebody", "a scanner", "ferry")), said)
    for sample in ("letter", "invoice", "paper", "report", "form", "skewed"):
        # Helvetica is among their fonts and shown nowhere.
        err = to_pdfa(ROOT / f"samples/{sample}.pdf", made)
        check(sample, not made.exists() or not problems(made), (err, made.exists() and problems(made)))
        check(sample, made.exists() or "6.2.11.4.1" in err, err)
    # A tiny picture's page is as large as a page may be small.
    run("pdftoppm", "-r", 600, "-png", "-singlefile", "-x", 0, "-y", 0, "-W", 20, "-H", 9000, ROOT / "samples/letter.pdf", tmp / "tiny", check=True)
    to_pdfa(tmp / "tiny.png", made)
    check("tiny", made.exists() and not problems(made), made.exists() and problems(made))
finally:
    shutil.rmtree(tmp)
sys.exit(status())
