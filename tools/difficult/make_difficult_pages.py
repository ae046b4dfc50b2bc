#!/usr/bin/env python3
"""Draws pages that give readers of documents trouble, with what they say: OUT/KIND-NUMBER.png (or .jpg) and .json.

make_difficult_pages.py OUT [--kinds turned,frame,...] [--count 20] [--seed 1] [--fonts DIR]
Needs Pillow and numpy. The truth is {"kind": ..., "lines": [...]}: lines in reading order, each of which must be read; of code also
"indents", the spaces in front of its lines.
score_difficult_pages.py reads them with the program.
"""
import argparse
import json
import math
import pathlib
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SENTENCES = """The harbour office was opened in the spring after the old quay had been repaired.
Fishing boats returned with the first warm days and the market filled with traders.
Nobody remembered a winter that had lasted so long in these parts of the country.
Later in the year the council agreed to build a second pier beside the first one.
The plans were drawn by an engineer from the capital, who stayed for three months.
Two of the ships were lost before they reached the harbour, with all their timber.
It lists every delivery and names the ship that carried it to the northern shore.
Der Hafenmeister schreibt jeden Abend die Namen der Boote in sein grosses Buch.
Im Herbst wurden die Waren mit dem Wagen in die Stadt gebracht und dort verkauft.
Die neue Strasse verbindet den Markt mit dem Bahnhof und der alten Kirche.
Les bateaux de peche rentrent au port avant la nuit et vendent leur poisson.
Le conseil de la ville a choisi une place pour le nouveau marche couvert.
Please send the amount within thirty days to the account that is named below.
Members meet on the first Tuesday of every month in the room above the library.""".split("\n")


