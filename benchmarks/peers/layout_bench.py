"""PP-DocLayoutV3 in glm-ocr and in transformers (torch, fp32) on one page, in turn in one run, so that other programs slow both alike.

    python benchmarks/peers/layout_bench.py --binary build/release/benchmarks/layout_bench [--model DIR] [--threads 2] [--pages 7]

DIR holds a checkpoint and page.png; `python tools/parity/layout.py` leaves one of the published size in build/parity/layout. Both must agree
in the mean of the logits before anything is timed. Prints medians and the ratio as JSON.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import torch
from PIL import Image
from transformers import PPDocLayoutV3ForObjectDetection, PPDocLayoutV3ImageProcessor

REPO = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=REPO / "build/release/benchmarks/layout_bench")
    parser.add_argument("--model", type=Path, default=REPO / "build/parity/layout")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pages", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = PPDocLayoutV3ForObjectDetection.from_pretrained(args.model, dtype=torch.float32).eval()
    pixels = PPDocLayoutV3ImageProcessor.from_pretrained(args.model)(
        images=[Image.open(args.model / "page.png").convert("RGB")], return_tensors="pt")["pixel_values"]
    ours = subprocess.Popen([args.binary, args.model, args.model / "page.png", f"--threads={args.threads}", "--driven"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run_ours() -> dict:
        ours.stdin.write("\n")
        ours.stdin.flush()
        return json.loads(ours.stdout.readline())

    @torch.inference_mode()
    def run_torch() -> tuple[float, float, float]:
        start, cpu = time.perf_counter(), time.process_time()
        logits = model(pixels).logits
        return (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3, float(logits.double().mean())

    mean = run_torch()[2]
    assert abs(run_ours()["logits_mean"] - mean) < 1e-3 * max(1, abs(mean)), "the two disagree"
    torch_ms, torch_cpu_ms, runs = [], [], []
    for _ in range(args.pages):
        wall, cpu, _ = run_torch()
        torch_ms.append(wall)
        torch_cpu_ms.append(cpu)
        runs.append(run_ours())
    ours.stdin.close()
    ours.wait()
    median = {key: round(statistics.median(r[key] for r in runs), 1) for key in runs[0] if key not in ("kernels", "logits_mean")}
    print(json.dumps(dict(threads=args.threads, pages=args.pages, kernels=runs[0]["kernels"], torch=torch.__version__,
                          torch_ms=round(statistics.median(torch_ms), 1), glmocr_ms=median["forward_ms"],
                          ratio=round(median["forward_ms"] / statistics.median(torch_ms), 3),
                          processor_time=dict(torch_ms=round(statistics.median(torch_cpu_ms), 1), glmocr_ms=median["cpu_ms"],
                                              ratio=round(median["cpu_ms"] / statistics.median(torch_cpu_ms), 3)),
                          fastest=dict(torch_ms=round(min(torch_ms), 1), glmocr_ms=min(r["forward_ms"] for r in runs)), parts=median), indent=1))


if __name__ == "__main__":
    main()
