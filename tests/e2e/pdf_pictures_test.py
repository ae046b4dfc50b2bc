"""Pictures of every kind through the program into searchable PDF: the page is as large as the picture says, the bytes are the
picture's own where PDF knows their coding, poppler, MuPDF and PDFium show the right colours, and the text is where its ink is.

    python3 tests/e2e/pdf_pictures_test.py GLM_OCR SOURCE_DIR PDFIUM_FOLDER [NAME...]

Needs poppler-utils, qpdf, mupdf-tools and libtiff-tools.
"""
import ctypes
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

from checks import check, status
from pdfa_clauses import problems
from word_boxes import Picture, pdf_words, quantile, word_ious

GLM, ROOT, PDFIUM = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
ONLY = sys.argv[4:]
# The page: so many dots make an inch, and 5000 a metre, and a side is a whole number of points and of pixels, so that no renderer
# needs to round.
DPI, WIDTH, HEIGHT = 127, 1016, 1270
# poppler stretches a picture that ends on the last pixel's edge by one pixel; so it ends just before.
UNSTRETCHED = DPI * (1 - 5e-5)
# A sample of the picture's bytes, 1 of so many: no multiple of 3, so that all channels count, nor of what divides the width.
STEP = 7


def run(*args, okay=True, **kwargs):
    out = subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=300, **kwargs)
    if okay and out.returncode != 0:
        raise RuntimeError(f"{args}: {out.stderr.decode(errors='replace')}")
    return out.stdout


# --- Renderers: (width, height, RGB bytes) ---

def of_ppm(data):
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return int(header[1]), int(header[2]), data[header.end():]


def by_poppler(pdf, page, dpi):
    return of_ppm(run("pdftoppm", "-r", dpi * UNSTRETCHED / DPI, "-f", page, "-l", page, pdf))


def by_mupdf(pdf, page, dpi):
    # Without anti-aliasing, edges of pictures lie on pixels as in the others.
    return of_ppm(run("mutool", "draw", "-q", "-F", "ppm", "-c", "rgb", "-A", "0", "-r", dpi, "-o", "-", pdf, page))


class Pdfium:
    """https://pdfium.googlesource.com/pdfium/+/main/public/fpdfview.h"""
    def __init__(self):
        lib = self.lib = ctypes.CDLL(str(PDFIUM / "libpdfium.so"))
        pointer, number = ctypes.c_void_p, ctypes.c_int
        for name, result, arguments in [
                ("FPDF_InitLibrary", None, []), ("FPDF_LoadDocument", pointer, [ctypes.c_char_p, ctypes.c_char_p]),
                ("FPDF_LoadPage", pointer, [pointer, number]), ("FPDF_GetPageWidthF", ctypes.c_float, [pointer]),
                ("FPDF_GetPageHeightF", ctypes.c_float, [pointer]), ("FPDFBitmap_Create", pointer, [number] * 3),
                ("FPDFBitmap_FillRect", number, [pointer] + [number] * 4 + [ctypes.c_ulong]),
                ("FPDF_RenderPageBitmap", None, [pointer, pointer] + [number] * 6),
                ("FPDFBitmap_GetBuffer", pointer, [pointer]), ("FPDFBitmap_GetStride", number, [pointer]),
                ("FPDFBitmap_Destroy", None, [pointer]), ("FPDF_ClosePage", None, [pointer]), ("FPDF_CloseDocument", None, [pointer])]:
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        lib.FPDF_InitLibrary()

    def __call__(self, pdf, page, dpi):
        lib = self.lib
        document = lib.FPDF_LoadDocument(str(pdf).encode(), None)
        loaded = lib.FPDF_LoadPage(document, page - 1)
        width = round(lib.FPDF_GetPageWidthF(loaded) * dpi / 72)
        height = round(lib.FPDF_GetPageHeightF(loaded) * dpi / 72)
        bitmap = lib.FPDFBitmap_Create(width, height, 0)
        lib.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xffffffff)
        reverse_byte_order = 0x10
        lib.FPDF_RenderPageBitmap(bitmap, loaded, 0, 0, width, height, 0, reverse_byte_order)
        stride = lib.FPDFBitmap_GetStride(bitmap)
        data = ctypes.string_at(lib.FPDFBitmap_GetBuffer(bitmap), stride * height)
        assert stride == 4 * width
        rgb = bytearray(3 * width * height)
        for channel in range(3):
            rgb[channel::3] = data[channel::4]
        lib.FPDFBitmap_Destroy(bitmap), lib.FPDF_ClosePage(loaded), lib.FPDF_CloseDocument(document)
        return width, height, bytes(rgb)


