#!/usr/bin/env python3
"""glm-ocr against transformers on the same shapes in one run: GLM-OCR's published sizes, random weights.

    compare.py [--glm-ocr build/release/src/cli/glm-ocr] [--dtypes float32,bfloat16] [--threads N] [--repeats 3] [-o FILE.json] [--tiny]

Runs glm-ocr, transformers in each dtype, and glm-ocr again, so that a machine that changes its speed meanwhile shows; the better of glm-ocr's two
runs counts. Needs torch and transformers in the Python that runs this, and a machine that does nothing else.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def run_ours(program, threads, repeats, model):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "bench.json"
        subprocess.run([program, "bench", "--random", model, "--threads", str(threads), "--repeats", str(repeats), "--skip", "products,drafts",
                        "-o", str(out)], check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())


def run_transformers(dtype, threads, repeats, tiny):
    command = [sys.executable, str(HERE / "transformers_bench.py"), "--dtype", dtype, "--threads", str(threads), "--repeats", str(repeats)]
    lines = subprocess.run(command + ["--tiny"] * tiny, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {row["stage"]: row for row in map(json.loads, lines)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glm-ocr", default=str(ROOT / "build/release/src/cli/glm-ocr"))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="small models of different sizes, to try the script; the ratios mean nothing")
    parser.add_argument("-o", "--out")
    args = parser.parse_args()
    dtypes = args.dtypes.split(",")
    model = "glm-ocr-tiny" if args.tiny else "glm-ocr-0.9b"

    first = run_ours(args.glm_ocr, args.threads, args.repeats, model)
    peers = {dtype: run_transformers(dtype, args.threads, args.repeats, args.tiny) for dtype in dtypes}
    second = run_ours(args.glm_ocr, args.threads, args.repeats, model)

    print(f"{first['processor']}, {args.threads} threads; glm-ocr: kernels {first['kernels']}, {first['compute']}")
    print(f"{'stage':<18} {'glm-ocr':>10} {'(other run)':>12}" + "".join(f" {'tf ' + d:>12} {'ratio':>8}" for d in dtypes))
    rows = []
    for a, b in zip(first["stages"], second["stages"]):
        best, other = sorted((a["best_s"], b["best_s"]))
        row = {"stage": a["name"], "glm_ocr_s": best, "glm_ocr_other_run_s": other}
        line = f"{a['name']:<18} {best:>9.3f}s {other:>11.3f}s"
        for dtype in dtypes:
            seconds = peers[dtype][a["name"]]["best_s"]
            row[dtype] = {"seconds": seconds, "ratio": seconds / best}
            line += f" {seconds:>11.3f}s {seconds / best:>7.2f}x"
        rows.append(row)
        print(line)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps({"rows": rows, "first": first, "second": second}, indent=2) + "\n")


main()
