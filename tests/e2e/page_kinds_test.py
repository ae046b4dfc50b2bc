#!/usr/bin/env python3
"""Pages of kinds of their own through the program: program code, a headline, a line that runs up the margin.
page_kinds_test.py PROGRAM SOURCE_DIR"""
import difflib
import json
import re
import subprocess
import sys

from checks import check, status

GLM = sys.argv[1]
CODE = ["def add(a, b):", "    if a > b:", "        return a", "    return b"]
PROSE = ["The harbour office was opened in the spring after the old quay", "had been repaired and the boats came back with the warm days."]


def pdf(content, fonts):
    """One page; `fonts`: names of the standard fonts as F0, F1, ..."""
    resources = "".join(f"/F{i}<</Type/Font/Subtype/Type1/BaseFont/{name}>>" for i, name in enumerate(fonts))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
               f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<<{resources}>>>>>>",
               f"<</Length {len(content)}>>\nstream\n{content}\nendstream"]
    out, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out)
    out += "xref\n0 5\n0000000000 65535 f \n" + "".join(f"{o:010} 00000 n \n" for o in offsets)
    return (out + f"trailer<</Size 5/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").encode("latin-1")


def escaped(line):
    return re.sub(r"([()\\\\])", r"\\\1", line)


def lines(texts, x, y, font, size, leading):
    return f"BT /{font} {size} Tf {leading} TL {x} {y} Td " + " ".join(f"({escaped(t)}) Tj T*" for t in texts) + " ET\n"


def parse(document, *args):
    run = subprocess.run([GLM, "parse", "-", *args], input=document, capture_output=True)
    check("runs", run.returncode == 0, run.stderr)
    return run.stdout.decode()


def near(text, words):
    flat = re.sub(r"\s+", " ", text)
    return any(difflib.SequenceMatcher(None, flat[i:i + len(words)], words, autojunk=False).ratio() > 0.85
               for i in range(max(1, len(flat) - len(words) + 1)))


code = pdf(lines(PROSE, 72, 760, "F0", 12, 16) + lines(CODE, 90, 700, "F1", 11, 14) + lines(PROSE, 72, 620, "F0", 12, 16),
           ["Helvetica", "Courier"])
for layer in ("off", "auto"):
    markdown = parse(code, "--to", "md", "--text-layer", layer)
    fence = re.search(r"^```\n(.*?)\n```$", markdown, re.S | re.M)
    check(f"code is fenced, text layer {layer}", fence, markdown)
    got = fence[1].split("\n") if fence else []
    check("its lines", len(got) == 4, got)
    check("set in", [len(l) - len(l.lstrip()) for l in got] == [0, 4, 8, 4], got)
    check("prose around it", near(markdown, PROSE[0]), markdown)
check("as in the PDF", fence and fence[1].split("\n") == CODE, markdown)
html = parse(code, "--to", "html", "--text-layer", "prefer")
check("html", "<pre>def add(a, b):\n    if a &gt; b:" in html, html[-400:])
check("json", "algorithm" in [r["label"] for r in json.loads(parse(code, "--to", "json"))["pages"][0]["regions"]])

headline = pdf(lines(["Sale starts now"], 50, 740, "F1", 60, 70) + lines(PROSE * 3, 50, 680, "F0", 9, 12), ["Helvetica", "Helvetica-Bold"])
markdown = parse(headline, "--to", "md", "--text-layer", "off")
check("headline", markdown.startswith("# ") and near(markdown.split("\n")[0], "Sale starts now"), markdown[:200])

SIDE = "Printed by the harbour press"
for name, place in (("up", "0 1 -1 0 30 300"), ("down", "0 -1 1 0 565 600")):
    margin = pdf(lines(PROSE * 4, 72, 760, "F0", 12, 16) + f"BT /F0 9 Tf {place} Tm ({SIDE}) Tj ET\n", ["Helvetica"])
    page = json.loads(parse(margin, "--to", "json", "--text-layer", "off"))["pages"][0]
    sides = [r for r in page["regions"] if r["label"] == "vertical_text"]
    check(f"margin, {name}", len(sides) == 1 and near(sides[0]["text"], SIDE), [r["text"] for r in page["regions"]])
    if not sides:
        continue
    x0, y0, x1, y1 = sides[0]["box"]
    scale = page["height"] / 842
    left = (22, 34) if name == "up" else (561, 575)
    check("its box", left[0] * scale < x0 < x1 < left[1] * scale and y1 - y0 > 8 * (x1 - x0), sides[0]["box"])
sys.exit(status())