RENDERERS = {"poppler": by_poppler, "MuPDF": by_mupdf, "PDFium": Pdfium()}


def distance(a, b):
    """Mean difference of two pictures' levels; of other sizes, as far as can be."""
    if a[:2] != b[:2]:
        return 255
    x, y = a[2][::STEP], b[2][::STEP]
    return sum(abs(p - q) for p, q in zip(x, y)) / len(x)


def wrong_ones(picture):
    """What a picture looks like when something about it is mistaken."""
    width, height, rgb = picture
    swapped = bytearray(rgb)
    swapped[0::3], swapped[2::3] = rgb[2::3], rgb[0::3]
    rows = [rgb[3 * width * y:3 * width * (y + 1)] for y in range(height)]
    turned = bytearray(len(rgb))
    for channel in range(3):
        turned[channel::3] = rgb[channel::3][::-1]
    return [(width, height, rgb.translate(bytes(range(255, -1, -1)))), (width, height, bytes(swapped)),
            (width, height, b"".join(reversed(rows))), (width, height, bytes(turned))]


# --- The page, and pictures of it ---

def pdf(objects, path):
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + (body if isinstance(body, bytes) else body.encode()) + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    path.write_bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return path


def stream(entries, data):
    return f"<<{entries}/Length {len(data)}>>\nstream\n".encode() + data + b"\nendstream"


LINES = ["The ferry leaves the northern quay at seven in the morning", "and carries letters for the keepers of the lighthouse.",
         "Passengers are asked to wait beside the green lamp", "until the bell has been rung a second time.",
         "No cargo is taken on board after half past nine.", "Tickets are sold at the window of the harbour office."]
COLORS = ["1 0 0", "0 1 0", "0 0 1", "0 1 1", "1 0 1", "1 1 0", "0.5 0.5 0.5", "0.9 0.6 0.3"]


def page_pdf(path, colors):
    w, h = WIDTH * 72 / DPI, HEIGHT * 72 / DPI
    text = "BT /F 16 Tf 28 TL 60 640 Td " + " ".join(f"({line}) Tj T*" for line in LINES) + " ET"
    patches = " ".join(f"{c} rg {48 + 60 * i} 96 48 160 re f" for i, c in enumerate(colors))
    return pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w:g} {h:g}]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1"
                "/BaseFont/Helvetica>>>>>>>>", stream("", f"{patches} 0 g {text}".encode())], path)


def shown_pdf(path, picture, matrix, width, height):
    """`picture` on a page of so many pixels: the unit square, y up, through the matrix, in pixels."""
    w, h, rgb = picture
    matrix = " ".join(f"{v * 72 / DPI:g}" for v in matrix)
    return pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width * 72 / DPI:g} {height * 72 / DPI:g}]/Contents 4 0 R"
                "/Resources<</XObject<</Im 5 0 R>>>>>>", stream("", f"q {matrix} cm /Im Do Q".encode()),
                stream(f"/Type/XObject/Subtype/Image/Width {w}/Height {h}/ColorSpace/DeviceRGB/BitsPerComponent 8"
                       "/Filter/FlateDecode", zlib.compress(rgb))], path)


def gray_of(picture):
    """Gray levels, a byte a pixel, of a picture whose channels are equal."""
    return picture[2][1::3]


