#!/usr/bin/env python3
"""Reads a long PDF and watches memory (resident sizes of the program and of its PDF worker while pages pass) and whether the engine starves.

    python3 benchmarks/long_document.py GLM_OCR [--pages 300] [--lines 12] [--svg FILE]

Prints a table, the band in which resident memory stays after page 20, and the share of the time since the first region came in which the engine had nothing to run,
because rendering, layout or writing kept it waiting. Exit code 1 when the band is wider than +-50 MiB, the share above 2 %, or a page missing.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
from text_pdf import text_pdf  # noqa: E402

WORDS = """water station evening garden letter window market summer paper bridge number morning county village river
people weather library measure standard office railway doctor teacher winter engine""".split()


def write_pdf(path, n_pages, n_lines):
    rng = random.Random(1)
    pages = []
    for page in range(n_pages):
        lines = [f"Page number {page + 1} of the report"]
        pages.append(lines + [" ".join(rng.choice(WORDS) for _ in range(9)) for _ in range(n_lines - 1)])
    path.write_bytes(text_pdf(pages, "Times-Roman", 18))


def resident_mib(pid):
    try:
        match = re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
        return int(match.group(1)) / 1024 if match else 0
    except OSError:
        return 0


def children(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
            int(c) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)
            for c in (task / "children").read_text().split()]
    except OSError:
        return []


def svg(samples, path):
    width, height, left, top = 640, 280, 60, 20
    t1, most = samples[-1][1] or 1, max(s[2] + s[3] for s in samples) * 1.1
    def points(value):
        return " ".join(f"{left + s[1] / t1 * (width - left - 20):.1f},{top + (1 - value(s) / most) * (height - top - 40):.1f}"
                        for s in samples)
    path.write_text(f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<polyline fill="none" stroke="#0b5" stroke-width="1.5" points="{points(lambda s: s[2])}"/>
<polyline fill="none" stroke="#05b" stroke-width="1.5" points="{points(lambda s: s[3])}"/>
<text x="{left}" y="14">resident memory, MiB: program (green), PDF worker (blue), {samples[-1][0]} pages</text>
<text x="4" y="{top + 10}">{most:.0f}</text><text x="4" y="{height - 40}">0</text>
<text x="{left}" y="{height - 10}">0 pages</text><text x="{width - 90}" y="{height - 10}">{samples[-1][0]} pages</text>
</svg>
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--lines", type=int, default=12)
    parser.add_argument("--svg", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        pdf, out = pathlib.Path(tmp, "long.pdf"), pathlib.Path(tmp, "out")
        write_pdf(pdf, args.pages, args.lines)
        # Pages are counted by the pictures that appear in the output folder, one a page.
        begun = time.monotonic()
        process = subprocess.Popen([args.program, "parse", pdf, "-o", out, "--text-layer", "off", "--to", "md,json", "--visualize", "--quiet", "--stats"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        samples = []

        def watch():
            while process.poll() is None:
                pages = len(list((out / "long/layout_vis").glob("*.jpg"))) if out.exists() else 0
                samples.append((pages, time.monotonic() - begun, resident_mib(process.pid),
                                sum(resident_mib(c) for c in children(process.pid))))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        stderr = process.communicate()[1]
        watcher.join()
        seconds = time.monotonic() - begun
        document = json.loads((out / "long/long.json").read_text())
    print(f"{args.pages} pages in {seconds:.1f} s, {args.pages / seconds:.2f} pages/s; exit code {process.returncode}\n{stderr.strip()}")
    print("pages   seconds   program MiB   worker MiB")
    step = max(1, len(samples) // 15)
    for s in samples[::step]:
        print(f"{s[0]:5} {s[1]:9.1f} {s[2]:13.0f} {s[3]:12.0f}")
    later = [s[2] for s in samples if s[0] >= 20]
    moved = (max(later) - min(later)) / 2
    pages = len(document["pages"])
    print(f"after page 20 the program's resident memory stays within {(max(later) + min(later)) / 2:.0f} +- {moved:.0f} MiB; {pages} pages in the result")
    starved, span = map(float, re.search(r"without work for ([\d.]+) of the ([\d.]+) s", stderr).groups())
    share = starved / span
    print(f"the engine had nothing to run for {share:.2%} of the {span:.1f} s since its first request")
    if args.svg:
        svg(samples, args.svg)
    return 0 if moved <= 50 and share <= 0.02 and pages == args.pages and process.returncode == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
