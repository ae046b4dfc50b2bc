#!/usr/bin/env python3
"""Writes tests/golden/format/sdk_cases.json.z: what the official SDK's formatter makes of generated regions.

Why: the C++ formatter promises the SDK's files byte for byte. Needs the PyPI package glmocr 0.1.5 (`pip install --no-deps
glmocr==0.1.5`) and what its formatter imports (pydantic PyYAML portalocker requests tqdm pillow numpy python-dotenv), and
not wordfreq: with it the SDK joins other words. PyMuPDF is not needed, formatting loads no PDF. The seed is fixed.

The file is zlib-compressed text, one JSON object a line (zlib-flate -uncompress shows it). First {"package", "version"}, then cases:
  kind    "layout" (pages of regions) or "plain" (texts of pages read without layout)
  pages   layout: per page a list of [label, content, bbox, polygon, has_crop]; plain: texts.
          A content may be {"parts": [[text, times], ...]}: the repeated texts one after the other.
  md      the Markdown file; null when the SDK writes none (blank Markdown)
  json    {stem}.json;  model: {stem}_model.json (layout only)
"""
import json
import os
import random
import sys
import tempfile
import types
import zlib
from pathlib import Path

from PIL import Image

sys.modules.setdefault("fitz", types.ModuleType("fitz"))  # imported by the SDK's PDF loader
from importlib.metadata import version  # noqa: E402

import glmocr.postprocess.result_formatter as result_formatter  # noqa: E402
from glmocr.config import load_config  # noqa: E402
from glmocr.parser_result import PipelineResult  # noqa: E402
from glmocr.pipeline import Pipeline  # noqa: E402

OUT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "format" / "sdk_cases.json.z"
RANDOM = random.Random(20250101)
SKIP = ("chart", "image")
LABELS = ["abstract", "algorithm", "content", "doc_title", "figure_title", "paragraph_title", "reference_content", "text",
          "vertical_text", "vision_footnote", "seal", "formula_number", "table", "display_formula", "inline_formula", "chart",
          "image", "header", "footnote", "formula", "unheard_of"]

