"""Words drawn at known places, and how well the boxes that a program gives for them fit their ink.

Pages are a PDF's, rendered by poppler, then turned, scaled and cropped as a scanner would (poppler again, which draws
the picture through a matrix). The truth of a word is the ink of its connected components on the picture that the
program gets: a component belongs to the word in whose place on the straight page its middle lies. Standard library,
pdftoppm and pdftotext only.

Where there is no truth of words (a PDF that the program wrote), word_ious says how well words fit the ink under them.

    page = Page.of_pdf("samples/letter.pdf")            # drawn at 200 dpi, with its words
    turned = page.turned(1.2)                           # also .scaled(0.6), .cropped(x0, y0, x1, y1)
    turned.write("turned.pgm")
    score = measure(hocr_pages("turned.hocr")[0].words, turned.word_ink())
    ious = word_ious(Picture.of_pdf("out.pdf"), pdf_words("out.pdf", scale=200 / 72))
"""
import bisect
import dataclasses
import html
import json
import math
import pathlib
import re
import statistics
import subprocess
import tempfile
import xml.etree.ElementTree
import zlib

INK = 150  # darker pixels of a rendering are ink


@dataclasses.dataclass
class Word:
    text: str
    box: tuple  # x0, y0, x1, y1 in pixels


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, timeout=300, **kwargs).stdout


