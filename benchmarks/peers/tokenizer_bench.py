#!/usr/bin/env python3
"""Encoding speed of tokenizer_bench (this project) against the PyPI package `tokenizers`, on the same 10 MB and one core.

    python3 benchmarks/peers/tokenizer_bench.py BUILD/tokenizer_bench [--text-dir /usr/share] [--megabytes 10]

Verifies first: the ids of the whole text must be equal. Both are timed as the best of five, alternating in one run, because
other work on the machine disturbs absolute numbers more than ratios. The peer is asked through encode_batch_fast, which skips
the character offsets that this project does not compute either.
"""
import argparse
import array
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "goldens"))
from make_tokenizer_goldens import OUT, STARTER, system_text  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def trained_json():
    raw = zlib.decompress(open(os.path.join(OUT, "trained_20k.golden"), "rb").read())
    size = shift = at = 0
    while True:
        size |= (raw[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if raw[at - 1] < 128:
            return raw[at:at + size].decode()


def timed(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--text-dir", nargs="*", default=["/usr/share"])
    parser.add_argument("--megabytes", type=float, default=10)
    args = parser.parse_args()
    text = system_text(args.text_dir, 200000).encode()[:int(args.megabytes * 1e6)].decode(errors="ignore")
    lines = text.splitlines(keepends=True) if "\r" not in text else [x + "\n" for x in text.split("\n")]
    with tempfile.TemporaryDirectory() as tmp:
        text_file, ids_file = os.path.join(tmp, "text"), os.path.join(tmp, "ids")
        with open(text_file, "w", encoding="utf8", newline="") as f:
            f.write(text)
        for name, config in (("starter", open(STARTER, encoding="utf8").read()), ("trained_20k", trained_json())):
            json_file = os.path.join(tmp, "tokenizer.json")
            with open(json_file, "w", encoding="utf8") as f:
                f.write(config)
            load = min(timed(lambda: Tokenizer.from_file(json_file)) for _ in range(3))
            peer = Tokenizer.from_file(json_file)
            rounds = []
            for _ in range(3):
                ours = json.loads(subprocess.run([args.bench, json_file, text_file, ids_file], check=True, capture_output=True).stdout)
                whole = min(timed(lambda: peer.encode_batch_fast([text])) for _ in range(2))
                by_line = min(timed(lambda: [peer.encode_batch_fast([x]) for x in lines]) for _ in range(2))
                batch = min(timed(lambda: peer.encode_batch_fast(lines)) for _ in range(2))
                rounds.append((ours, whole, by_line, batch))
            ids = array.array("i", open(ids_file, "rb").read())
            expected = array.array("i", peer.encode(text, add_special_tokens=False).ids)
            if ids != expected:
                raise SystemExit("%s: the ids differ, speeds mean nothing" % name)
            mb = len(text.encode()) / 1e6
            best = {k: min(r[0][k] for r in rounds) for k in ("whole_s", "lines_s", "load_s")}
            whole, by_line, batch = (min(r[i] for r in rounds) for i in (1, 2, 3))
            print("%-12s %.1f MB, %d ids, equal" % (name, mb, len(ids)))
            for what, ours, theirs in (("whole text", best["whole_s"], whole), ("line by line", best["lines_s"], by_line),
                                       ("lines, peer in one batch", best["lines_s"], batch)):
                print("  %-25s ours %7.1f MB/s   tokenizers %6.1f MB/s   ratio %5.2f" % (what, mb / ours, mb / theirs, theirs / ours))
            print("  %-25s ours %7.1f ms     tokenizers %6.1f ms     ratio %5.2f" % ("load", best["load_s"] * 1e3, load * 1e3, load / best["load_s"]))


if __name__ == "__main__":
    main()
