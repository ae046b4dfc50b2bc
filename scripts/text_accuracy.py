#!/usr/bin/env python3
"""`text_accuracy.py TRUTH RESULT`: how close a recognised text comes to the true one.

Markdown marks (#, *, list escapes) and the amount of white space do not count. Prints the character error rate: the edits
(insertions, deletions, substitutions) that turn the result into the truth, per character of the truth.
"""
import pathlib
import re
import sys


def plain(text):
    text = re.sub(r"(?m)^#{1,6} |\*\*|(?<=\d)\\(?=\.)", "", text)
    return re.sub(r"\s+", " ", text).strip()


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def main():
    truth, result = (plain(pathlib.Path(p).read_text(encoding="utf8")) for p in sys.argv[1:3])
    edits = edit_distance(result, truth)
    print(f"   {edits} wrong characters of {len(truth)}: character error rate {edits / max(1, len(truth)):.1%}")


if __name__ == "__main__":
    main()
