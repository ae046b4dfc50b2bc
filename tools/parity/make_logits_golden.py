"""Writes logits of one fixed picture and prompt, in the layout of the golden that was published for the real weights.

    python tools/parity/make_logits_golden.py MODEL_DIR --out FILE

The picture has image_size x image_size pixels, R = 255 x // (s - 1), G = 255 y // (s - 1), B = 255 (x + y) // (2 s - 2). The prompt is
"[gMASK]<sop><|user|><|begin_of_image|>", the picture's placeholders, "<|end_of_image|>" and `prompt`. logits_slice [3, k] holds the
logits of vocab_indices [k] after positions [3]; topk_last the five best ids after the last one. max_error (not in the published file)
is the bound of compare.py for a computation in fp32. tests/logits_golden_test.cc reads both kinds of file; docs/parity.md says how.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from compare import bounds
from reference import trace

PROMPT = " OCR:"
SPECIAL = dict(gmask_id="[gMASK]", sop_id="<sop>", user_id="<|user|>", begin_image_id="<|begin_of_image|>",
               image_id="<|image|>", end_image_id="<|end_of_image|>", assistant_id="<|assistant|>")


def gradients(size: int) -> Image.Image:
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    last = size - 1
    return Image.fromarray(np.stack([255 * x // last, 255 * y // last, 255 * (x + y) // (2 * last)], -1).astype(np.uint8))


def text(prompt: str, n_images: int) -> str:
    return "[gMASK]<sop><|user|>" + "<|begin_of_image|><|image|><|end_of_image|>" * n_images + prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    size = json.loads((args.model / "config.json").read_text())["vision_config"]["image_size"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        gradients(size).save(picture)
        traces = trace(args.model, [picture], PROMPT, 1, ("truth", "float32", "chain"), text=text)
    truth = traces["truth"]
    ids, logits = truth["input_ids"], truth["logits"]
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    special = {name: tokenizer.token_to_id(token) for name, token in SPECIAL.items()}
    n_image = int((ids == special["image_id"]).sum())
    positions = [4, 4 + n_image // 2, len(ids) - 1]
    some = sorted({*range(16), *special.values(), *range(17, logits.shape[1], logits.shape[1] // 16)})
    golden = dict(
        config=dict(image_size=size, vocab_size=logits.shape[1]), derived=dict(num_image_tokens=n_image, seq_len=len(ids)),
        prompt=PROMPT, token_ids=special, positions=positions, vocab_indices=some,
        logits_slice=[[float(f"{v:.9g}") for v in logits[p][some]] for p in positions],
        topk_last=np.argsort(-logits[-1])[:5].tolist(), max_error=float(f"{bounds(traces)['logits'].max:.4g}"))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