class Maker:
    def __init__(self, seed, fonts):
        self.r = random.Random(seed)
        self.folder = fonts
        self.n = np.random.default_rng(seed)
        names = ("DejaVuSans.ttf DejaVuSerif.ttf LiberationSans-Regular.ttf LiberationSerif-Regular.ttf Lato-Regular.ttf "
                 "NotoSans-Regular.ttf NotoSerif-Regular.ttf OpenSans-Regular.ttf Carlito-Regular.ttf Caladea-Regular.ttf "
                 "FreeSans.ttf FreeSerif.ttf GenBasR.ttf LinLibertine_R.otf Ubuntu-R.ttf Roboto-Regular.ttf").split()
        found = {p.name: p for p in pathlib.Path(fonts).rglob("*.[to]tf")}
        self.fonts = [found[n] for n in names if n in found] or sorted(found.values())[:8]
        if not self.fonts:
            raise SystemExit(f"no fonts in {fonts}; name a folder with --fonts")

    def font(self, px):
        return ImageFont.truetype(str(self.r.choice(self.fonts)), px)

    def wrapped(self, draw, text, font, width):
        lines, line = [], ""
        for word in text.split():
            more = (line + " " + word).strip()
            if draw.textlength(more, font=font) > width and line:
                lines.append(line)
                line = word
            else:
                line = more
        return lines + [line]

    def page(self, columns=1, paragraphs=5, width=None, upper=False, digits=False, ground=255, ink=0, size=None):
        """A page of prose: picture and lines."""
        r = self.r
        dpi = r.choice([120, 150, 200]) if width is None else width / 8.27
        w, h = int(8.27 * dpi), int(11.69 * dpi)
        px = size or int(dpi / 72 * r.choice([10, 11, 12]))
        font = self.font(px)
        image = Image.new("RGB", (w, h), (ground,) * 3 if isinstance(ground, int) else ground)
        draw = ImageDraw.Draw(image)
        margin, gap = int(0.09 * w), int(0.05 * w)
        column = (w - 2 * margin - (columns - 1) * gap) // columns
        lines = []
        for c in range(columns):
            x, y = margin + c * (column + gap), int(0.08 * h)
            for _ in range(paragraphs):
                text = " ".join(r.sample(SENTENCES, 3))
                if digits:
                    text = " ".join(f"{r.randint(0, 99999)}.{r.randint(10, 99)}" for _ in range(16))
                if upper:
                    text = text.upper()
                for line in self.wrapped(draw, text, font, column):
                    draw.text((x, y), line, font=font, fill=(ink,) * 3 if isinstance(ink, int) else ink)
                    lines.append(line)
                    y += int(1.3 * px)
                y += int(0.7 * px)
        return image, lines

    # Kinds. Each returns picture, lines and, of JPEG, the file's ending.
    def turned(self, i):
        r = self.r
        kind = i % 5
        image, lines = [lambda: self.page(), lambda: self.page(columns=2, paragraphs=4),
                        lambda: self.page(paragraphs=1), lambda: self.page(paragraphs=2, upper=True),
                        lambda: self.page(paragraphs=2, digits=True)][kind]()
        if i % 4 == 3:
            image = image.rotate(r.uniform(-18, 18), expand=True, fillcolor=(255, 255, 255), resample=Image.BICUBIC)
        return image.transpose([Image.ROTATE_90, Image.ROTATE_180, Image.ROTATE_270][i % 3]), lines

    def upright(self, i):
        return self.page(columns=1 + i % 2, paragraphs=1 + i % 4, upper=i % 7 == 5, digits=i % 7 == 6)

    def skewed(self, i):
        image, lines = self.page(columns=1 + i % 2, paragraphs=4)
        return image.rotate((-1) ** i * (2 + 18 * (i % 10) / 9), expand=True, fillcolor=(255, 255, 255),
                            resample=Image.BICUBIC), lines

    def grain(self, image, sigma):
        a = np.asarray(image).astype(float) + self.n.normal(0, sigma, np.asarray(image).shape[:2])[..., None]
        return Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))

    def frame(self, i):
        """A scanner's lid: dark or gray, one to four sides, straight or not."""
        r = self.r
        image, lines = self.page(paragraphs=4, ground=r.choice([255, 240, 225]))
        gray = r.choice([0, 10, 40, 80, 120, 150])
        if i % 2:
            image = image.rotate(r.uniform(-3, 3), expand=True, fillcolor=(gray,) * 3, resample=Image.BICUBIC)
        sides = [r.random() < 0.7 for _ in range(4)] if i % 3 else [True] * 4
        w, h = image.size
        add = [int(r.uniform(0.01, 0.06) * w) if s else 0 for s in sides]
        out = Image.new("RGB", (w + add[0] + add[2], h + add[1] + add[3]), (gray,) * 3)
        out.paste(image, (add[0], add[1]))
        return self.grain(out, r.uniform(0, 6)), lines, "jpg"

    def photo(self, i):
        """A sheet on a desk: perspective, shading, at times a shadow."""
        r = self.r
        image, lines = self.page(paragraphs=4, width=r.choice([1500, 1800, 2200]))
        w, h = image.size
        W, H = int(w * 1.35), int(h * 1.3)
        def at(x, y):
            return x * W + r.uniform(-0.05, 0.05) * W, y * H + r.uniform(-0.05, 0.05) * H
        corners = [at(0.14, 0.12), at(0.86, 0.12), at(0.88, 0.88), at(0.12, 0.88)]
        rows = []
        for (x, y), (u, v) in zip(corners, [(0, 0), (w, 0), (w, h), (0, h)]):
            rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
            rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        target = np.array([c for p in [(0, 0), (w, 0), (w, h), (0, h)] for c in p], float)
        m = np.linalg.solve(np.array(rows), target)
        sheet = image.convert("RGBA").transform((W, H), Image.PERSPECTIVE, tuple(m), Image.BICUBIC)
        colour = r.choice([(70, 45, 30), (40, 60, 45), (90, 85, 80), (30, 30, 34), (120, 90, 60)])
        desk = np.ones((H, W, 3)) * colour
        yy, xx = np.mgrid[0:H, 0:W]
        if i % 2:  # wood
            desk *= (1 + 0.12 * np.sin(yy / 9 + 3 * np.sin(xx / 160)))[..., None]
        out = Image.fromarray(np.clip(desk, 0, 255).astype(np.uint8)).convert("RGBA")
        out.alpha_composite(sheet)
        angle, depth = r.uniform(0, 6.28), r.uniform(0.1, 0.4)
        light = 1 - depth * ((xx / W - 0.5) * math.cos(angle) + (yy / H - 0.5) * math.sin(angle) + 0.5)
        if i % 3 == 0:  # a shadow with a soft edge
            edge = (xx - W * r.uniform(0.3, 0.7)) * math.cos(angle + 1) + (yy - H * r.uniform(0.3, 0.7)) * math.sin(angle + 1)
            light = light * (1 - 0.35 / (1 + np.exp(-edge / (0.02 * W))))
        a = np.asarray(out.convert("RGB")).astype(float) * light[..., None]
        return self.grain(Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)), 3), lines, "jpg"

    def dark(self, i):
        """Low range: dark, pale, or coloured writing on a ground of like lightness."""
        r = self.r
        if i % 3 == 2:
            ground, ink = r.choice([((200, 0, 0), (0, 0, 200)), ((0, 130, 0), (220, 0, 60)), ((0, 60, 220), (190, 20, 20))])
            return self.page(paragraphs=3, ground=ground, ink=ink)
        image, lines = self.page(paragraphs=3)
        low, high = [(5, 60), (20, 100), (160, 215)][r.randint(0, 2)]
        a = low + np.asarray(image).astype(float) * (high - low) / 255
        return self.grain(Image.fromarray(a.astype(np.uint8)), r.choice([0, 1])), lines

    def transparent(self, i):
        image, lines = self.page(paragraphs=2)
        level = self.r.choice([255, 250, 235])
        out = Image.new("RGBA", image.size, (level,) * 3 + (0,))
        ink = Image.eval(image.convert("L"), lambda v: 255 - v)
        colour = (level,) * 3 if i % 2 else self.r.choice([(0, 0, 0), (20, 40, 120), (120, 0, 0)])
        out.paste(Image.new("RGBA", image.size, colour + (255,)), mask=ink)
        out.putalpha(ink)
        return out, lines

    def uneven(self, i):
        """A lamp, a gutter, a fold's shadow, bleed-through of the back, a stamp or a watermark."""
        r = self.r
        image, lines = self.page(paragraphs=5)
        w, h = image.size
        a = np.asarray(image).astype(float)
        yy, xx = np.mgrid[0:h, 0:w]
        if i % 4 == 0:
            d = np.hypot(xx / w - r.random(), yy / h - r.random())
            a *= (0.95 - 0.45 * np.clip(d, 0, 1))[..., None]
        elif i % 4 == 1:
            a *= (1 - 0.6 * np.exp(-xx / (0.05 * w)))[..., None]
        elif i % 4 == 2:
            back, _ = self.page(width=w, paragraphs=6)
            b = np.asarray(back.transpose(Image.FLIP_LEFT_RIGHT).resize((w, h)).filter(ImageFilter.GaussianBlur(1.5))).astype(float)
            a = np.minimum(a, 255 - 0.18 * (255 - b))
        else:
            mark = Image.new("L", (w, h), 0)
            d = ImageDraw.Draw(mark)
            f = self.font(int(w / 7))
            d.text((w // 8, h // 3), r.choice(["DRAFT", "COPY", "SAMPLE"]), font=f, fill=255)
            m = np.asarray(mark.rotate(r.uniform(20, 50))).astype(float)[..., None] / 255
            a = a * (1 - 0.16 * m)
        return self.grain(Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)), 2), lines

    def nothing(self, i):
        """No text at all: blank, noise, gradients, blobs, a line of pixels."""
        r = self.r
        w, h = r.choice([(1200, 1600), (800, 600), (1, 10000), (10000, 1), (1654, 2339)])
        kind = i % 5
        if kind == 0:
            a = np.full((h, w, 3), r.choice([255, 240, 0, 128]), float)
        elif kind == 1:
            a = self.n.uniform(0, 255, (h, w, 1)) * np.ones(3)
        elif kind == 2:
            yy, xx = np.mgrid[0:h, 0:w]
            a = (np.sin(xx / 97) * np.cos(yy / 131) * 110 + 128)[..., None] * np.array([1, 0.8, 0.6])
        elif kind == 3:
            small = Image.fromarray(self.n.integers(0, 255, (24, 18, 3), np.uint8))
            a = np.asarray(small.resize((w, h), Image.BICUBIC)).astype(float)
        else:
            a = np.full((h, w, 3), 235.0) + self.n.normal(0, 8, (h, w, 1))
        return Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)), []


    def code(self, i):
        """A listing by itself or between paragraphs; every fifth page is typed prose, which is none."""
        r = self.r
        mono = [p for p in sorted(pathlib.Path(self.folder).rglob("*.[to]tf"))
                if p.name in ("DejaVuSansMono.ttf", "LiberationMono-Regular.ttf", "FreeMono.ttf", "NotoSansMono-Regular.ttf",
                              "Hack-Regular.ttf", "Inconsolata.otf", "cmuntt.ttf", "B612Mono-Regular.ttf", "Go-Mono.ttf")]
        dpi = r.choice([120, 150, 200])
        px = int(dpi / 72 * r.choice([9, 10, 11, 12]))
        font = ImageFont.truetype(str(mono[i % len(mono)]), px)
        image = Image.new("RGB", (int(8.27 * dpi), int(7 * dpi)), (255,) * 3)
        draw = ImageDraw.Draw(image)
        x, y, lines, indents = int(0.09 * image.width), int(0.08 * image.height), [], []
        if i % 5 == 4:
            for paragraph in range(3):
                text = "    " * (paragraph % 2) + "~" + " ".join(r.sample(SENTENCES, 3))
                for line in self.wrapped(draw, text.replace(" ~", "_~").replace("   ", "___"), font, 0.8 * image.width):
                    line = line.replace("_", " ").replace("~", "")
                    draw.text((x, y), line, font=font, fill=(0,) * 3)
                    lines.append(line.strip())
                    y += int(1.3 * px)
                y += int(0.8 * px)
            return image, lines, "png", {"indents": []}
        prose = self.font(px)
        def paragraph(y):
            for line in self.wrapped(draw, " ".join(r.sample(SENTENCES, 2)), prose, 0.8 * image.width):
                draw.text((x, y), line, font=prose, fill=(0,) * 3)
                lines.append(line)
                y += int(1.3 * px)
            return y + int(0.8 * px)
        if i % 2:
            y = paragraph(y)
        listing = r.choice(LISTINGS).split("\n")
        left = x + r.choice([0, 0, 2 * px])
        for line in listing:
            draw.text((left, y), line, font=font, fill=(0,) * 3)
            if line:
                lines.append(line)
                indents.append(len(line) - len(line.lstrip()))
            y += int(r.choice([1.2]) * px)
        if i % 2:
            paragraph(y + int(0.8 * px))
        return image, lines, "png", {"indents": [n - min(indents) for n in indents]}

    def headline(self, i):
        """Type of three to ten times the text's size above it."""
        r = self.r
        image, lines = self.page(columns=1 + i % 2, paragraphs=3, width=1240, size=r.choice([15, 17, 20]))
        bold = [p for p in sorted(pathlib.Path(self.folder).rglob("*.[to]tf"))
                if p.name in ("DejaVuSans-Bold.ttf", "LiberationSans-Bold.ttf", "LiberationSerif-Bold.ttf", "FreeSansBold.ttf",
                              "Lato-Black.ttf", "NotoSerif-Bold.ttf", "Carlito-Bold.ttf", "LiberationSerif-Regular.ttf")]
        text = ["Sale starts now", "Harbour news", "The new pier", "Annual Report", "WINTER 1998", "Markets and boats"][i % 6]
        size = r.choice([60, 80, 100, 130, 160])
        font = ImageFont.truetype(str(bold[i % len(bold)]), size)
        while ImageDraw.Draw(image).textlength(text, font=font) > 0.85 * image.width:
            font = font.font_variant(size=int(0.9 * font.size))
        out = Image.new("RGB", (image.width, image.height + 2 * font.size), (255,) * 3)
        out.paste(image, (0, 2 * font.size))
        ImageDraw.Draw(out).text((0.07 * image.width, 0.7 * font.size), text, font=font, fill=(0,) * 3)
        return out, [text] * 3 + lines  # so that a headline that is lost shows

    def margin(self, i):
        """A line up or down the left or right margin."""
        r = self.r
        image, lines = self.page(paragraphs=r.choice([2, 4, 6]), width=r.choice([1000, 1240, 1654]))
        text = ["Printed by the harbour press", "Nautical Survey 1998, Volume 12", "Not to be sold before January",
                "Form 27-B, revised edition", "Photograph by A. Lindqvist"][i % 5]
        px = int(image.width / 8.27 / 72 * r.choice([8, 9, 10, 12]))
        font = self.font(px)
        strip = Image.new("RGB", (int(ImageDraw.Draw(image).textlength(text, font=font)) + 4, int(1.4 * px)), (255,) * 3)
        ImageDraw.Draw(strip).text((2, 0), text, font=font, fill=(0,) * 3)
        strip = strip.transpose(Image.ROTATE_90 if i % 3 else Image.ROTATE_270)
        x = int(0.02 * image.width) if i % 2 else int(0.98 * image.width) - strip.width
        image.paste(strip, (x, r.randint(int(0.05 * image.height), image.height - strip.height - int(0.05 * image.height))))
        return image, lines + [text] * 3