def chunk_of(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(path, width, height, kind, bits, rows, extra=b""):
    dots = 5000
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk_of(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)) + extra +
                     chunk_of(b"pHYs", struct.pack(">IIB", dots, dots, 1)) +
                     chunk_of(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk_of(b"IEND", b""))
    return path


def png_data(path):
    """The bytes of all IDAT chunks."""
    data, at, out = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            out += data[at + 8:at + 8 + length]
        at += 12 + length
    return out


def with_segment(jpeg, marker, body):
    """After the start and the JFIF segment, if there is one."""
    at = 2
    if jpeg[2:4] == b"\xff\xe0":
        at += 2 + struct.unpack(">H", jpeg[4:6])[0]
    return jpeg[:at] + b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[at:]


def without_segments(jpeg, markers):
    at, out = 2, jpeg[:2]
    while jpeg[at + 1] != 0xda:
        length = 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        if jpeg[at + 1] not in markers:
            out += jpeg[at:at + length]
        at += length
    return out + jpeg[at:]


def exif(orientation, dpi=DPI):
    """A TIFF directory with resolution and orientation."""
    entries = [(274, 3, 1, struct.pack(">HH", orientation, 0)), (282, 5, 1, struct.pack(">I", 62)), (283, 5, 1, struct.pack(">I", 70)),
               (296, 3, 1, struct.pack(">HH", 2, 0))]
    return (b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", len(entries)) +
            b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries) + struct.pack(">I", 0) +
            struct.pack(">IIII", dpi, 1, dpi, 1))


def bilevel_tiff(path, ink, photometric):
    """Uncompressed; `ink` has a 1 for each dark pixel, packed in rows."""
    data = ink if photometric == 0 else ink.translate(bytes(range(255, -1, -1)))
    entries = [(256, 4, WIDTH), (257, 4, HEIGHT), (258, 3, 1), (259, 3, 1), (262, 3, photometric), (273, 4, 8), (277, 3, 1),
               (278, 4, HEIGHT), (279, 4, len(data)), (282, 5, 0), (283, 5, 0), (296, 3, 2)]
    at = 8 + len(data)
    numbers = at + 2 + 12 * len(entries) + 4
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", numbers if kind == 5 else value)
    path.write_bytes(b"II\x2a\0" + struct.pack("<I", at) + data + directory + struct.pack("<I", 0) + struct.pack("<II", DPI, 1))
    return path


def with_profile(path, icc):
    """Gives a little-endian TIFF of one page a colour profile, whose tag is larger than the others."""
    data = path.read_bytes()
    at, = struct.unpack("<I", data[4:8])
    n, = struct.unpack("<H", data[at:at + 2])
    data += bytes(len(data) % 2)
    entries = data[at + 2:at + 2 + 12 * n] + struct.pack("<HHII", 34675, 7, len(icc), len(data))
    directory_at = len(data) + len(icc) + len(icc) % 2
    path.write_bytes(data[:4] + struct.pack("<I", directory_at) + data[8:] + icc + bytes(len(icc) % 2) + struct.pack("<H", n + 1) + entries +
                     struct.pack("<I", 0))


def only_strip(path):
    """Of a little-endian TIFF in one strip, the most significant bit first."""
    data = path.read_bytes()
    at, = struct.unpack("<I", data[4:8])
    tags = {}
    for i in range(struct.unpack("<H", data[at:at + 2])[0]):
        tag, kind, count, value = struct.unpack("<HHII", data[at + 2 + 12 * i:at + 14 + 12 * i])
        tags[tag] = value & 0xffff if kind == 3 else value
    strip = data[tags[273]:tags[273] + tags[279]]
    return strip.translate(bytes(int(f"{v:08b}"[::-1], 2) for v in range(256))) if tags.get(266) == 2 else strip


