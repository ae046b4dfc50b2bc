"""Compares glm-ocr with transformers on every configuration, stage by stage; this is `make parity`.

    python tools/parity/run.py --binary build/release/src/cli/glm-ocr [--only CASE ...] [--full] [--all-layers]

For each case: makes the model, runs transformers in float64 (the truth), fp32 and bf16, runs `glm-ocr trace` with the
reference kernels, with the kernels chosen for this machine, and in bf16, and prints each stage's error, its share of the
tensor's root mean square, and the bound (compare.py). --full adds the full-size model (2.7 GB file, about 12 GB of memory).
Exit status 1 when anything is out of bounds. Files go to --work, default out/parity.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from safetensors.numpy import load_file

from compare import bounds, compare, table
from configs import CASES, Case
from make_model import REPO, make_model
from reference import CHAIN_RUNS, PRECISIONS, request_of, trace

# (label, arguments of glm-ocr trace, precision of the bounds)
RUNS = (("f32, reference kernels", ["--compute", "f32", "--kernels", "reference"], "f32"),
        ("f32, best kernels", ["--compute", "f32", "--kernels", "auto"], "f32"),
        ("f32, drafts recycled before the norm", ["--compute", "f32", "--recycle", "unnormed"], "f32"),
        ("bf16, best kernels", ["--compute", "bf16", "--kernels", "auto"], "bf16"))
REFERENCE_KERNELS_MAX_TOKENS = 200  # scalar code: small prompts only


def run_binary(binary: Path, model: Path, request: dict, flags: list[str], out: Path) -> dict:
    """The trace of glm-ocr on a request, or an exception with what it said."""
    command = [binary, "trace", "--model", model, "--prompt", request["prompt"], "--max-new-tokens",
               request["new_tokens"], *flags, "--out", out]
    for image in request["images"]:
        command += ["--image", image]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stderr.strip()}")
    got = load_file(out)
    if "unnormed" in flags and "mtp.drafts" in got:
        got["mtp.drafts_raw"] = got.pop("mtp.drafts")
    return got


def run_case(name: str, case: Case, args) -> tuple[int, int]:
    """Prints the tables of one case; returns (comparisons, failures)."""
    model, started = args.work / name, time.monotonic()
    if not (model / "config.json").exists() or not case.full:
        make_model(case, model, args.starter)
    request = request_of(model)
    precisions = PRECISIONS[:3] if case.full else PRECISIONS
    traces = trace(model, request["images"], request["prompt"], request["new_tokens"], precisions,
                   chain_runs=1 if case.full else CHAIN_RUNS)
    truth = traces["truth"]
    print(f"\n{name}: {len(truth['input_ids'])} tokens, images {truth['image_grid_thw'].tolist() if request['images'] else []}"
          f" (oracle {time.monotonic() - started:.1f} s)")
    failures = comparisons = 0
    for label, flags, compute in RUNS:
        too_long = len(truth["input_ids"]) > REFERENCE_KERNELS_MAX_TOKENS or case.full
        if case.full and (compute == "bf16" or "unnormed" in flags) or "reference" in flags and too_long:
            continue
        try:
            got = run_binary(args.binary, model, request, flags, args.work / f"{name}.trace.safetensors")
        except RuntimeError as error:
            print(f"  {label}: {error}")
            failures, comparisons = failures + 1, comparisons + 1
            continue
        wanted = {k: v for k, v in truth.items() if not ("unnormed" in flags and k == "mtp.drafts")}
        rows = compare(wanted, got, bounds(traces, compute))
        bad = sum(r.ratio > 1 for r in rows)
        failures, comparisons = failures + bad, comparisons + len(rows)
        worst = max(rows, key=lambda r: r.ratio)
        print(f" {label}: worst {worst.stage} at {worst.ratio:.3f} of its bound" + (f", {bad} FAILED" if bad else ""))
        if bad or compute == "f32" and "auto" in flags or args.all_layers:
            print(table(rows, args.all_layers))
    return comparisons, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=REPO / "out/parity", help="where models and traces are written")
    parser.add_argument("--starter", type=Path, default=REPO / "models/starter")
    parser.add_argument("--only", nargs="+", choices=CASES, help="these cases instead of all")
    parser.add_argument("--full", action="store_true", help="the full-size model as well")
    parser.add_argument("--all-layers", action="store_true", help="print every layer instead of each group's worst")
    args = parser.parse_args()
    names = args.only or [n for n, c in CASES.items() if args.full or not c.full]
    totals = [run_case(n, CASES[n], args) for n in names]
    comparisons, failures = (sum(t) for t in zip(*totals))
    print(f"\n{len(names)} cases, {comparisons} stages compared, {failures} out of bounds")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
