"""Compares glm-ocr with transformers on every configuration, stage by stage; this is `make parity`.

    python tools/parity/run.py --binary build/release/src/cli/glm-ocr [--only CASE ...] [--full] [--all-layers]
    python tools/parity/run.py --binary ... --model DIR [--image FILE ...] [--prompt TEXT]     any checkpoint, say the published one

For each case: makes the model, runs transformers in float64 (the truth), fp32 and bf16, runs `glm-ocr trace` with the
reference kernels, with the kernels chosen for this machine, and in bf16, and prints each stage's error, its share of the
tensor's root mean square, and the bound (compare.py). The last table holds, for every stage, the case that came nearest to its
bound; --report writes it as Markdown. --full adds the full-size model (2.7 GB file; docs/parity.md has its memory and time).
Exit status 1 when anything is out of bounds. Files go to --work, default build/parity.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from safetensors.numpy import load_file

from compare import Row, bounds, compare, group_of, table
from configs import CASES
from make_model import REPO, make_model
from reference import CHAIN_RUNS, PRECISIONS, request_of, trace

# (label, arguments of glm-ocr trace, precision of the bounds)
RUNS = (("f32, reference kernels", ["--compute", "f32", "--kernels", "reference"], "f32"),
        ("f32, best kernels", ["--compute", "f32", "--kernels", "auto"], "f32"),
        ("f32, drafts recycled before the norm", ["--compute", "f32", "--recycle", "unnormed"], "f32"),
        ("bf16, best kernels", ["--compute", "bf16", "--kernels", "auto"], "bf16"))
REFERENCE_KERNELS_MAX_TOKENS = 200  # scalar code: small prompts only


class Report:
    """For every kind of run and every stage, the row that came nearest to its bound, and the case it is of."""

    def __init__(self):
        self.worst: dict[str, dict[str, tuple[Row, str]]] = {}
        self.comparisons = self.failures = 0

    def add(self, label: str, case: str, rows: list[Row]) -> None:
        stages = self.worst.setdefault(label, {})
        for row in rows:
            group = group_of(row.stage)
            if group not in stages or row.ratio > stages[group][0].ratio:
                stages[group] = row, case
        self.comparisons += len(rows)
        self.failures += sum(r.ratio > 1 for r in rows)

    def markdown(self) -> str:
        lines = []
        for label, stages in self.worst.items():
            lines += [f"**{label}**", "", "| stage | largest error / bound | max error | its bound | rms error | of the case |",
                      "|---|---|---|---|---|---|"]
            for group, (row, case) in stages.items():
                if row.bound:
                    numbers = f"{row.ratio:.3f} | {row.max_error:.1e} | {row.bound:.1e} | {row.rms_error:.1e} | {case}"
                else:
                    numbers = f"{'equal' if row.ratio == 0 else 'FAIL'} | | | | {'all' if row.ratio == 0 else case}"
                lines.append(f"| {group} | {numbers} |")
            lines.append("")
        return "\n".join(lines)


def peak_gb(who: int) -> float:
    """Largest resident size so far of this process, or of any of its children."""
    return resource.getrusage(who).ru_maxrss / 2**20


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


def run_case(name: str, model: Path, request: dict, args, report: Report, large: bool) -> None:
    """Prints the tables of one model directory and request. `large`: only the runs that gigabytes of weights leave time for."""
    started = time.monotonic()
    precisions = PRECISIONS[:3] if large else PRECISIONS
    traces = trace(model, request["images"], request["prompt"], request["new_tokens"], precisions,
                   chain_runs=1 if large else CHAIN_RUNS)
    truth = traces["truth"]
    print(f"\n{name}: {len(truth['input_ids'])} tokens, images {truth['image_grid_thw'].tolist() if request['images'] else []}"
          f" (oracle {time.monotonic() - started:.1f} s)", flush=True)
    for label, flags, compute in RUNS:
        too_long = len(truth["input_ids"]) > REFERENCE_KERNELS_MAX_TOKENS or large
        if large and (compute == "bf16" or "unnormed" in flags) or "reference" in flags and too_long:
            continue
        try:
            got = run_binary(args.binary, model, request, flags, args.work / f"{name}.trace.safetensors")
        except RuntimeError as error:
            print(f"  {label}: {error}")
            report.add(label, name, [Row("glm-ocr trace", ratio=float("inf"), note=str(error))])
            continue
        wanted = {k: v for k, v in truth.items() if not ("unnormed" in flags and k == "mtp.drafts")}
        rows = compare(wanted, got, bounds(traces, compute))
        report.add(label, name, rows)
        bad = sum(r.ratio > 1 for r in rows)
        worst = max(rows, key=lambda r: r.ratio)
        print(f" {label}: worst {worst.stage} at {worst.ratio:.3f} of its bound" + (f", {bad} FAILED" if bad else ""))
        if bad or compute == "f32" and "auto" in flags or args.all_layers:
            print(table(rows, args.all_layers), flush=True)
    if large:
        print(f" peak memory: oracle {peak_gb(resource.RUSAGE_SELF):.1f} GB, glm-ocr {peak_gb(resource.RUSAGE_CHILDREN):.1f} GB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=REPO / "build/parity", help="where models and traces are written")
    parser.add_argument("--starter", type=Path, default=REPO / "models/starter")
    parser.add_argument("--only", nargs="+", choices=CASES, help="these cases instead of all")
    parser.add_argument("--full", action="store_true", help="the full-size model as well")
    parser.add_argument("--all-layers", action="store_true", help="print every layer instead of each group's worst")
    parser.add_argument("--report", type=Path, help="write the last table to this file, too")
    parser.add_argument("--model", type=Path, help="compare on this checkpoint instead of the cases")
    parser.add_argument("--image", type=Path, action="append", default=[], help="for --model")
    parser.add_argument("--prompt", default="Text Recognition:", help="for --model")
    parser.add_argument("--max-new-tokens", type=int, default=8, help="for --model")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    report, names = Report(), args.only or [n for n, c in CASES.items() if args.full or not c.full]
    if args.model:
        names = [args.model.name]
        request = dict(images=args.image, prompt=args.prompt, new_tokens=args.max_new_tokens)
        run_case(names[0], args.model, request, args, report, large=True)
    else:
        for name in names:
            case, model = CASES[name], args.work / name
            if not (case.full and (model / "model.safetensors").exists()):  # 2.7 GB are kept between runs
                make_model(case, model, args.starter)
            run_case(name, model, request_of(model), args, report, case.full)
    print("\nOf every stage, what came nearest to its bound:\n\n" + report.markdown())
    if args.report:
        args.report.write_text(report.markdown())
    print(f"{len(names)} cases, {report.comparisons} stages compared, {report.failures} out of bounds")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
