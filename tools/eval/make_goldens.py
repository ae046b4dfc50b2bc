#!/usr/bin/env python3
"""Makes tests/golden/eval/*.json: what OmniDocBench's own code says of generated tables, texts and documents.

    python tools/eval/make_goldens.py --omnidocbench CHECKOUT [--out tests/golden/eval]

CHECKOUT is a clone of OmniDocBench (v1.5, commit 7bd6c2e; Apache License 2.0); nothing of it is copied here, it is imported
and run. `glm-ocr eval` has to arrive at the same numbers by its own code (src/eval/golden_test.cc).
"""
import argparse
import json
import pathlib
import random
import sys
import types

import Levenshtein

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATEGORY = {  # labels of src/document/region_label.h -> OmniDocBench's categories
    "doc_title": "title", "paragraph_title": "title", "text": "text_block", "abstract": "text_block", "content": "text_block",
    "reference_content": "reference", "figure_title": "figure_caption", "header": "header", "footer": "footer", "number": "page_number",
    "table": "table", "display_formula": "equation_isolated"}


def load_omnidocbench(checkout):
    """Its modules for tables, texts and end-to-end matching, without those that draw or download."""
    sys.path.insert(0, str(checkout))
    for name in ("evaluate", "metrics.cdm_metric", "matplotlib.pyplot", "matplotlib.font_manager"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["matplotlib.font_manager"].FontProperties = lambda fname: None
    sys.modules["matplotlib"] = types.ModuleType("matplotlib")
    sys.modules["matplotlib"].font_manager = sys.modules["matplotlib.font_manager"]
    for name in ("metrics", "dataset"):  # without their __init__.py, which import everything
        package = types.ModuleType(name)
        package.__path__ = [str(checkout / name)]
        sys.modules[name] = package
    from dataset.end2end_dataset import End2EndDataset
    from metrics.table_metric import TEDS
    from utils import data_preprocess
    return End2EndDataset, TEDS, data_preprocess


# Tables ------------------------------------------------------------------------------------------------------------------

HAND_TABLES = [
    ("<table><tr><td>a</td><td>b</td></tr></table>", "<table><tr><td>a</td><td>b</td></tr></table>"),
    ("<table><tr><td>a</td><td>b</td></tr></table>", "<table><tr><td>a</td><td>bc</td></tr></table>"),
    ("<table><tr><th>a</th><th>b</th></tr></table>", "<table><thead><tr><td>a</td><td>b</td></tr></thead></table>"),
    ("<table><tr><td colspan=\"2\">ab</td></tr></table>", "<table><tr><td>a</td><td>b</td></tr></table>"),
    ("<table><tr><td rowspan=\"2\">a</td><td>b</td></tr><tr><td>c</td></tr></table>",
     "<table><tr><td>a</td><td>b</td></tr><tr><td>a</td><td>c</td></tr></table>"),
    ("<table><tr><td></td><td></td></tr></table>", "<table><tr><td></td><td>x</td></tr></table>"),
    ("<table><tr><td>a <b>bold</b> c</td></tr></table>", "<table><tr><td>a bold c</td></tr></table>"),
    ("<table><tr><td>x<sup>2</sup></td><td><p>one</p><p>two</p></td></tr></table>", "<table><tr><td>x2</td><td>onetwo</td></tr></table>"),
    ("<table><tr><td>H<sub>2</sub>O</td></tr></table>", "<table><tr><td>H<i>2</i>O</td></tr></table>"),
    ("<table><tr><td>&lt; 5 &amp; more</td></tr></table>", "<table><tr><td>&lt; 6 &amp; more</td></tr></table>"),
    ("<table><tr><td>\uff11\uff12\u3000\ufb01n</td></tr></table>", "<table><tr><td>12 fin</td></tr></table>"),
    ("<table border=\"1\" class=\"t\"><tbody><tr><td style=\"x\">1</td></tr><tr><td>2</td></tr></tbody></table>",
     "<table><tr><td>1</td></tr></table>"),
    ("<table><tr><td>line<br/>break</td></tr></table>", "<table><tr><td>line break</td></tr></table>"),
    ("<table><tr><td>a\nb   c</td></tr></table>", "<table><tr><td>ab c</td></tr></table>"),
    ("<table><caption>Title</caption><tr><td>1</td></tr></table>", "<table><tr><td>1</td></tr></table>"),
    ("<table><colgroup><col/><col/></colgroup><tr><td>1</td><td>2</td></tr></table>", "<table><tr><td>1</td><td>2</td></tr></table>"),
    ("<table><tr><td><math alttext=\"x^2\"><mi>x</mi></math></td></tr></table>", "<table><tr><td>$x^2$</td></tr></table>"),
    ("<table><tr><td colspan=\"two\">1</td></tr></table>", "<table><tr><td>1</td></tr></table>"),
    ("no table at all", "<table><tr><td>1</td></tr></table>"),
    ("", "<table><tr><td>1</td></tr></table>"),
    ("<table><tr><td>outer<table><tr><td>in</td></tr></table></td></tr></table>", "<table><tr><td>outer in</td></tr></table>"),
    ("<table><tr><td>Größe</td><td>日本語</td></tr></table>", "<table><tr><td>Grösse</td><td>日本</td></tr></table>"),
    ("<table></table>", "<table><tr><td>1</td></tr></table>"),
]


def random_table(rng, rows, columns):
    """A grid with spans; a list of rows of [tag, colspan, rowspan, text]."""
    words = "North South total 12.5 1,204 per cent Brindle - 7 n/a Harrow mean 0.03 June of the".split()
    taken, out = set(), []
    for r in range(rows):
        row = []
        for c in range(columns):
            if (r, c) in taken:
                continue
            w = rng.choice([1, 1, 1, 1, 2, 3])
            h = rng.choice([1, 1, 1, 1, 1, 2])
            w, h = min(w, columns - c), min(h, rows - r)
            if any((r + i, c + j) in taken for i in range(h) for j in range(w)):
                w = h = 1
            taken |= {(r + i, c + j) for i in range(h) for j in range(w)}
            row.append(["th" if r == 0 else "td", w, h, " ".join(rng.choices(words, k=rng.randint(0, 4)))])
        out.append(row)
    return out


def table_html(rows):
    html = "<table>"
    for row in rows:
        html += "<tr>"
        for tag, w, h, text in row:
            html += f"<{tag}" + (f' colspan="{w}"' if w > 1 else "") + (f' rowspan="{h}"' if h > 1 else "") + f">{text}</{tag}>"
        html += "</tr>"
    return html + "</table>"


def misread_table(rng, rows, rate):
    out = []
    for row in rows:
        if rng.random() < rate / 4:
            continue
        cells = []
        for tag, w, h, text in row:
            roll = rng.random()
            if roll < rate / 4:
                continue
            if roll < rate / 2:
                w = h = 1
            cells.append([rng.choice(["td", tag]), w, h, misread(rng, text, rate / 2)])
            if rng.random() < rate / 8:
                cells.append(["td", 1, 1, "?"])
        out.append(cells)
    return out


def misread(rng, text, rate):
    out = []
    for c in text:
        roll = rng.random()
        if roll < rate / 3:
            continue
        if roll < 2 * rate / 3:
            out.append(rng.choice("abcdeilmnorstu01258.,"))
        elif roll < rate:
            out.extend([c, rng.choice("aeiltn1")])
        else:
            out.append(c)
    return "".join(out)


def teds_cases(TEDS, prepare):
    rng = random.Random(7)
    pairs = list(HAND_TABLES)
    for i in range(40):
        truth = random_table(rng, rng.randint(1, 9), rng.randint(1, 7))
        pairs.append((table_html(misread_table(rng, truth, rng.choice([0.1, 0.4, 0.9]))), table_html(truth)))
    whole, structure = TEDS(), TEDS(structure_only=True)

    def score(metric, pred, truth):
        try:
            return metric.evaluate(prepare.normalized_html_table(pred), prepare.normalized_html_table(truth))
        except (ValueError, ZeroDivisionError):  # as metrics/cal_metric.py: what cannot be scored is 0
            return 0
    return [{"predicted": p, "truth": t, "teds": score(whole, p, t), "teds_struct": score(structure, p, t)} for p, t in pairs]


# Texts -------------------------------------------------------------------------------------------------------------------

TEXTS = [
    "Plain words, with punctuation: 12.5 % (or so)!", "under_score and-hyphen", "Größe, naïve façade, ﬁne", "日本語のテキスト。", "Ελληνικά кириллица",
    "line one\nline two\tand a tab", "either\\tor and/or and/then n/a", "e\u0301 is not \u00e9", "x\u00b2 and \u00bd and \u2167 and \u0663",
    "costs $5 and $7", "area $x^2$ and $a_1$", "angle $\\alpha$ of \\(\\beta_2\\)", "**bold** # not a title", "100 \u20ac \u2013 about \u00a3 87",
]
FORMULAS = [
    "$$ E = mc^2 $$", "\\[ a^2 + b^2 = c^2 \\]", "\\[\\mathbf{x} \\quad \\text{if } y\\]", "$$\\begin{array}{l} a = 1 \\\\ b = 2 \\end{array}$$",
    "\\frac{1}{2} \\left( x + y \\right) .", "\\[ \\hat{H} \\psi = E \\psi \\tag{1} \\]", "$$\n\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}\n$$",
    "\\operatorname{Tr} A \\hspace{1cm} B", "X_{\\mathrm{max}} \\qquad \\Delta", "\\displaystyle\\int_0^1 f(x)\\,dx", "$$ $$", "...",
]


# Documents ---------------------------------------------------------------------------------------------------------------

EXTRA = [  # pages whose formulas the samples lack
    [("doc_title", "On falling bodies"), ("text", "A body that falls for a time t from rest covers the distance"),
     ("display_formula", "\\[ s = \\frac{1}{2} g t^2 \\]"), ("text", "where g is the acceleration, and reaches the speed"),
     ("display_formula", "\\[ v = g t \\tag{2} \\]"), ("text", "Eliminating the time gives the relation between speed and height."),
     ("display_formula", "\\[ v^2 = 2 g s \\]"), ("number", "3")],
    [("paragraph_title", "Sums"), ("display_formula", "\\[ \\begin{array}{l} a = b + c \\\\ d = e - f \\\\ g = h \\end{array} \\]"),
     ("text", "The three lines above are one formula in print, and three when they are compared."),
     ("figure_title", "Figure 1: A chart of nothing in particular"), ("text", "The caption does not count.")],
    [("text", "Only one block.")],
    [("text", "First of two blocks, which is the longer one."), ("text", "Second.")],
]


def sample_pages():
    for path in sorted((ROOT / "samples").glob("*.truth.json")):
        for page in json.loads(path.read_text(encoding="utf8"))["pages"]:
            yield f"{path.name.split('.')[0]} {page['page']}", [
                {"label": r["label"], "text": r["html"] if r["label"] == "table" else r["text"]} for r in page["regions"] if r["label"] in CATEGORY]
    for i, page in enumerate(EXTRA):
        yield f"extra {i}", [{"label": l, "text": t} for l, t in page]


def prediction(rng, regions, rate, furniture):
    """Markdown of a reader who makes mistakes: letters, order, paragraphs cut and joined, blocks lost and doubled."""
    blocks = []
    for r in regions:
        text, label = r["text"], r["label"]
        if label in ("header", "footer", "number") and not furniture:
            continue
        if label == "table":
            import re
            cells = re.compile(r"<(t[dh])([^>]*)>(.*?)</t[dh]>")
            text = cells.sub(lambda m: f"<{m[1]}{'' if rng.random() < rate else m[2]}>{misread(rng, m[3], rate / 2)}</{m[1]}>", text)
        elif label == "display_formula":
            text = "$$" + misread(rng, text[2:-2], rate / 6).replace("$", "") + "$$"
        else:
            text = misread(rng, text, rate / 3)
            if label.endswith("title") and label != "figure_title":
                text = "# " + text
        blocks.append(text)
    i = 0
    while i < len(blocks):
        words = blocks[i].split(" ")
        plain = not blocks[i].startswith(("<", "$", "#"))
        roll = rng.random()
        if roll < rate / 6 and plain and len(words) > 8:
            cut = rng.randint(3, len(words) - 3)
            blocks[i:i + 1] = [" ".join(words[:cut]), " ".join(words[cut:])]
            i += 1
        elif roll < rate / 3 and plain and i + 1 < len(blocks) and not blocks[i + 1].startswith(("<", "$", "#")):
            blocks[i:i + 2] = [blocks[i] + " " + blocks[i + 1]]
        elif roll < rate / 2 and i + 1 < len(blocks):
            blocks[i], blocks[i + 1] = blocks[i + 1], blocks[i]
        elif roll < 0.55 * rate:
            blocks.insert(rng.randrange(len(blocks)), blocks[i])
        elif roll < 0.6 * rate:
            del blocks[i]
            continue
        i += 1
    return "\n\n".join(b for b in blocks if b.strip()) + "\n"


def annotation(regions):
    dets = []
    for i, r in enumerate(regions):
        category = CATEGORY[r["label"]]
        item = {"category_type": category, "anno_id": i, "order": i + 1, "attribute": {}}
        item[{"table": "html", "equation_isolated": "latex"}.get(category, "text")] = r["text"]
        dets.append(item)
    return {"layout_dets": dets, "extra": {"relation": []}, "page_info": {"image_path": "page.png"}}


def page_scores(dataset, TEDS, prepare, regions, markdown):
    """What metrics/cal_metric.py makes of one page: sums of edits by sums of lengths; means of TEDS."""
    text, formula, _, tables, order = dataset.process_get_matched_elements(annotation(regions), markdown, "page.png", 0)
    moved = [m for m in formula if m.get("pred_category_type") not in ("equation_inline", "equation_isolated", "")]
    formula = [m for m in formula if m not in moved]
    for m in moved:
        from pylatexenc.latex2text import LatexNodes2Text
        m["norm_gt"] = prepare.clean_string(LatexNodes2Text().latex_to_text(m["gt"]))
    if text:
        text = text + moved

    def rate(matches):
        pairs = [(m["norm_pred"], m["norm_gt"]) for m in matches]
        length = sum(max(len(p), len(t)) for p, t in pairs)
        return sum(Levenshtein.distance(p, t) for p, t in pairs) / length if length else None
    whole, structure = TEDS(), TEDS(structure_only=True)
    normal = [(prepare.normalized_html_table(m["pred"]), prepare.normalized_html_table(m["gt"])) for m in tables]
    mean = lambda values: sum(values) / len(values) if values else None
    return {"text": rate(text), "formula": rate(formula), "order": order["edit"] if order else None,
            "teds": mean([whole.evaluate(p, t) for p, t in normal]), "teds_struct": mean([structure.evaluate(p, t) for p, t in normal])}


def document_cases(End2EndDataset, TEDS, prepare):
    dataset = End2EndDataset.__new__(End2EndDataset)
    dataset.match_method = "quick_match"
    rng = random.Random(11)
    cases = []
    for name, regions in sample_pages():
        for rate in (0.05, 0.3, 0.9):
            markdown = prediction(rng, regions, rate, furniture=rng.random() < 0.6)
            expected = page_scores(dataset, TEDS, prepare, regions, markdown)
            cases.append({"name": f"{name}, rate {rate}", "truth": {"regions": regions}, "predicted": markdown, **expected})
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--omnidocbench", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/eval")
    args = parser.parse_args()
    End2EndDataset, TEDS, prepare = load_omnidocbench(args.omnidocbench.resolve())
    args.out.mkdir(parents=True, exist_ok=True)
    documents = document_cases(End2EndDataset, TEDS, prepare)
    for name, cases in (
            ("teds", teds_cases(TEDS, prepare)),
            ("texts", [{"text": t, "clean": prepare.clean_string(prepare.textblock2unicode(t))} for t in TEXTS]),
            ("formulas", [{"latex": t, "normalized": prepare.normalized_formula(t)} for t in FORMULAS]),
            ("documents", documents)):
        lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
        (args.out / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf8")
        print(f"{name}: {len(cases)} cases")


if __name__ == "__main__":
    main()
