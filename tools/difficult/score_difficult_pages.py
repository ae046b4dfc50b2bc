#!/usr/bin/env python3
"""Reads make_difficult_pages.py's pages with the program and says how many are read: score_difficult_pages.py PROGRAM FOLDER [--all]

A page holds when 85 % of its words are read (of its kind: the bundled model misreads letters, so words are compared loosely), or, of pages
without text, when nothing is read at high confidence or a warning says so. Code must be fenced, and set in as it is.
"""
import collections
import difflib
import json
import pathlib
import re
import subprocess
import sys


def words(text):
    return re.findall(r"\w+", text.lower())


def recall(truth, read):
    """The share of the truth's characters in words that were read, one letter in five misread allowed."""
    have = collections.Counter(read)
    total = found = 0
    missed = []
    for w in truth:
        total += len(w)
        if have[w] > 0:
            have[w] -= 1
            found += len(w)
        else:
            missed.append(w)
    rest = [w for w, n in have.items() for _ in range(n)]
    for w in missed:
        near = difflib.get_close_matches(w, rest, 1, 0.7)
        if near:
            rest.remove(near[0])
            found += len(w)
    return found / max(1, total)


def indents(markdown):
    """Spaces in front of the lines of fenced code, all blocks together; empty lines are left out."""
    blocks = re.findall(r"^```\n(.*?)\n```$", markdown, re.S | re.M)
    return [len(line) - len(line.lstrip()) for block in blocks for line in block.split("\n") if line.strip()]


def main():
    program, folder = sys.argv[1:3]
    held, n = collections.Counter(), collections.Counter()
    for truth in sorted(pathlib.Path(folder).glob("*.json")):
        page = next(p for p in (truth.with_suffix(".png"), truth.with_suffix(".jpg")) if p.exists())
        data = json.loads(truth.read_text())
        try:
            run = subprocess.run([program, "parse", "-q", str(page), "--to", "md"], capture_output=True, timeout=120)
        except subprocess.TimeoutExpired:
            print(f"{page.name}: no answer in time")
            n[data["kind"]] += 1
            continue
        read = words(re.sub(r"</?(?:table|thead|tbody|tr|td|th|img|div|br)[^>]*>", " ", run.stdout.decode("utf8", "replace")))
        warned = b"warning" in run.stderr or run.returncode != 0
        if data["lines"]:
            share = recall(words(" ".join(data["lines"])), read)
            ok = share >= 0.85
            said = f"{share:.2f}{' warned' if warned else ''}"
            if "indents" in data:
                got = indents(run.stdout.decode("utf8", "replace"))
                ok = ok and got == data["indents"]
                said += "" if got == data["indents"] else f", indents {got} for {data['indents']}"
        else:
            ok = warned or not read
            said = f"{len(read)} words{' warned' if warned else ''}"
        n[data["kind"]] += 1
        held[data["kind"]] += ok
        if not ok or "--all" in sys.argv:
            print(f"{'ok  ' if ok else 'FAIL'} {page.name}: {said}", flush=True)
    for kind in n:
        print(f"{kind:12} {held[kind]:3} of {n[kind]:3} hold")


if __name__ == "__main__":
    main()
