"""Renders the sample pages: `python tools/goldens/make_pages.py` writes samples/*.png and samples/*.txt.

page     a one-column letter, 200 dpi, clean: what `make demo` reads
article  a two-column article with headings, 200 dpi, clean
scan     the opening of the Apache-2.0 licence (this repository's LICENSE), 150 dpi, tilted, speckled, unevenly lit

The texts lie in tools/goldens/text/ (written for this project) and in LICENSE. NAME.txt is the ground truth: one text
line for each printed line, in reading order, with an empty line between blocks. No word is ever split, so a comparison
that folds white space sees the same words. The fonts are Debian's fonts-texgyre and fonts-dejavu (see
scripts/install_training_deps.sh); the output is byte-identical for one version of Pillow, FreeType and the fonts.
"""
import argparse
import pathlib
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = pathlib.Path(__file__).resolve().parent / "text"
FONT_DIRS = [pathlib.Path("/usr/share/fonts"), pathlib.Path("/usr/share/texmf/fonts")]
A4_IN = (8.27, 11.69)


def font(name, size_px):
    """The installed font file called `name`, at `size_px` pixels to the em."""
    for d in FONT_DIRS:
        for f in d.rglob(name):
            return ImageFont.truetype(str(f), size_px)
    raise SystemExit(f"font {name} is not installed; run scripts/install_training_deps.sh")


class Page:
    """A white sheet on which blocks are set from top to bottom of a column; remembers what it printed."""

    def __init__(self, dpi):
        self.dpi = dpi
        self.img = Image.new("L", tuple(round(v * dpi) for v in A4_IN), 255)
        self.draw = ImageDraw.Draw(self.img)
        self.blocks = []  # lists of printed lines

    def px(self, inches):
        return round(inches * self.dpi)

    def pt(self, points):
        return round(points * self.dpi / 72)

    def wrap(self, text, fnt, width):
        lines, line = [], ""
        for word in text.split():
            wider = f"{line} {word}" if line else word
            if line and self.draw.textlength(wider, font=fnt) > width:
                lines.append(line)
                line = word
            else:
                line = wider
        return lines + [line]

    def block(self, lines, fnt, x, y, leading, justify_to=None):
        """Prints `lines` with their ascent at y; returns the y below them. justify_to: width to fill but for the last."""
        for i, line in enumerate(lines):
            words = line.split()
            if justify_to and i + 1 < len(lines) and len(words) > 1:
                gap = (justify_to - sum(self.draw.textlength(w, font=fnt) for w in words)) / (len(words) - 1)
                at = x
                for w in words:
                    self.draw.text((round(at), y), w, font=fnt, fill=10)
                    at += self.draw.textlength(w, font=fnt) + gap
            else:
                self.draw.text((x, y), line, font=fnt, fill=10)
            y += leading
        self.blocks.append(list(lines))
        return y

    def save(self, out, name, img=None):
        (img or self.img).save(out / f"{name}.png", optimize=True)
        truth = "\n\n".join("\n".join(b) for b in self.blocks) + "\n"
        (out / f"{name}.txt").write_text(truth, encoding="utf8")


def paragraphs(path):
    """Blocks of a text file, split at empty lines; a block keeps its own line breaks."""
    return [p.strip("\n") for p in re.split(r"\n\s*\n", path.read_text(encoding="utf8"))]


def letter(out):
    p = Page(200)
    body, head = font("texgyretermes-regular.otf", p.pt(12)), font("texgyretermes-bold.otf", p.pt(18))
    x, width, y, lead = p.px(1.0), p.px(6.25), p.px(0.9), p.pt(15.5)
    for text in paragraphs(TEXT / "letter.txt"):
        if text.startswith("# "):
            y = p.block([text[2:]], head, x, y, p.pt(24)) + p.pt(2)
        elif "\n" in text:  # an address, a list, a signature: lines as they stand
            y = p.block(text.split("\n"), body, x, y, lead) + p.pt(9)
        else:
            y = p.block(p.wrap(text, body, width), body, x, y, lead) + p.pt(9)
    assert y < p.img.size[1], y
    p.save(out, "page")


def article(out):
    p = Page(200)
    title, sub = font("texgyrepagella-bold.otf", p.pt(22)), font("texgyrepagella-italic.otf", p.pt(12))
    body, head = font("texgyrepagella-regular.otf", p.pt(11)), font("texgyrepagella-bold.otf", p.pt(13))
    texts = paragraphs(TEXT / "article.txt")
    left, width, gutter = p.px(0.8), p.px(3.15), p.px(0.37)
    y = p.block([texts[0][2:]], title, left, p.px(0.8), p.pt(28))
    top = p.block([texts[1]], sub, left, y, p.pt(18)) + p.pt(14)
    p.draw.line([(left, top - p.pt(10)), (left + 2 * width + gutter, top - p.pt(10))], fill=60, width=2)
    x, y, bottom, lead = left, top, p.px(8.9), p.pt(14.5)
    for i, text in enumerate(texts[2:]):
        is_head = text.startswith("## ")
        lines = [text[3:]] if is_head else p.wrap(text, body, width)
        # A heading stays with its first lines; a paragraph is never torn, so a block is one column's.
        need = lead * (len(lines) + (6 if is_head else 0))
        if y + need > bottom and x == left:
            x, y = left + width + gutter, top
        elif is_head and y > top:
            y += p.pt(5)
        y = p.block(lines, head if is_head else body, x, y, p.pt(17) if is_head else lead,
                    None if is_head else width) + (0 if is_head else p.pt(6))
        assert y < p.img.size[1] - p.px(0.4), (i, y)
    p.save(out, "article")


def scan(out):
    p = Page(150)
    body, head = font("DejaVuSerif.ttf", p.pt(11)), font("DejaVuSerif-Bold.ttf", p.pt(14))
    x, width, y, lead = p.px(0.95), p.px(6.35), p.px(0.9), p.pt(15.5)
    texts = paragraphs(ROOT / "LICENSE")
    y = p.block([" ".join(texts[0].split("\n")[0].split())], head, x, y, p.pt(22))
    y = p.block([" ".join(" ".join(texts[0].split("\n")[1:2]).split())], body, x, y, p.pt(22))
    for text in texts[1:]:
        lines = p.wrap(" ".join(text.split()), body, width)
        if y + lead * len(lines) > p.px(10.9):
            break
        y = p.block(lines, body, x, y, lead) + p.pt(7)
    # The sins of a cheap scanner, in the order in which light meets them: tilt, optics, lamp, sensor, dust.
    rng = np.random.default_rng(20240318)
    img = p.img.rotate(0.9, Image.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.55))
    a = np.asarray(img, np.float32)
    h, w = a.shape
    lamp = 1.0 - 0.07 * np.linspace(0, 1, w)[None, :] - 0.05 * (np.linspace(-1, 1, h)[:, None] ** 2)
    a = (20 + a * (228 / 255)) * lamp + rng.normal(0, 3.0, a.shape)
    for _ in range(120):
        cy, cx, r = rng.integers(2, h - 2), rng.integers(2, w - 2), rng.integers(1, 3)
        a[cy:cy + r, cx:cx + r] -= rng.uniform(40, 120)
    # 32 grey levels: a third of the file's size, no difference to the eye or to a reader.
    a = np.clip(np.round(a / 8) * 8, 0, 255).astype(np.uint8)
    p.save(out, "scan", Image.fromarray(a))


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=pathlib.Path, default=ROOT / "samples")
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    letter(args.out)
    article(args.out)
    scan(args.out)