def gif(path, width, height, palette, indices):
    """Coded without compression: 9 bits a pixel, and a clear code before the codes grow (GIF89a, appendix F)."""
    codes, since = [256], 0
    value, bits, out = 0, 0, bytearray()
    for i in range(0, len(indices), 200):
        for code in [256, *indices[i:i + 200]]:
            value |= code << bits
            bits += 9
            while bits >= 8:
                out.append(value & 255)
                value >>= 8
                bits -= 8
    value |= 257 << bits
    out += value.to_bytes(3, "little")
    blocks = b"".join(bytes([len(out[i:i + 255])]) + out[i:i + 255] for i in range(0, len(out), 255))
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xf7, 0, 0) + palette + bytes(768 - len(palette)) +
                     b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08" + blocks + b"\0;")
    return path


def bmp(path, picture):
    width, height, rgb = picture
    bgr = bytearray(rgb)
    bgr[0::3], bgr[2::3] = rgb[2::3], rgb[0::3]
    rows = b"".join(bgr[3 * width * y:3 * width * (y + 1)] for y in range(height - 1, -1, -1))
    dots = 5000
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) +
                     struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), dots, dots, 0, 0) + rows)
    return path


def bmp_pixels(path):
    """Of one with 24 bits a pixel, rows from the bottom."""
    data = path.read_bytes()
    at, width, height = struct.unpack("<I4xii", data[10:26])
    stride = (3 * width + 3) // 4 * 4
    bgr = b"".join(data[at + stride * y:at + stride * y + 3 * width] for y in range(height - 1, -1, -1))
    rgb = bytearray(bgr)
    rgb[0::3], rgb[2::3] = bgr[2::3], bgr[0::3]
    return width, height, bytes(rgb)


def icc_swapped():
    """The profile of this program's PDF/A, with what red and green mean exchanged."""
    plain = tmp / "pdfa.pdf"
    plain.write_bytes(run(GLM, "parse", ROOT / "samples/page.png", "--pages", "1", "--to", "pdf", "--pdfa"))
    objects = run("qpdf", "--qdf", "--object-streams=disable", plain, "-")
    at = objects.index(b"acsp") - 36
    profile = objects[at:at + struct.unpack(">I", objects[at:at + 4])[0]]
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


tmp = pathlib.Path(tempfile.mkdtemp())


