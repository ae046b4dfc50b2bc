"""Compares PP-DocLayoutV3 in glm-ocr with transformers on a random model of the published (or a small) size, stage by stage.

    python tools/parity/layout.py --binary build/release/src/cli/glm-ocr [--small] [--model DIR] [--kernels NAME]

Both start the decoder from the truth's queries and reference boxes; which ones glm-ocr chooses itself is compared apart: a query may differ
only where the truth's scores lie closer together than two bounds, a reference box only where some mask pixel is closer to zero than the bound.
Exit status 1 when a stage is out of bounds.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from layout_reference import PUBLISHED, SMALL, make_model, measured, order_pairs

REPO = Path(__file__).resolve().parents[2]


def trace(binary: Path, model: Path, kernels: str, choices: Path | None) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "trace.safetensors"
        command = [binary, "trace", "--layout-model", model, "--image", model / "page.png", "--out", out, "--kernels", kernels]
        if choices is not None:
            command += ["--layout-choices", choices]
        subprocess.run(command, check=True)
        stages = load_file(out)
    stages["order_logits"] = order_pairs(stages["order_logits"])
    return stages


def compare_choices(free: dict, truth: dict, bounds: dict) -> list[str]:
    """What of glm-ocr's own choices no tie explains."""
    wrong = []
    score = truth["enc_score_head"].max(-1)
    for place, (ours, theirs) in enumerate(zip(free["queries"], truth["queries"])):
        if ours != theirs and abs(score[ours] - score[theirs]) > 2 * bounds["enc_score_head"]["max"]:
            wrong.append(f"query {place} is token {ours} instead of {theirs}")
    same = free["queries"] == truth["queries"]
    moved = np.abs(free["reference_points"] - truth["reference_points"]).max(-1) > bounds["reference_points"]["max"] + 1e-6
    print(f"own choices: {int((~same).sum())} of {len(same)} queries differ, {int((moved & same).sum())} reference boxes of equal ones")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=REPO / "build/release/src/cli/glm-ocr")
    parser.add_argument("--model", type=Path, help="a checkpoint with page.png instead of a random one")
    parser.add_argument("--small", action="store_true", help="the small sizes of the committed golden")
    parser.add_argument("--kernels", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    model = args.model
    if model is None:
        model = REPO / "build/parity" / ("layout_small" if args.small else "layout")
        make_model(model, SMALL if args.small else PUBLISHED, args.seed)
    truth, bounds = measured(model, draws=2 if args.small else 1)
    choices = model / "choices.safetensors"
    save_file(dict(queries=truth["queries"].astype(np.int64), reference_points=np.ascontiguousarray(truth["reference_points"], np.float32)), choices)
    ours = trace(args.binary, model, args.kernels, choices)
    wrong = compare_choices(trace(args.binary, model, args.kernels, None), truth, bounds)
    print("| stage | largest error / bound | max error | its bound | rms error / bound | largest value |\n|---|---|---|---|---|---|")
    for name, bound in bounds.items():
        error = np.abs(ours[name].astype(np.float64) - truth[name])
        worst, rms = float(error.max()), float(np.sqrt((error * error).mean()))
        if not (worst <= bound["max"] and rms <= bound["rms"]):
            wrong.append(f"{name} is out of bounds")
        ratio = [a / b if b > 0 else float(a > 0) for a, b in ((worst, bound["max"]), (rms, bound["rms"]))]
        print(f"| {name} | {ratio[0]:.3f} | {worst:.2e} | {bound['max']:.2e} | {ratio[1]:.3f} | {np.abs(truth[name]).max():.3g} |")
    for line in wrong:
        print("WRONG:", line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