def pdf_words(pdf, page=1, scale=1.0):
    """What `pdftotext -bbox` says, in points times `scale`; boxes are as high as the font."""
    text = run("pdftotext", "-bbox", "-f", page, "-l", page, pdf, "-").decode("utf8", "replace")
    return [Word(html.unescape(m[5]), tuple(float(m[i]) * scale for i in range(1, 5)))
            for m in re.finditer(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', text)]


class Picture:
    """Gray levels, a byte a pixel."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    @staticmethod
    def of_pdf(pdf, page=1, dpi=200):
        return Picture.of_pnm(run("pdftoppm", "-gray", "-r", dpi, "-f", page, "-l", page, "-singlefile", pdf))

    @staticmethod
    def of_pnm(data):
        """A binary PGM or PPM; of colours the green."""
        header = re.match(rb"P([56])\s+(\d+)\s+(\d+)\s+255\s", data)
        pixels = data[header.end():]
        return Picture(int(header[2]), int(header[3]), pixels[1::3] if header[1] == b"6" else pixels)

    def pgm(self):
        return b"P5\n%d %d\n255\n" % (self.width, self.height) + self.pixels

    def drawn(self, matrix, width, height):
        """Through (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f, on white paper of this size."""
        a, b, c, d, e, f = matrix
        w, h = self.width, self.height
        # A PDF's picture fills the unit square, y upwards; a point of its page is a pixel here.
        cm = (a * w, -d * w, -b * h, e * h, b * h + c, height - e * h - f)
        contents = ("q %s cm /I Do Q" % " ".join(f"{x:.6f}" for x in cm)).encode()
        image = zlib.compress(self.pixels, 1)
        objects = [
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>" % (width, height),
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8"
            b"/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (w, h, len(image), image),
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(contents), contents)]
        out, offsets = b"%PDF-1.4\n", []
        for i, body in enumerate(objects):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, body)
        table = b"".join(b"%010d 00000 n \n" % at for at in offsets)
        out += b"xref\n0 6\n0000000000 65535 f \n%strailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (table, len(out))
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            file.write(out)
            file.flush()
            return Picture.of_pdf(file.name, dpi=72)

    def components(self):
        """Boxes of the connected ink (8 neighbours)."""
        dark = bytes(1 if level < INK else 0 for level in range(256))
        ink = self.pixels.translate(dark)
        parent, boxes, above = [], [], []

        def root(i):
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        for y in range(self.height):
            row = ink[y * self.width:(y + 1) * self.width]
            here, at = [], 0
            for m in re.finditer(rb"\x01+", row):
                x0, x1 = m.span()
                while at < len(above) and above[at][1] < x0:
                    at += 1
                label = None
                for ax0, ax1, other in above[at:]:
                    if ax0 > x1:
                        break
                    other = root(other)
                    if label is None:
                        label = other
                    elif other != label:
                        parent[other] = label
                        a, b = boxes[label], boxes[other]
                        boxes[label] = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
                if label is None:
                    label = len(parent)
                    parent.append(label)
                    boxes.append([x0, y, x1, y + 1])
                else:
                    b = boxes[label]
                    boxes[label] = [min(b[0], x0), b[1], max(b[2], x1), y + 1]
                here.append((x0, x1, label))
            above = here
        return [tuple(boxes[i]) for i in range(len(parent)) if parent[i] == i]


def compose(outer, inner):
    a, b, c, d, e, f = outer
    g, h, i, j, k, l = inner
    return (a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f)


def apply(m, x, y):
    return m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]


def inverse(m):
    a, b, c, d, e, f = m
    det = a * e - b * d
    return (e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det)


class Page:
    """A straight drawing, its words there, and the picture made of it through a matrix."""

    def __init__(self, drawing, words, matrix, width, height):
        self.drawing, self.words, self.matrix, self.width, self.height = drawing, words, matrix, width, height
        self.picture_ = None

    @staticmethod
    def of_pdf(pdf, page=1, dpi=200):
        drawing = Picture.of_pdf(pdf, page, dpi)
        return Page(drawing, pdf_words(pdf, page, dpi / 72), (1, 0, 0, 0, 1, 0), drawing.width, drawing.height)

    def turned(self, degrees):
        """Clockwise; by quarters the whole page, else about its middle on a sheet of the same size."""
        r = math.radians(degrees)
        c, s = math.cos(r), math.sin(r)
        w, h = (self.height, self.width) if degrees % 180 == 90 else (self.width, self.height)
        x, y = self.width / 2, self.height / 2
        turn = (c, -s, w / 2 - c * x + s * y, s, c, h / 2 - s * x - c * y)
        return Page(self.drawing, self.words, compose(turn, self.matrix), w, h)

    def scaled(self, factor):
        return Page(self.drawing, self.words, compose((factor, 0, 0, 0, factor, 0), self.matrix),
                    round(self.width * factor), round(self.height * factor))

    def cropped(self, x0, y0, x1, y1):
        return Page(self.drawing, self.words, compose((1, 0, -x0, 0, 1, -y0), self.matrix), x1 - x0, y1 - y0)

    @property
    def picture(self):
        if self.picture_ is None:
            same = self.matrix == (1, 0, 0, 0, 1, 0)
            self.picture_ = self.drawing if same else self.drawing.drawn(self.matrix, self.width, self.height)
        return self.picture_

    def write(self, path):
        pathlib.Path(path).write_bytes(self.picture.pgm())

    def word_ink(self, components=None):
        """The words with the boxes of their ink; those without any are left out. `components`: of another rendering of
        the page, in pixels of `picture`."""
        back = inverse(self.matrix)
        rows = sorted(range(len(self.words)), key=lambda i: self.words[i].box[1])
        tops = [self.words[i].box[1] for i in rows]
        tallest = max((w.box[3] - w.box[1] for w in self.words), default=0)
        ink = {}
        for box in components if components is not None else self.picture.components():
            x, y = apply(back, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            for at in range(bisect.bisect_right(tops, y) - 1, -1, -1):
                if tops[at] < y - tallest:
                    break
                word = self.words[rows[at]].box
                if not (word[0] <= x < word[2] and y < word[3]):
                    continue
                # Rules and pictures are no letters.
                scale = math.hypot(self.matrix[0], self.matrix[3])
                if max(box[2] - box[0], box[3] - box[1]) > 1.2 * scale * max(word[3] - word[1], word[2] - word[0]):
                    continue
                old = ink.get(rows[at], box)
                ink[rows[at]] = (min(old[0], box[0]), min(old[1], box[1]), max(old[2], box[2]), max(old[3], box[3]))
                break
        return [Word(self.words[i].text, ink[i]) for i in sorted(ink)]

    def word_type(self):
        """The words with boxes as high as their type, for formats whose boxes are of fonts: what `pdftotext -bbox` says
        of the straight page, turned."""
        out = []
        for word in self.words:
            x0, y0, x1, y1 = word.box
            points = [apply(self.matrix, x, y) for x in (x0, x1) for y in (y0, y1)]
            xs, ys = [p[0] for p in points], [p[1] for p in points]
            out.append(Word(word.text, (min(xs), min(ys), max(xs), max(ys))))
        return out


def iou(a, b):
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda box: max(0, box[2] - box[0]) * max(0, box[3] - box[1])
    return shared / (area(a) + area(b) - shared) if shared > 0 else 0.0


def word_ious(picture, words):
    """Of every word, its box against its own ink: the components whose middle lies in the box; 0 of one without. Its top
    and bottom are those of the ink beside it in the same line too: a box says how high the letters of the line reach,
    whether the word has ascenders or not. Components as large as pictures and rules are left out, and specks."""
    bits = [c for c in picture.components()
            if c[3] - c[1] < picture.height / 12 and c[2] - c[0] < picture.width / 3 and max(c[2] - c[0], c[3] - c[1]) > 1]
    bands = {}
    for c in bits:  # by the 64 rows that their middle lies in
        bands.setdefault((c[1] + c[3]) // 128, []).append(c)

    def inside(left, top, right, bottom):
        for band in range(int(top) // 64 - 1, int(bottom) // 64 + 2):
            for c in bands.get(band, ()):
                if left <= (c[0] + c[2]) / 2 <= right and top <= (c[1] + c[3]) / 2 <= bottom:
                    yield c

    out = []
    for word in words:
        left, top, right, bottom = word.box
        own = list(inside(left, top, right, bottom))
        if not own:
            out.append(0)
            continue
        beside = 3 * (bottom - top)
        line = list(inside(left - beside, top, right + beside, bottom))
        out.append(iou(word.box, (min(c[0] for c in own), min(c[1] for c in line),
                                  max(c[2] for c in own), max(c[3] for c in line))))
    return out


def quantile(values, share):
    values = sorted(values)
    return values[int(share * (len(values) - 1))]


@dataclasses.dataclass
class Score:
    read: float    # share of the true words that were found by their text
    median: float  # intersection over union of those
    low: float     # its 5th percentile
    worst: list    # (iou, true word, found box), the worst first

    def __str__(self):
        return f"{self.read:6.1%} of the words read, IoU median {self.median:.3f}, 5th percentile {self.low:.3f}"


def measure(found, truth):
    """Each true word against the nearest found one of the same text, one to one. Where it lies does not choose it from
    other texts, so a misplaced word counts."""
    by_text = {}
    for i, word in enumerate(found):
        by_text.setdefault(word.text, []).append(i)
    pairs = []
    for t, word in enumerate(truth):
        for i in by_text.get(word.text, []):
            a, b = word.box, found[i].box
            pairs.append((math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]), t, i))
    used_t, used_i, scores = set(), set(), []
    for _, t, i in sorted(pairs):
        if t in used_t or i in used_i:
            continue
        used_t.add(t)
        used_i.add(i)
        scores.append((iou(truth[t].box, found[i].box), truth[t], found[i].box))
    scores.sort(key=lambda s: s[0])
    values = [s[0] for s in scores]
    if not values:
        return Score(0, 0, 0, [])
    return Score(len(values) / len(truth), statistics.median(values), values[int(0.05 * len(values))], scores[:10])


@dataclasses.dataclass
class Read:
    """A page as a format tells of it."""
    width: int
    height: int
    words: list
    boxes: list  # of everything: regions, lines, words


def hocr_pages(path):
    pages = []
    for node in xml.etree.ElementTree.parse(path).iter():
        box = re.search(r"(?<![\w\"])bbox (-?\d+) (-?\d+) (-?\d+) (-?\d+)", re.sub(r'"(\\.|[^"\\])*"', "", node.get("title", "")))
        if box is None:
            continue
        box = tuple(int(b) for b in box.groups())
        if node.get("class") == "ocr_page":
            pages.append(Read(box[2], box[3], [], []))
        elif node.get("class") == "ocrx_word":
            pages[-1].words.append(Word("".join(node.itertext()), box))
        pages[-1].boxes.append(box)
    return pages


def alto_pages(path):
    pages = []
    for node in xml.etree.ElementTree.parse(path).iter():
        tag = node.tag.rpartition("}")[2]
        if tag == "Page":
            pages.append(Read(int(node.get("WIDTH")), int(node.get("HEIGHT")), [], []))
        elif node.get("HPOS") is not None and node.get("HEIGHT") is not None:
            x, y, w, h = (int(node.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
            pages[-1].boxes.append((x, y, x + w, y + h))
            if tag == "String":
                pages[-1].words.append(Word(node.get("CONTENT"), (x, y, x + w, y + h)))
    return pages


def json_pages(path):
    pages = []
    for page in json.loads(pathlib.Path(path).read_text())["pages"]:
        read = Read(page["width"], page["height"], [], [])
        pages.append(read)
        for region in page["regions"]:
            read.boxes.append(tuple(region["box"]))
            for outline in [region["polygon"]] + [cell.get("polygon", []) for cell in region.get("cells", [])]:
                read.boxes.extend((x, y, x, y) for x, y in outline)
            read.boxes.extend(tuple(cell["box"]) for cell in region.get("cells", []))
            for line in region.get("lines", []):
                read.boxes.append(tuple(line["box"]))
                for word in line.get("words", []):
                    read.words.append(Word(word["text"], tuple(word["box"])))
        read.boxes.extend(word.box for word in read.words)
    return pages
