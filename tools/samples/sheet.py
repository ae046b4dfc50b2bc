"""A document that is drawn and written down at the same time: every call draws on a PDF page and records the region it drew, so
that the ground truth cannot drift from the picture. Lengths are points, y grows downwards from the page's top."""
import io
import pathlib

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

WIDTH, HEIGHT = 595.28, 841.89  # A4
SOFT_HYPHEN = "\u00ad"
FONT_DIRS = [pathlib.Path("/usr/share/fonts/truetype")]
FONTS = {  # name: file, Debian package
    "Tinos": ("Tinos-Regular.ttf", "fonts-croscore"),
    "Tinos-Bold": ("Tinos-Bold.ttf", "fonts-croscore"),
    "Arimo": ("Arimo-Regular.ttf", "fonts-croscore"),
    "Arimo-Bold": ("Arimo-Bold.ttf", "fonts-croscore"),
    "Caladea": ("Caladea-Regular.ttf", "fonts-crosextra-caladea"),
    "Caladea-Bold": ("Caladea-Bold.ttf", "fonts-crosextra-caladea"),
    "DejaVuSerif": ("DejaVuSerif.ttf", "fonts-dejavu-core"),
    "DejaVuSans-Bold": ("DejaVuSans-Bold.ttf", "fonts-dejavu-core"),
}


def load_fonts():
    for name, (file, package) in FONTS.items():
        found = [p for d in FONT_DIRS for p in sorted(d.rglob(file))]
        if not found:
            raise SystemExit(f"{file} not found: install the Debian package {package}")
        pdfmetrics.registerFont(TTFont(name, str(found[0])))


class Style:
    def __init__(self, font, size, leading=None, align="left", grey=0.0):
        self.font, self.size, self.leading, self.align, self.grey = font, size, leading or round(size * 1.25, 2), align, grey
        face = pdfmetrics.getFont(font).face
        self.ascent, self.descent = face.ascent / 1000 * size, -face.descent / 1000 * size

    def width(self, text):
        return pdfmetrics.stringWidth(text, self.font, self.size)


class Cell:
    """`text` may hold newlines: lines of their own in the cell. `rows`, `columns`: how many it spans."""

    def __init__(self, text, align=None, header=False, rows=1, columns=1):
        self.text, self.align, self.header, self.rows, self.columns = text, align, header, rows, columns


def break_lines(text, style, width):
    """Greedy lines as (text, ends a paragraph). A soft hyphen is where a word may break, and is dropped otherwise."""
    lines = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            fits = lambda t: style.width(t.replace(SOFT_HYPHEN, "")) <= width
            start = line + " " if line else ""
            if fits(start + word):
                line = start + word
                continue
            pieces, head = word.split(SOFT_HYPHEN), ""
            for i in range(len(pieces) - 1, 0, -1):
                if fits(start + "".join(pieces[:i]) + "-"):
                    head, word = "".join(pieces[:i]) + "-", SOFT_HYPHEN.join(pieces[i:])
                    break
            if head:
                lines.append((start + head, False))
            elif line:
                lines.append((line, False))
            line = word
        lines.append((line, True))
    return [(l.replace(SOFT_HYPHEN, ""), last) for l, last in lines]


