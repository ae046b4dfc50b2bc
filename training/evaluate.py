"""Character error rate of a checkpoint on the committed line sets: `python evaluate.py MODEL_DIR [SET_DIR]`.

The sets (tests/golden/lines, made by tools/goldens/make_line_sets.py) are what the C++ engine is measured on too, so the
three numbers printed here are what it has to reach. Reads with training/model.py: fp32, greedy.
"""
import argparse
import json
import pathlib
import sys

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools/goldens"))
from make_line_sets import load_reference, read_all  # noqa: E402
from train import edit_distance  # noqa: E402


def main(model_dir, set_dir):
    reference = load_reference(pathlib.Path(model_dir))
    for path in sorted(pathlib.Path(set_dir).glob("*.json")):
        doc = json.loads(path.read_text(encoding="utf8"))
        sheet, px = np.asarray(Image.open(path.with_suffix(".png"))), doc["line_px"]
        lines = [(sheet[i * px:(i + 1) * px, :e["width_px"]], e["text"]) for i, e in enumerate(doc["lines"])]
        read = read_all(reference, lines)
        edits = sum(edit_distance(r, t) for r, (_, t) in zip(read, lines))
        exact = sum(r == t for r, (_, t) in zip(read, lines))
        print(f"{path.stem:20s} {len(lines)} lines  CER {edits / sum(len(t) for _, t in lines):.4f}  exact {exact / len(lines):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model_dir")
    parser.add_argument("set_dir", nargs="?", default=ROOT / "tests/golden/lines")
    args = parser.parse_args()
    main(args.model_dir, args.set_dir)
