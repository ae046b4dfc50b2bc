"""Renders the lines on which the starter model's error rate is measured:
`python tools/goldens/make_line_sets.py --model models/starter` writes tests/golden/lines/SET.png and SET.json.

document_clean     fonts that documents are set in (the model has seen them), clean
held_out_clean     families never trained on, clean
held_out_degraded  the same families, blurred, tilted, noisy, low resolution

The texts are new to the model: prose written for this project (tools/goldens/text/), words, numbers, dates and codes.
SET.png is a grey sheet: line i lies at rows [28 i, 28 i + 28), columns [0, width_px). SET.json holds for each line its
width, its text and, with --model, what the PyTorch reference (training/model.py, fp32, greedy) reads, and the set's
`reference_cer` (edits / characters). An engine that is right gets nearly every `reference` exactly, ties in rounding
aside, and a character error rate within noise of `reference_cer`.

Needs training/requirements.txt and the fonts of scripts/install_training_deps.sh; other font versions give other sheets.
"""
import argparse
import json
import pathlib
import random
import re
import sys

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))
import render  # noqa: E402

TEXT = pathlib.Path(__file__).resolve().parent / "text"
MAX_CHARS = 40  # what the pipeline cuts lines to
WINDOWS = range(2, 19)  # widths in units of 28 px


class OwnCorpus(render.Corpus):
    """training/render.py's mixture of strings, with this project's prose in place of Debian's texts."""

    def __init__(self, seed):
        super().__init__(seed, held_out=True)
        prose = " ".join((TEXT / f).read_text(encoding="utf8") for f in ("lines.txt", "article.txt", "letter.txt"))
        self.text = "".join(c for c in re.sub(r"[\s#]+", " ", prose) if c in render.CHARSET)


def fonts_of(name):
    if name.startswith("held_out"):
        return render.latin_fonts(held_out=True)
    base = lambda f: pathlib.Path(f).name
    return [f for f in render.latin_fonts() if render.DOCUMENT.search(base(f)) and not render.EMPHASIS.search(base(f))]


def make_set(name, seed, count):
    """A list of (uint8 [28, width_px], text)."""
    rng, corpus, fonts, lines = random.Random(seed), OwnCorpus(seed), fonts_of(name), []
    np.random.seed(seed)
    assert len(fonts) >= 10, f"{name}: only {len(fonts)} fonts are installed"
    while len(lines) < count:
        a, text = render.render(corpus.line(MAX_CHARS), rng.choice(fonts), rng, clean=not name.endswith("degraded"))
        if a.shape[1] // render.LINE_PX in WINDOWS and len(text) <= 4 * (a.shape[1] // render.LINE_PX):
            lines.append((np.asarray(Image.fromarray(a).convert("L")), text))
    return lines


def load_reference(model_dir):
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from model import GlmOcr
    tok = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    model = GlmOcr(tok.get_vocab_size())
    model.load_state_dict({k: v.float() for k, v in load_file(model_dir / "model.safetensors").items()})
    torch.set_grad_enabled(False)
    return model.eval(), tok


def read_all(reference, lines):
    """The reference's readings, in the order of `lines`; lines of one width go in one batch."""
    from train import read_lines
    out = [None] * len(lines)
    for width in sorted({a.shape[1] for a, _ in lines}):
        idx = [i for i, (a, _) in enumerate(lines) if a.shape[1] == width]
        images = np.stack([np.repeat(lines[i][0][:, :, None], 3, axis=2) for i in idx])
        for i, text in zip(idx, read_lines(*reference, images)):
            out[i] = text
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/lines")
    ap.add_argument("--model", type=pathlib.Path, help="the starter checkpoint; adds reference readings")
    ap.add_argument("--count", type=int, default=200)
    a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    reference = load_reference(a.model) if a.model else None
    for seed, name in enumerate(("document_clean", "held_out_clean", "held_out_degraded"), 4001):
        lines = make_set(name, seed, a.count)
        sheet = np.full((render.LINE_PX * len(lines), max(x.shape[1] for x, _ in lines)), 255, np.uint8)
        for i, (x, _) in enumerate(lines):
            sheet[render.LINE_PX * i:render.LINE_PX * (i + 1), :x.shape[1]] = x
        Image.fromarray(sheet).save(a.out / f"{name}.png", optimize=True)
        doc = {"line_px": render.LINE_PX, "lines": [{"width_px": x.shape[1], "text": t} for x, t in lines]}
        if reference:
            from train import edit_distance
            read = read_all(reference, lines)
            edits = sum(edit_distance(r, t) for r, (_, t) in zip(read, lines))
            doc["reference_cer"] = round(edits / sum(len(t) for _, t in lines), 5)
            doc["reference_exact"] = round(sum(r == t for r, (_, t) in zip(read, lines)) / len(lines), 4)
            for entry, r in zip(doc["lines"], read):
                entry["reference"] = r
            print(name, "reference CER", doc["reference_cer"], "lines exact", doc["reference_exact"])
        (a.out / f"{name}.json").write_text(json.dumps(doc, ensure_ascii=False, indent=0) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