class Sheet:
    def __init__(self, title):
        self._bytes = io.BytesIO()
        # invariant: no time stamp, no random identifier
        self.canvas = canvas.Canvas(self._bytes, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
        self.canvas.setTitle(title)
        self.canvas.setCreator("tools/samples/make_samples.py")
        self.pages = []
        self.new_page()

    def new_page(self):
        if self.pages:
            self.canvas.showPage()
        self.pages.append({"page": len(self.pages) + 1, "width_pt": WIDTH, "height_pt": HEIGHT, "regions": []})

    def finish(self):
        self.canvas.save()
        return self._bytes.getvalue()

    def region(self, label, box, text="", **more):
        left, top, right, bottom = box
        self.pages[-1]["regions"].append(
            {"label": label, "box_pt": [round(v, 1) for v in (left, top, right, bottom)], "text": text, **more})

    def rule(self, x0, y0, x1, y1, width=0.6, grey=0.0):
        self.canvas.setLineWidth(width)
        self.canvas.setStrokeGray(grey)
        self.canvas.line(x0, HEIGHT - y0, x1, HEIGHT - y1)

    def box(self, x, y, w, h, width=0.6, fill=None):
        self.canvas.setLineWidth(width)
        self.canvas.setStrokeGray(0)
        if fill is not None:
            self.canvas.setFillGray(fill)
        self.canvas.rect(x, HEIGHT - y - h, w, h, stroke=1 if width else 0, fill=fill is not None)

    def line(self, text, x, y, width, style, last=True):
        """One line whose top is y; returns (left, right) of its ink."""
        used = style.width(text)
        left, spread = x, 0.0
        if style.align == "right":
            left = x + width - used
        elif style.align == "center":
            left = x + (width - used) / 2
        elif style.align == "justify" and not last and " " in text:
            spread = (width - used) / text.count(" ")
        t = self.canvas.beginText(left, HEIGHT - y - style.ascent)
        t.setFont(style.font, style.size)
        t.setFillGray(style.grey)
        t.setWordSpace(spread)
        t.textOut(text)
        t.setWordSpace(0)
        self.canvas.drawText(t)
        return left, left + used + spread * text.count(" ")

    def text(self, text, x, y, width, style, label="text", record=True, **more):
        """A paragraph from y downwards; returns the y below its last line. A newline in `text` starts a line."""
        lines = break_lines(text, style, width)
        spans = [self.line(l, x, y + i * style.leading, width, style, last) for i, (l, last) in enumerate(lines)]
        bottom = y + (len(lines) - 1) * style.leading + style.ascent + style.descent
        if record:
            clean = "\n".join(" ".join(p.replace(SOFT_HYPHEN, "").split()) for p in text.split("\n"))
            self.region(label, (min(s[0] for s in spans), y, max(s[1] for s in spans), bottom), clean, **more)
        return y + len(lines) * style.leading

    def table(self, x, y, widths, rows, style, header_style, pad=4, fill=None, rules=0.6):
        """A ruled grid. `rows` holds for each row its cells from left to right, places that spanning cells cover left out."""
        placed, taken = [], set()
        for r, row in enumerate(rows):
            c = 0
            for cell in row:
                while (r, c) in taken:
                    c += 1
                taken |= {(r + i, c + j) for i in range(cell.rows) for j in range(cell.columns)}
                placed.append((r, c, cell))
        assert len(taken) == len(rows) * len(widths), "the cells do not fill the grid"
        left = [x + sum(widths[:i]) for i in range(len(widths) + 1)]
        of = lambda cell: header_style if cell.header else style
        lines = lambda c, cell: break_lines(cell.text, of(cell), left[c + cell.columns] - left[c] - 2 * pad)
        height = lambda c, cell: (len(lines(c, cell)) - 1) * of(cell).leading + of(cell).ascent + of(cell).descent + 2 * pad
        heights = [max([height(c, cell) for rr, c, cell in placed if rr == r and cell.rows == 1] or [0]) for r in range(len(rows))]
        top = [y + sum(heights[:i]) for i in range(len(rows) + 1)]
        cells = []
        for r, c, cell in placed:
            s, x0, x1, y0, y1 = of(cell), left[c], left[c + cell.columns], top[r], top[r + cell.rows]
            self.box(x0, y0, x1 - x0, y1 - y0, rules, fill if cell.header else None)
            drawn = Style(s.font, s.size, s.leading, cell.align or s.align)
            at = y0 + (y1 - y0 - (height(c, cell) - 2 * pad)) / 2
            for i, (text, last) in enumerate(lines(c, cell)):
                self.line(text, x0 + pad, at + i * s.leading, x1 - x0 - 2 * pad, drawn, last)
            cells.append({"row": r, "column": c, "row_span": cell.rows, "column_span": cell.columns, "header": cell.header,
                          "text": " ".join(cell.text.replace(SOFT_HYPHEN, "").split())})
        self.region("table", (x, y, left[-1], top[-1]), "", cells=cells)
        return top[-1]
