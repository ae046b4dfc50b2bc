"""Writes tests/golden/lines: small pages with printed lines, and where the lines are.

    python tools/goldens/make_line_pages.py

Needs pillow and Debian's fonts-dejavu-core, fonts-liberation. lines.json: per page the ink boxes of its lines in reading
order, on the page before it is turned.
"""
import json, math, os, random
import numpy as np
from PIL import Image, ImageDraw, ImageFont

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "lines")
SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
SERIF = "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf"
BOLD = "/usr/share/fonts/truetype/liberation/LiberationSans-Bold.ttf"
WORDS = """the quick brown fox jumps over a lazy dog while Judges, vexed by zephyrs; pack my box with five dozen liquor jugs.
It is 1,234 or 56% of What Éva naïvely thought: öde Füße gingen "hin" und her - no more (or less) than 9 yards of fjord
summer evening report value measured between Tuesday and Friday because nobody asked again whether rain falls on us""".split()


class Page:
    def __init__(self, w, h, seed):
        self.image = Image.new("L", (w, h), 255)
        self.draw = ImageDraw.Draw(self.image)
        self.rng = random.Random(seed)
        self.lines = []

    def line(self, x, y, text, font, fill=0):
        self.draw.text((x, y), text, font=font, fill=fill)
        x0, y0, x1, y1 = self.draw.textbbox((x, y), text, font=font)
        self.lines.append(dict(box=[x0, y0, x1 - x0, y1 - y0], text=text))

    def sentence(self, font, width):
        words = []
        while True:
            words.append(self.rng.choice(WORDS))
            if font.getlength(" ".join(words)) > width:
                return " ".join(words[:-1]) or words[0][:3]

    def block(self, x, y, width, n, font, step, fill=0):
        for i in range(n):
            room = width if i < n - 1 else width * 0.5
            self.line(x, y + i * step, self.sentence(font, room), font, fill)
        return y + n * step


def font(path, size):
    return ImageFont.truetype(path, size)


def one_column():
    p = Page(900, 700, 1)
    p.line(60, 40, "A Heading of this Page", font(BOLD, 40))
    y = p.block(60, 120, 780, 8, font(SERIF, 26), 34)
    p.block(60, y + 30, 780, 7, font(SANS, 22), 32)
    return p


def two_columns():
    p = Page(1000, 760, 2)
    p.line(80, 30, "One title over both columns of the page", font(BOLD, 34))
    y = p.block(60, 110, 410, 9, font(SERIF, 22), 28)
    p.block(60, y + 20, 410, 8, font(SERIF, 22), 28)
    p.block(530, 122, 410, 18, font(SERIF, 22), 29)
    p.line(420, 715, "page 17", font(SERIF, 22))
    return p


def skewed():
    return one_column()


def inverted():
    p = one_column()
    return p


def ruled_picture():
    p = Page(900, 800, 5)
    f = font(SANS, 22)
    y = p.block(60, 40, 780, 4, f, 32)
    p.draw.line([(50, y + 10), (850, y + 10)], fill=0, width=2)
    rng = np.random.RandomState(0)
    photo = (np.clip(np.add.outer(np.arange(200), np.arange(300)) / 2 + rng.randint(-40, 40, (200, 300)) - 40, 0, 255) * 0.7).astype(np.uint8)
    photo = (photo // 32 * 32).astype(np.uint8)
    p.image.paste(Image.fromarray(photo), (300, y + 40))
    y = p.block(60, y + 270, 780, 4, f, 32)
    # A table with rules: two rows of three cells.
    top = y + 20
    for k in range(3):
        p.draw.line([(60, top + 50 * k), (840, top + 50 * k)], fill=0, width=2)
    for k in range(4):
        p.draw.line([(60 + 260 * k, top), (60 + 260 * k, top + 100)], fill=0, width=2)
    for r, row in enumerate((("Item", "Price", "Date"), ("Paper", "12.50", "2024-05-17"))):
        boxes = [p.draw.textbbox((75 + 260 * c, top + 12 + 50 * r), t, font=f) for c, t in enumerate(row)]
        for c, t in enumerate(row):
            p.draw.text((75 + 260 * c, top + 12 + 50 * r), t, font=f, fill=0)
        x0, y0, x1, y1 = min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
        p.lines.append(dict(box=[x0, y0, x1 - x0, y1 - y0], text=" ".join(row)))
    return p


def save(name, image, lines, levels=None, **extra):
    path = os.path.join(OUT, name + ".png")
    if levels:
        image = image.point(lambda v: (v * (levels - 1) + 127) // 255 * 255 // (levels - 1))
        image = image.quantize(levels)
        image.save(path, optimize=True, bits={2: 1, 4: 2, 16: 4}[levels])
    else:
        image.save(path, optimize=True)
    print(name, image.size, os.path.getsize(path), "bytes,", len(lines), "lines")
    return dict(file=name + ".png", lines=lines, **extra)


def main():
    os.makedirs(OUT, exist_ok=True)
    pages = []
    p = one_column(); pages.append(save("one_column", p.image, p.lines, 4))
    p = two_columns(); pages.append(save("two_columns", p.image, p.lines, 4))
    p = one_column()
    pages.append(save("skewed", p.image.rotate(-2, Image.BICUBIC, fillcolor=255), p.lines, 4, skew=2.0))
    p = one_column(); pages.append(save("inverted", p.image.point(lambda v: 255 - v), p.lines, 4))
    p = one_column()
    a = np.asarray(p.image).astype(np.float32)
    h, w = a.shape
    rs = np.random.RandomState(9)
    shade = np.linspace(1.0, 0.55, w)[None, :] * np.linspace(0.8, 1.0, h)[:, None]
    a = a * shade
    a[rs.rand(h, w) < 0.003] = 0
    pages.append(save("noisy", Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)), p.lines, 16))
    p = ruled_picture(); pages.append(save("ruled_picture", p.image, p.lines, 4))
    pages.append(save("empty", Image.new("L", (600, 800), 250), []))
    pages.append(save("black", Image.new("L", (600, 800), 0), []))
    pages.append(save("tiny", Image.new("L", (1, 1), 0), []))
    with open(os.path.join(OUT, "lines.json"), "w") as f:
        json.dump(pages, f, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    main()