LISTINGS = ["""def add(a, b):
    if a > b:
        return a
    return b""", """#include <stdio.h>

int main(void) {
    for (int i = 0; i < 10; i++) {
        printf("%d\\n", i);
    }
    return 0;
}""", """server {
    listen 8080;
    location / {
        root /var/www/html;
        index index.html;
    }
}""", """class Harbour:
    def __init__(self, name):
        self.name = name
        self.boats = []

    def enter(self, boat):
        self.boats.append(boat)
        return len(self.boats)""", """SELECT name, tons
  FROM boats
 WHERE harbour = 'Bath'
   AND tons > 100
 ORDER BY name;""", """if [ -f config.yml ]; then
    cp config.yml backup/
    echo "saved"
else
    echo "no configuration" >&2
    exit 1
fi"""]
KINDS = "upright turned skewed frame photo dark transparent uneven nothing code headline margin".split()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--kinds", default=",".join(KINDS))
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--fonts", default="/usr/share/fonts")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for kind in args.kinds.split(","):
        maker = Maker(1000 * args.seed + KINDS.index(kind), args.fonts)
        for i in range(args.count):
            image, lines, *rest = getattr(maker, kind)(i)
            ending, more = (rest + ["png", {}][len(rest):])
            name = args.out / f"{kind}-{i:02}"
            image.save(f"{name}.{ending}", **({"quality": 88} if ending == "jpg" else {}))
            pathlib.Path(f"{name}.json").write_text(json.dumps({"kind": kind, "lines": lines, **more}, ensure_ascii=False))


if __name__ == "__main__":
    main()