WORDS = "the quick brown fox 3.14 e.g. Über größe Ωmega κόσμος мир 中文 識別 かな ½ Ⅷ ² x_1 a·b naïve don't re-use \u212aelvin".split()
SPACES = [" ", "  ", "\n", "\n\n", "\n\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "\u200b", "\r\n", "\x0b"]
ODD = ["$", "$$", "\\$", "\\", "\\t", "\\_", "_", "__", "____", "...", "....", ".....", "·", "····", "•", "* ", "- ", "#", "## ", "```",
       "(", ")", "（", "）", "(1)", "（2）", "1.", "a)", "b）", "１.", "٣)", "$ x $", "$x$", "$ \\alpha $", "\\(", "\\)", "\\[", "\\]", "<table",
       "</table>", "<td>", "\u0000", "\u001f", "\u007f", "\"", "/", "😀", "\ufffd", "-", "—", "%", "&amp;", "\\frac{1}{2}"]

cases = []


def expand(content):
    return "".join(t * n for t, n in content["parts"]) if isinstance(content, dict) else content


def region(label, content, bbox=(100, 100, 900, 200), polygon="box", crop=False):
    bbox = None if bbox is None else list(bbox)
    if polygon == "box":
        polygon = bbox and [[bbox[0], bbox[1]], [bbox[2], bbox[1]], [bbox[2], bbox[3]], [bbox[0], bbox[3]]]
    return [label, content, bbox, polygon, crop]


def one(label, content, **more):
    cases.append(("layout", [[region(label, content, **more)]]))


def page(*regions):
    cases.append(("layout", [list(regions)]))


def texts(*contents, left=100):
    page(*(region("text", c, bbox=(left, 50 * i, 900, 50 * i + 40)) for i, c in enumerate(contents)))


def hand_made():
    for c in ["", "  ", None, "x", " x ", "\\t\\tx\\t\\t", "\\t x \\t\n", "x\\t\n", "x\\\\t", "\\tx\\t y\\t", "\\t", "\\t\\t \\t", "a\\t\n\n",
              "\u00a0x\u3000", "\u2028x\x1c", "\u200bx", "x\x00", "tab\there", "quote \" slash / back \\", "\x7f\x1f\x01 control"]:
        one("text", c)
    # Repeated punctuation.
    for c in ["a..b", "a...b", "a....b", "a" + "." * 40, "····", "a··b···c····d", "____", "\\_\\_\\_\\_x", "\\__\\__\\__\\_", "._._._",
              "Contents........12", "…………", "。。。。", "--------", "_ _ _ _"]:
        one("text", c)
    # Titles.
    for label in ("doc_title", "paragraph_title", "figure_title"):
        for c in ["Title", "# Title", "###Title", "#", "", "## \n Two\nlines", "- Dash", "* Star", "- # Both", "*Star", "1. Intro", "#1.2 x",
                  "（一） 标题", "#\u3000宽", "·dot", "# - x", "-\u00a0x", "Title\nSecond\n\nThird"]:
            one(label, c)
    # Formulas.
    for label in ("display_formula", "inline_formula", "formula"):
        for c in ["x", "$$x$$", "$$ x $$", "\\[x\\]", "\\( x \\)", "$$x", "x$$", "$$", "$$$", "$$$$", "", "$x$", "\\[ a \\tag{1} \\]",
                  "$$\nx\n$$", "$$x\\]", "a....b", "$$a....b$$", " $$x$$"]:
            one(label, c)
    # Tables.
    for c in ["<table><tr><td>1....2</td></tr></table>", "<table>$ x $</table> ", " <table></table>", "<table", "a | b\n--- | ---",
              "</table>", "<table></table>", "", None, "<tablex></table>"]:
        one("table", c)
    # Text rules.
    for c in ["```py\nx = 1", "```py\nx = 1\n```", "```", "``` ```x", "·item", "•  item", "* item", "*item", "* \u3000x", "·", "•", "- item",
              "(1)first", "(12)  x", "（3）三", "(a）mixed", "（B)x", "(ab)x", "(1", "(1)", "()x", "(１)x", "(٣٤)x", "(½)x", "(1)two\nlines",
              "(1)2)x", "(1)a.b", "1.x", "1. x", "12)x", "3）x", "a.x", "Z)x", "ab.x", "3.14", "3.14 is pi", "2.1 Method", "e.g. this", "i.e.",
              "U.S. law", "A.Method", "a.m. today", "1.", "1)", "1.\n", "1.a\nb", "１．x", "１.x", "٣.x", "²)x", "1.\u3000x", "12.11.2025", "1.2.3",
              "x\ny", "x\n\ny", "x\n\n\ny", "x\n \ny", "\nx\n", "a\nb\nc", "a\r\nb", "a\u2028b", "* (1)x", "·1.x", "·\n1", "•(1)"]:
        one("text", c)
    # Inline formulas.
    for c in ["$ x $", "a$x$b", "a $ x $ b", "中$x$文", "½$x$²", "a$x$$y$b", "$x$ $y$", "$x$$", "$$x$", "$$x$$", "$ $", "$  $x$", "a$ $b$c$d",
              "\\$5 and \\$6", "$5 and $6", "cost $5", "$a\\$b$", "$a\\", "$a\\\n$", "$a\\ $", "$ \\alpha\\, $.", "$\nx\n$", "x$\u3000y\u00a0$z",
              "$$$x$$$", "$x$1", "1$x$", "_$x$_", "($x$)", "$\\frac{a}{b}$c", "a$b$c$d$e", "$x$\n$y$", "\\\\$x$", "\\$$x$", "$x\\$", "$x\\\\$y",
              "é$x$é", "😀$x$😀", "ⅷ$x$٣"]:
        one("text", c)
    # Formula numbers.
    f, n = "display_formula", "formula_number"
    for order in [(f, "a=b"), (n, "(1)")], [(n, "(1)"), (f, "a=b")], [(n, "（2.1）"), (f, "x"), (n, "(3)")], [(f, "x"), (n, "3."), (f, "y")], \
            [(f, "x"), (f, "y"), (n, "(4a)")], [(n, "(1)"), (n, "(2)"), (f, "x")], [("text", "t"), (n, "(1)"), ("text", "u")], \
            [(f, "x"), ("text", "t"), (n, "(1)")], [(f, "x"), (n, None)], [(f, "x"), (n, " "), (n, "(5)")], [(f, "x"), (n, "(")], \
            [(f, "$$ x $$"), (n, "(（6）)")], [("inline_formula", "x"), (n, "7)")], [(n, "（8)"), ("formula", "\\[x\\]")], [(f, "x"), (n, "(1)\n(2)")], \
            [(f, "x"), (n, "$ (9) $")]:
        page(*(region(label, c, bbox=(100, 60 * i, 900, 60 * i + 50)) for i, (label, c) in enumerate(order)))
    # Hyphens.
    texts("exam-", "ple text")
    texts("exam- ", "  ple")
    texts("Exam-", "Ple")
    texts("x-", "y")
    texts("a long inter-", "Capital here", "national word")
    texts("in-\n", "ter")
    texts("-", "word")
    texts(" -", "word")
    texts("pre--", "fix")
    texts("self-", "-made")
    texts("o'-", "'clock")
    texts("don'-", "t know")
    texts("größ-", "er")
    texts("\u212aelv-", "in")
    texts("elv\u212a-", "in")
    texts("\u0130st-", "an")
    texts("word1-", "two")
    texts("a" * 20 + "-", "b" * 11)
    texts("a" * 20 + "-", "b" * 12)
    texts("one two-", "three four-", "five")
    texts("foo-", "Bar-", "baz")
    texts("foo-", "ªbc", "ⓐbc", "ʰx", "bar")
    texts("well-", "known, and", "more")
    texts("foo‐", "bar")
    texts("foo-", "2nd", "bar")
    texts("bar", "foo-")
    page(region("text", "hyphen-"), region("table", "<table></table>"), region("image", None, crop=True), region("text", "ated"))
    page(region("doc_title", "Some hyphen-"), region("paragraph_title", "ated title"), region("text", "ated text"))
    page(region("abstract", "hyphen-"), region("vertical_text", "ated"))
    page(region("text", "hyphen-"), region("display_formula", "x"), region("footnote", "ated"))
    cases.append(("layout", [[region("text", "hyphen-")], [region("text", "ated")]]))
    # Bullets.
    for lefts in [(100, 100, 100), (100, 110, 100), (100, 111, 100), (100, 105, 90), (0, 0, 10), (100, 95, 110)]:
        page(*(region("text", c, bbox=(x, 50 * i, 900, 50 * i + 40)) for i, (x, c) in enumerate(zip(lefts, ["· one", "two", "• three"]))))
    texts("- a", "b", "c", "- d")
    texts("- a", "b", "- c", "d", "* e")
    texts("- a", "b\n- x", "- c")
    page(region("text", "- a"), region("abstract", "b"), region("text", "- c"))
    page(region("content", "- a"), region("text", "b"), region("text", "- c"))
    page(region("text", "- a"), region("text", "b", bbox=None), region("text", "- c"))
    page(region("text", "- a"), region("text", None), region("text", "b"), region("text", " "), region("text", "- c"))
    texts("- a-", "b", "- c")
    # Pictures.
    page(region("image", None, crop=True))
    page(region("image", None))
    page(region("image", "", crop=False), region("chart", None, crop=True), region("text", "t"), region("image", None, crop=True))
    page(region("image", "read....  by mistake", crop=True), region("chart", "(1)x"))
    cases.append(("layout", [[region("image", None, crop=True), region("text", "a")], [], [region("chart", None, crop=True)],
                             [region("text", "b"), region("image", None, bbox=(1, 2, 3, 4), crop=True)]]))
    one("image", None, polygon=[[1, 2], [3, 4], [5, 0]], crop=True)
    # Pages.
    cases.append(("layout", []))
    cases.append(("layout", [[]]))
    cases.append(("layout", [[], []]))
    cases.append(("layout", [[region("text", "a")], [region("text", None)], [region("text", "c")]]))
    cases.append(("layout", [[region("text", "a", polygon=None)], [region("text", "b", polygon=[])]]))
    for label in LABELS:
        one(label, "12.5 of * a_b $ x $ text\nline")
    for contents in [["a"], [""], ["a", "b"], ["# T\n\nx....", "", " c "], ["3.14", "$ x $"], []]:
        cases.append(("plain", contents))


def long_texts():
    def loop(*parts, label="text"):
        one(label, {"parts": [list(p) for p in parts]})
    loop(("abcdefghij", 300))
    loop(("abcdefghi", 300))       # the shortest unit of 10 and more is two of these
    loop(("a", 2047))
    loop(("a", 2048))
    loop(("a", 3000))
    loop(("A start that stands alone. ", 1), ("The same sentence again and again. ", 90), ("An end that is lost.", 1))
    loop(("x y z ", 5), ("0123456789", 9), ("tail that differs each time 1 ", 1), ("q", 2000))
    loop(("0123456789", 9), ("012345678", 1), ("Z", 99), ("=", 2000))
    loop(("row one\n", 1), ("same line\n", 400))
    loop(("same line\n", 3), ("other line number one\n", 20), ("same line\n", 300))
    loop(("one unit\nof two lines\n", 150))
    loop(("中文重复的句子。", 300))
    loop(("\\_", 1500))
    loop((" word", 500), ("\n", 3))
    loop(("<td>1</td>", 300), label="table")
    loop(("<table>", 1), ("<td>1</td>", 300), ("</table>", 1), label="table")
    loop(("\\quad ", 500), label="display_formula")
    loop(("$$", 1), ("\\quad ", 500), ("$$", 1), label="display_formula")
    loop(("loop the loop ", 200), label="doc_title")
    loop(("$ x $ and then ", 150))
    loop(("unit-of-100-" + "".join(chr(33 + i * 7 % 90) for i in range(88)), 25))
    for repeats in (9, 10, 11):
        RANDOM.seed(repeats)
        unit = "".join(RANDOM.choice("abcdefgh ") for _ in range(230))
        loop((unit, repeats), ("." * 2, 1), ("end ", 1))
        loop(("noise ", 1), (unit, repeats))
    # Lines: shares of 79 and 80 %, with and without three in a row; lines that differ in their blanks.
    def lines(pattern, common="repeated line of a table of contents"):
        RANDOM.seed(len(pattern))
        out, fillers = [], iter(range(10 ** 6))
        for c in pattern:
            out.append(common if c == "c" else "  " + common + " " if c == "s" else "" if c == "e" else " \u3000" if c == "w" else
                       f"another line {next(fillers)} {RANDOM.getrandbits(64):x}")
        return "\n".join(out)
    for pattern in ["cccco" * 16, "ccco" * 16, "o" + "c" * 40 + "oooo", "cscso" * 16, "cecwco" * 15, "ooo" + "ccoccccco" * 8, "ccccccccco" * 6,
                    ("cco" * 3 + "cccccccccccccccc") * 3]:
        text = lines(pattern)
        if len(text) < 2048:
            text = lines(pattern, "repeated line " + "of a longer table of contents, page after page " * 2)
        one("text", text)
    # Few letters: many near repeats.
    for letters, n in (("ab", 2200), ("aaab", 2500), ("ab\n", 2100), ("a. ", 2300)):
        RANDOM.seed(n)
        one("text", "".join(RANDOM.choice(letters) for _ in range(n)))
    for n in (2048, 2600):  # Fibonacci words: every part repeats, nothing ten times
        a, b = "a", "ab"
        while len(b) < n:
            a, b = b, b + a
        one("text", b[:n])


def soup(size):
    out = []
    for _ in range(size):
        kind = RANDOM.random()
        out.append(RANDOM.choice(WORDS) if kind < 0.4 else RANDOM.choice(SPACES) if kind < 0.7 else RANDOM.choice(ODD))
    return "".join(out)


def generated():
    RANDOM.seed(7)
    for _ in range(120):
        pages = []
        for _ in range(RANDOM.choice((1, 1, 1, 2, 3))):
            regions = []
            for i in range(RANDOM.randrange(6)):
                label = RANDOM.choice(LABELS if RANDOM.random() < 0.6 else ["text", "display_formula", "formula_number"])
                x, y = RANDOM.choice((100, 105, 111, 500)), 80 * i
                content = None if label in SKIP or RANDOM.random() < 0.05 else soup(RANDOM.randrange(12))
                if label == "text" and RANDOM.random() < 0.3:
                    content = RANDOM.choice(("- ", "· ", "* ")) + (content or "")
                if label == "text" and RANDOM.random() < 0.3:
                    content = (content or "") + RANDOM.choice(("multi-", "inter-\n", "x-"))
                regions.append(region(label, content, bbox=(x, y, x + 300, y + 70), crop=label in SKIP and RANDOM.random() < 0.8))
            pages.append(regions)
        cases.append(("layout", pages))
    for _ in range(60):
        one("text", soup(RANDOM.randrange(2, 30)))


def run(formatter, kind, pages):
    if kind == "plain":
        text, markdown = formatter.format_multi_page_results(pages)
        result, files = PipelineResult(text, markdown, ["x.png"]), {}
    else:
        grouped, crops = [], {}
        for p, regions in enumerate(pages):
            grouped.append([])
            for i, (label, content, bbox, polygon, crop) in enumerate(regions):
                content = expand(content)
                grouped[-1].append({"index": i, "label": label, "score": 0.5, "bbox_2d": bbox, "polygon": polygon,
                                    "task_type": "skip" if label in SKIP else "text", "content": content})
                if crop:
                    crops[(p, *bbox)] = Image.new("RGB", (2, 2))
        raw = Pipeline._build_raw_json(grouped)
        text, markdown, files = formatter.process(grouped, cropped_images=crops or None)
        result = PipelineResult(text, markdown, ["x.png"], image_files=files or None, raw_json_result=raw)
    with tempfile.TemporaryDirectory() as folder:
        result.save(folder)
        read = {p.name: p.read_bytes().decode() for p in Path(folder, "x").iterdir() if p.is_file()}
        images = sorted(p.name for p in Path(folder, "x").glob("imgs/*"))
    assert images == sorted(files), (images, files)
    return {"md": read.get("x.md"), "json": read["x.json"], "model": read.get("x_model.json")}


def main():
    assert result_formatter.zipf_frequency is None, "uninstall wordfreq: goldens follow the SDK without it"
    os.environ.pop("GLMOCR_MODE", None)
    formatter = result_formatter.ResultFormatter(load_config().pipeline.result_formatter)
    hand_made()
    long_texts()
    generated()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"package": "glmocr", "version": version("glmocr")}]
    rows += [{"kind": kind, "pages": pages} | run(formatter, kind, pages) for kind, pages in cases]
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    OUT.write_bytes(zlib.compress(text.encode(), 9))
    print(f"{len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