def searchable(source, target, *args):
    out = subprocess.run([GLM, "parse", str(source), "--to", "pdf", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=300)
    check(source.name, out.returncode == 0, out.stderr.decode())
    target.write_bytes(out.stdout)
    run("qpdf", "--check", target)
    return out.stderr.decode()


def codings(target):
    """Of every picture: (width, height, colours, bits, coding)."""
    return [(int(f[3]), int(f[4]), f[5], int(f[7]), f[8])
            for f in (line.split() for line in run("pdfimages", "-list", target).decode().splitlines()[2:])]


def holds(name, source, looks, coding=None, kept=None, page=1, text=True, loss=1.0, size=(WIDTH, HEIGHT), dpi=DPI, args=(),
          without_profile=None):
    """`looks`: the right picture; `coding`: what pdfimages calls it; `kept`: bytes that must be in the file; `loss`: mean
    difference that the picture's own coding explains, 1 for the rounding of 16 bits; `without_profile`: what it looks like to
    those who do not know its profile."""
    if ONLY and name not in ONLY:
        return
    target = tmp / "out.pdf"
    warnings = searchable(source, target, *args)
    check(name + " warnings", "warning" not in warnings or "no text" in warnings, warnings)
    info = run("pdfinfo", "-f", page, "-l", page, target).decode()
    found = re.search(r"Page.* size:\s+([\d.]+) x ([\d.]+)", info)
    turned = re.search(r"Page.* rot:\s+(\d+)", info)
    points = [float(found[1]), float(found[2])]
    if turned and int(turned[1]) % 180 == 90:
        points.reverse()
    # A resolution in whole dots a metre or centimetre is off by 1/300 at most.
    right = all(abs(p - s * 72 / dpi) <= 0.004 * s * 72 / dpi for p, s in zip(points, size))
    check(name + " size", right, f"{points}, not {size} pixels at {dpi} dpi")
    found = codings(target)
    if coding:
        check(name + " coding", found[page - 1][2:] == coding, f"{found}, not {coding}")
    if kept:
        check(name + " bytes", kept in target.read_bytes(), "not the picture's own")
    distances = {}
    for renderer, render in RENDERERS.items():
        shown = render(target, page, size[0] * 72 / points[0])
        distances[renderer] = distance(shown, looks)
        # Debian's MuPDF is built without colour management.
        if renderer == "MuPDF" and without_profile:
            distances[renderer] = min(distances[renderer], distance(shown, without_profile))
        check(f"{name} {renderer}", distances[renderer] <= loss, f"differs by {distances[renderer]:.1f}, more than {loss:.1f}")
    line = ", ".join(f"{n} {d:.2f}" for n, d in distances.items())
    if text:
        words = pdf_words(target, page, DPI / 72)
        ious = word_ious(Picture.of_pdf(target, page, DPI), words) or [0]
        exact = {w.text for w in words} & set(" ".join(LINES).split())
        share = len(exact) / len(set(" ".join(LINES).split()))
        check(name + " text", share > 0.8, f"{share:.2f} of the words: {[w.text for w in words]}")
        check(name + " places", quantile(ious, 0.5) > 0.7 and quantile(ious, 0.05) > 0.4,
              f"{quantile(ious, 0.5):.2f} {quantile(ious, 0.05):.2f}")
        line += f"; IoU median {quantile(ious, 0.5):.2f}, 5 % {quantile(ious, 0.05):.2f}, words {share:.2f}"
    # The same as PDF/A-2b.
    if page == 1:
        as_pdfa = tmp / "pdfa.pdf"
        said = searchable(source, as_pdfa, "--pdfa", *args)
        check(name + " PDF/A", not problems(as_pdfa), problems(as_pdfa))
        check(name + " PDF/A warnings", "warning" not in said or "no text" in said or "CMYK" in said, said)
    print(f"{name:28} {' '.join(map(str, found[page - 1][2:])) if found else '-':18} {line}")


try:
    W, H = WIDTH, HEIGHT
    made = page_pdf(tmp / "page.pdf", COLORS)
    page = of_ppm(run("pdftoppm", "-r", DPI, made))
    shades = page_pdf(tmp / "shades.pdf", [f"{v} {v} {v}" for v in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)])
    gray = of_ppm(run("pdftoppm", "-r", DPI, shades))
    rows = lambda data, n: [data[n * y:n * (y + 1)] for y in range(H)]
    # What is lost by a lossy coding, or between two programs' idea of CMYK, is far from what a mistake costs.
    near = min(distance(page, wrong) for wrong in wrong_ones(page))
    lossy, device = near / 8, near / 2
    print(f"a mistake changes the page's levels by {near:.1f}, in gray {min(distance(gray, w) for w in wrong_ones(gray) if w[2] != gray[2]):.1f}")

    # JPEG
    def jpeg(source, *options, dpi=DPI):
        return run("pdftoppm", "-r", dpi, "-jpeg", *options, source)

    def held(name, suffix, data, looks, **more):
        path = tmp / (name.replace(" ", "_") + suffix)
        path.write_bytes(data)
        holds(name, path, looks, **more)

    color = jpeg(made)
    held("jpeg", ".jpg", color, page, coding=("rgb", 8, "jpeg"), kept=color, loss=lossy)
    data = jpeg(made, "-jpegopt", "progressive=y")
    held("jpeg progressive", ".jpg", data, page, coding=("rgb", 8, "jpeg"), kept=data, loss=lossy)
    # Ink of CMYK is stored inverted by programs that leave Adobe's marker, poppler among them. Without it the page is as good as
    # black.
    run("pdftoppm", "-r", DPI, "-jpegcmyk", "-singlefile", made, tmp / "cmyk")
    data = (tmp / "cmyk.jpg").read_bytes()
    held("jpeg cmyk", ".jpg", data, page, coding=("cmyk", 8, "jpeg"), kept=data, loss=device)
    data = without_segments(data, {0xee})
    held("jpeg cmyk without marker", ".jpg", data, (W, H, bytes(3 * W * H)), coding=("cmyk", 8, "jpeg"), kept=data, loss=40, text=False)
    profile = icc_swapped()
    data = with_segment(color, 0xe2, b"ICC_PROFILE\0\1\1" + profile)
    exchanged = bytearray(page[2])
    exchanged[0::3], exchanged[1::3] = page[2][1::3], page[2][0::3]
    exchanged = (W, H, bytes(exchanged))
    held("jpeg with profile", ".jpg", data, exchanged, coding=("icc", 8, "jpeg"), kept=data, loss=lossy,
         without_profile=page)

    # EXIF: what is stored at (row, column) is shown by orientation (EXIF 2.3, table 6); matrices take the unit square with the
    # page in it to where it is stored.
    stored = {1: (W, 0, 0, H, 0, 0), 2: (-W, 0, 0, H, W, 0), 3: (-W, 0, 0, -H, W, H), 4: (W, 0, 0, -H, 0, H),
              5: (0, -W, -H, 0, H, W), 6: (0, W, -H, 0, H, 0), 7: (0, W, H, 0, 0, 0), 8: (0, -W, H, 0, 0, W)}
    for orientation, matrix in stored.items():
        size = (W, H) if orientation < 5 else (H, W)
        lying = shown_pdf(tmp / "lying.pdf", page, matrix, *size)
        data = with_segment(without_segments(jpeg(lying, dpi=UNSTRETCHED), {0xe0}), 0xe1, exif(orientation))
        held(f"jpeg orientation {orientation}", ".jpg", data, page, coding=("rgb", 8, "jpeg"), kept=data, loss=lossy)
        run("pdftoppm", "-r", UNSTRETCHED, "-tiff", "-singlefile", lying, tmp / "lying")
        for tag, value in ((274, orientation), (282, DPI), (283, DPI)):
            run("tiffset", "-s", tag, value, tmp / "lying.tif")
        holds(f"tiff orientation {orientation}", tmp / "lying.tif", page, text=False)

    # PNG
    def rgb16(data):
        wide = bytearray(2 * len(data))
        wide[0::2] = wide[1::2] = data
        return bytes(wide)

    def of_png(name, kind, bits, data, looks, coding, kept=True, extra=b"", **more):
        path = png(tmp / (name.replace(" ", "_") + ".png"), W, H, kind, bits, data, extra)
        holds(name, path, looks, coding=coding, kept=png_data(path) if kept else None, **more)

    of_png("png", 2, 8, rows(page[2], 3 * W), page, ("rgb", 8, "image"))
    icc_chunk = lambda icc: chunk_of(b"iCCP", b"a profile\0\0" + zlib.compress(icc))
    of_png("png with profile", 2, 8, rows(page[2], 3 * W), exchanged, ("icc", 8, "image"), extra=icc_chunk(profile), without_profile=page)
    of_png("png 16 bits", 2, 16, rows(rgb16(page[2]), 6 * W), page, ("rgb", 16, "image"))
    of_png("png gray", 0, 8, rows(gray_of(gray), W), gray, ("gray", 8, "image"))
    levels = bytes(v >> 4 for v in gray_of(gray))
    packed = bytes(a << 4 | b for a, b in zip(levels[0::2], levels[1::2]))
    of_png("png gray 4 bits", 0, 4, rows(packed, W // 2), gray, ("gray", 4, "image"), loss=8)
    ink = bytes(1 if v < 128 else 0 for v in gray_of(gray))
    black = (W, H, bytes(0 if v else 255 for v in ink for _ in range(3)))
    bits = bytearray(W * H // 8)
    for i in range(8):
        bits = bytearray(a | b << (7 - i) for a, b in zip(bits, ink[i::8]))
    bits = bytes(bits)
    white = bits.translate(bytes(range(255, -1, -1)))
    of_png("png 1 bit", 0, 1, rows(white, W // 8), black, ("gray", 1, "image"))
    # A palette of the 6 x 6 x 6 colours that have levels of 51 steps each.
    cube = bytes(51 * v for i in range(216) for v in (i // 36, i // 6 % 6, i % 6))
    step = bytes(round(v / 51) for v in range(256))
    red, green, blue = (page[2][i::3].translate(step) for i in range(3))
    indices = bytes(36 * r + 6 * g + b for r, g, b in zip(red, green, blue))
    of_png("png palette", 3, 8, rows(indices, W), page, ("index", 8, "image"), extra=chunk_of(b"PLTE", cube), loss=26)
    of_png("png palette with profile", 3, 8, rows(indices, W), exchanged, ("index", 8, "image"),
           extra=icc_chunk(profile) + chunk_of(b"PLTE", cube), loss=26, without_profile=page)
    # One of another number of colours cannot be kept, and is not lost in silence.
    other = png(tmp / "other.png", W, H, 0, 8, rows(gray_of(gray), W), icc_chunk(profile))
    said = searchable(other, tmp / "out.pdf")
    check("png with a profile of other colours", "colour profile is left out" in said, said)
    bomb = png(tmp / "bomb.png", W, H, 0, 8, rows(gray_of(gray), W), icc_chunk(bytes(100_000_000)))
    check("png with a bomb of a profile", "warning" not in searchable(bomb, tmp / "out.pdf"))
    of_png("png 1 bit palette", 3, 1, rows(bits, W // 8), black, ("index", 1, "image"), extra=chunk_of(b"PLTE", b"\xff" * 3 + bytes(3)))
    # On white where it is transparent: the page as its own ink.
    clear = b"".join(bytes((0, 0, 0, 255 - v)) for v in gray_of(gray))
    of_png("png alpha", 6, 8, rows(clear, 4 * W), gray, ("gray", 8, "image"), kept=False)
    clear = b"".join(bytes((0, 255 - v)) for v in gray_of(gray))
    of_png("png gray alpha", 4, 8, rows(clear, 2 * W), gray, ("gray", 8, "image"), kept=False)
    of_png("png transparent colour", 3, 8, rows(indices, W), page, None, kept=False,
           extra=chunk_of(b"PLTE", cube) + chunk_of(b"tRNS", b"\xff" * 215 + b"\0"), loss=26)

    # TIFF
    tiff = tmp / "plain.tif"
    run("pdftoppm", "-r", DPI, "-tiff", "-singlefile", made, tiff.with_suffix(""))

    def of_tiff(name, source, looks, coding, *options, **more):
        path = tmp / (name.replace(" ", "_").replace(",", "") + ".tif")
        run("tiffcp", *options, source, path)
        # Those of one strip are kept.
        as_is = options[1] in ("g4", "jpeg:r:90") and options[-1] == H
        holds(name, path, looks, coding=coding, kept=only_strip(path)[20:] if as_is else None, **more)
        return path

    of_tiff("tiff", tiff, page, ("rgb", 8, "image"), "-c", "none")
    of_tiff("tiff lzw", tiff, page, ("rgb", 8, "image"), "-c", "lzw:2")
    of_tiff("tiff deflate", tiff, page, ("rgb", 8, "image"), "-c", "zip", "-r", "16")
    run("tiffcp", "-c", "zip", "-r", "16", tiff, tmp / "colored.tif")
    with_profile(tmp / "colored.tif", profile)
    holds("tiff with profile", tmp / "colored.tif", exchanged, coding=("icc", 8, "image"), without_profile=page)
    of_tiff("tiff tiles", tiff, page, ("rgb", 8, "image"), "-c", "lzw", "-t", "-w", "256", "-l", "256")
    of_tiff("tiff planes", tiff, page, ("rgb", 8, "image"), "-p", "separate")
    of_tiff("tiff big endian", tiff, page, ("rgb", 8, "image"), "-B", "-c", "none")
    of_tiff("tiff jpeg", tiff, page, ("rgb", 8, "jpeg"), "-c", "jpeg:90", "-r", H, loss=lossy)
    of_tiff("tiff jpeg rgb", tiff, page, ("rgb", 8, "jpeg"), "-c", "jpeg:r:90", "-r", H, loss=lossy)
    of_tiff("tiff jpeg strips", tiff, page, None, "-c", "jpeg:90", "-r", "64", loss=lossy)
    of_tiff("tiff jpeg tiles", tiff, page, None, "-c", "jpeg:90", "-t", "-w", "256", "-l", "256", loss=lossy)
    for photometric in (0, 1):
        fax = bilevel_tiff(tmp / "fax.tif", bits, photometric)
        kind = ", black is " + "10"[photometric]
        for order in ("msb2lsb", "lsb2msb"):
            for strips in (H, 64):
                for coding in ("g4", "g3:1d", "g3:2d", "g3:2d:fill"):
                    if strips == 64 and coding != "g4" and order == "lsb2msb":
                        continue
                    name = f"tiff {coding} {order} {'strips' if strips < H else 'one strip'}{kind}"
                    of_tiff(name, fax, black, ("gray", 1, "ccitt"), "-c", coding, "-f", order, "-r", strips,
                            text=coding == "g4" and photometric == 0)
        of_tiff("tiff bilevel lzw" + kind, fax, black, ("gray", 1, "ccitt"), "-c", "lzw", text=False)
        of_tiff("tiff g4 tiles" + kind, fax, black, ("gray", 1, "ccitt"), "-c", "g4", "-t", "-w", "256", "-l", "256", text=False)
    run("tiffcp", "-c", "g4", "-r", H, tmp / "fax.tif", tmp / "one.tif")
    run("tiffcp", "-c", "jpeg:90", "-r", H, tiff, tmp / "two.tif")
    run("tiffcp", tmp / "one.tif", tmp / "two.tif", tiff, tmp / "pages.tif")
    for number, (looks, coding) in enumerate([(black, ("gray", 1, "ccitt")), (page, ("rgb", 8, "jpeg")), (page, ("rgb", 8, "image"))], 1):
        holds(f"tiff page {number} of 3", tmp / "pages.tif", looks, coding=coding, page=number, loss=lossy)

    # The rest
    # WebP of the picture that one of the BMP files holds without loss.
    media = ROOT / "tests/golden/media"
    small = bmp_pixels(media / "bmp_rgb24.bmp")
    near_small = min(distance(small, wrong) for wrong in wrong_ones(small))
    for name, coding, loss in (("webp_lossless", ("rgb", 8, "image"), 0), ("webp_lossy", ("rgb", 8, "jpeg"), near_small / 2)):
        holds(name, media / (name + ".webp"), small, coding=coding, loss=loss, text=False, size=small[:2], dpi=72, args=("--dpi", 72))
    lossless = (media / "webp_lossless.webp").read_bytes()
    riff = lambda name, body: name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    canvas = b"\x20\0\0\0" + b"".join(struct.pack("<I", v - 1)[:3] for v in small[:2])
    inside = lossless[12:]
    if inside.startswith(b"VP8X"):
        inside = inside[18:]
    (tmp / "profile.webp").write_bytes(riff(b"RIFF", b"WEBP" + riff(b"VP8X", canvas) + riff(b"ICCP", profile) + inside))
    swapped = bytearray(small[2])
    swapped[0::3], swapped[1::3] = small[2][1::3], small[2][0::3]
    holds("webp with profile", tmp / "profile.webp", (*small[:2], bytes(swapped)), coding=("icc", 8, "image"), loss=2, text=False,
          size=small[:2], dpi=72, args=("--dpi", 72), without_profile=small)
    holds("gif", gif(tmp / "page.gif", W, H, cube, indices), page, coding=("index", 8, "image"), loss=26, args=("--dpi", DPI))
    holds("bmp", bmp(tmp / "page.bmp", page), page, coding=("rgb", 8, "image"))
finally:
    shutil.rmtree(tmp)
sys.exit(status())
