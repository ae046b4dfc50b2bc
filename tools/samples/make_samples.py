#!/usr/bin/env python3
"""Makes the documents of samples/ with their ground truth: `python make_samples.py [OUT]`, default samples/.

    --pictures DIR   writes every page there as a PNG as well, to be looked at

The same versions of the packages and fonts give the same bytes. README.md beside this file says what is needed.
"""
import argparse
import io
import pathlib

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

import documents
import sheet
import truth

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKEW_DEGREES = 1.5  # clockwise
SCAN_DPI = 200


def pictures(pdf_bytes, dpi):
    pdf = pypdfium2.PdfDocument(pdf_bytes)
    return [page.render(scale=dpi / 72).to_pil() for page in pdf]


def scanned(page):
    """A page as a cheap scanner gives it: turned, a little soft, unevenly lit, noisy, with dust and the lid's shadow at one edge."""
    rng = np.random.default_rng(20240514)
    page = page.convert("L").rotate(-SKEW_DEGREES, Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.7))
    ink = np.asarray(page, np.float32) / 255
    h, w = ink.shape
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    u, v = u / w, v / h
    light = 0.93 - 0.16 * u * v - 0.06 * (1 - u) ** 2 - 0.22 * np.exp(-u * 45)
    grain = rng.normal(0, 0.018, (h, w)).astype(np.float32)
    out = light * (0.16 + 0.84 * ink) + grain
    for _ in range(60):
        y, x, r = rng.integers(4, h - 4), rng.integers(4, w - 4), rng.integers(0, 2)
        out[y - r:y + r + 1, x - r:x + r + 1] -= rng.uniform(0.1, 0.35)
    return Image.fromarray((np.clip(out, 0, 1) * 255).astype(np.uint8))


def picture_pdf(picture, title):
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen import canvas
    jpeg, out = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", quality=45)
    c = canvas.Canvas(out, pagesize=(sheet.WIDTH, sheet.HEIGHT), invariant=1, pageCompression=1)
    c.setTitle(title)
    c.drawImage(ImageReader(jpeg), 0, 0, sheet.WIDTH, sheet.HEIGHT)  # a JPEG goes in as it is
    c.save()
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", nargs="?", type=pathlib.Path, default=ROOT / "samples")
    parser.add_argument("--pictures", type=pathlib.Path)
    args = parser.parse_args()
    sheet.load_fonts()
    for name in ("letter", "invoice", "paper", "report", "form", "skewed"):
        made = documents.notice() if name == "skewed" else getattr(documents, name)()
        pdf = made.finish()
        if name == "skewed":
            pdf = picture_pdf(scanned(pictures(pdf, SCAN_DPI)[0]), "Scanned notice")
        (args.out / f"{name}.pdf").write_bytes(pdf)
        truth.write(args.out, name, f"{name}.pdf", made.pages, SKEW_DEGREES if name == "skewed" else 0)
        print(f"{name}.pdf: {len(made.pages)} pages, {len(pdf)} bytes")
        if args.pictures:
            args.pictures.mkdir(parents=True, exist_ok=True)
            for i, page in enumerate(pictures(pdf, 100), 1):
                page.save(args.pictures / f"{name}-{i}.png")


if __name__ == "__main__":
    main()
