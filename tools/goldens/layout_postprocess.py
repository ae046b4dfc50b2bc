"""Writes tests/golden/layout/postprocess.json: the layout post-processing of transformers and of the GLM-OCR SDK on generated outputs.

    PYTHONPATH=DIR_WITH_GLMOCR python tools/goldens/layout_postprocess.py

needs torch, transformers, opencv-python-headless and the `glmocr` package (its layout_postprocess_utils alone is used). Cases:
    ranks     reading ranks of order logits
    polygons  masks over boxes -> polygon points (the mask as rows of '.' and '#')
    rules     detections -> the SDK's regions, with its published settings and others
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import PPDocLayoutV3ImageProcessor

REPO = Path(__file__).resolve().parents[2]
OUT = REPO / "tests/golden/layout/postprocess.json"
LABELS = ("abstract algorithm aside_text chart content display_formula doc_title figure_title footer footer_image footnote formula_number "
          "header header_image image inline_formula number paragraph_title reference reference_content seal table text vertical_text "
          "vision_footnote").split()
PUBLISHED = {i: "small" if i == 18 else "large" for i in range(25)}


def sdk_rules():
    for folder in sys.path:
        path = Path(folder) / "glmocr/utils/layout_postprocess_utils.py"
        if path.exists():
            spec = importlib.util.spec_from_file_location("rules", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.apply_layout_postprocess
    sys.exit("the glmocr package is not on PYTHONPATH")


def short(value):
    """Two decimals, which name the fp32 numbers used here."""
    return round(float(value), 2)


def blob(rng, height, width, kind):
    """A mask [height, width] of 0 and 1."""
    y, x = np.mgrid[:height, :width] / np.array([max(height - 1, 1), max(width - 1, 1)])[:, None, None]
    if kind == "full":
        return np.ones((height, width), int)
    if kind == "empty":
        return np.zeros((height, width), int)
    if kind == "noise":
        return (rng.random((height, width)) < rng.uniform(0.2, 0.7)).astype(int)
    if kind == "turned":  # a rectangle at an angle
        a = rng.uniform(0, np.pi)
        u, v = (x - 0.5) * np.cos(a) + (y - 0.5) * np.sin(a), (y - 0.5) * np.cos(a) - (x - 0.5) * np.sin(a)
        return ((np.abs(u) < rng.uniform(0.2, 0.5)) & (np.abs(v) < rng.uniform(0.1, 0.4))).astype(int)
    if kind == "triangle":  # corners of 45 degrees
        return (x + y < rng.uniform(0.6, 1.2)).astype(int)
    if kind == "ring":
        r = np.hypot(x - 0.5, y - 0.5)
        return ((r > 0.2) & (r < 0.45) | (r < 0.1)).astype(int)
    mask = np.zeros((height, width), int)  # blobs
    for _ in range(rng.integers(1, 6)):
        cy, cx, ry, rx = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)
        mask |= ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    return mask


def polygon_cases(rng, count):
    cases = []
    kinds = ["full", "empty", "noise", "turned", "triangle", "ring", "blobs", "blobs", "turned"]
    while len(cases) < count:
        size = int(rng.choice([8, 16, 24, 40]))  # mask; the network's input is four times as large
        page_w, page_h = (int(v) for v in rng.integers(size // 2, 12 * size, 2))
        mask = blob(rng, size, size, kinds[len(cases) % len(kinds)])
        box = np.sort(rng.uniform(-0.05, 1.05, (2, 2)), 0) * [page_w, page_h]
        box = box.flatten().round(2).astype(np.float32)
        if len(cases) % 10 == 9:  # nothing to crop
            box[2] = (box[0] + np.float32(0.3)).round(2)
        processor = PPDocLayoutV3ImageProcessor(size=dict(height=4 * size, width=4 * size))
        scale = [4 * size / torch.tensor(page_w), 4 * size / torch.tensor(page_h)]
        try:
            polygon = processor._extract_polygon_points_by_masks(box[None], mask[None], scale)[0]
        except (ZeroDivisionError, ValueError):
            continue
        if polygon is None:  # scaling left nothing of the mask; the SDK then takes the box
            continue
        cases.append(dict(size=size, page=[page_w, page_h], mask=["".join(".#"[v] for v in row) for row in mask], box=[short(v) for v in box],
                          polygon=[[round(float(v), 6) for v in point] for point in polygon]))
    return cases


def rank_cases(rng):
    processor = PPDocLayoutV3ImageProcessor()
    cases = []
    for n in (1, 2, 7, 20):
        logits = rng.normal(0, 3, (n, n)).astype(np.float32)
        logits[np.tril_indices(n)] = -1e4
        ranks = processor._get_order_seqs(torch.tensor(logits)[None])[0]
        cases.append(dict(n=n, logits=[float(f"{v:.9g}") for v in logits.flatten()], ranks=ranks.tolist()))
    return cases


def detections(rng, n, width, height):
    """Boxes that repeat, nest and reach outside, in reading order; polygons of some."""
    out = []
    orders = np.sort(rng.choice(300, n, replace=False))
    orders[0] = 0 if rng.random() < 0.5 else orders[0]
    scores = rng.permutation(np.linspace(0.2, 0.99, n)).astype(np.float32)
    for i in range(n):
        if i and rng.random() < 0.6:  # near, inside or around an earlier one
            base = np.array(out[rng.integers(0, i)]["box"])
            w, h = base[2] - base[0], base[3] - base[1]
            kind = rng.integers(0, 4)
            if kind == 0:
                box = base + rng.uniform(-0.02, 0.02, 4) * [w, h, w, h]
            elif kind == 1:
                box = base + np.array([w, h, -w, -h]) * rng.uniform(0, 0.4)
            elif kind == 2:
                box = base + np.array([-w, -h, w, h]) * rng.uniform(0, 0.4)
            else:
                box = base + rng.uniform(-0.6, 0.6) * np.array([w, h, w, h])
        else:
            box = (np.sort(rng.uniform(-0.1, 1.1, (2, 2)), 0) * [width, height]).flatten()
        if rng.random() < 0.08:
            box = np.array([-3, -2, width + 1, height + 2])
        if rng.random() < 0.05:  # a sliver
            box[2] = box[0] + 0.4
        box = box.round(2).astype(np.float32)
        label = int(rng.choice([14, 14, 18, 19, 22, 22, 21, 20, 3, 5, 15, 24, rng.integers(0, 25)]))
        polygon = None
        if rng.random() < 0.7:
            x0, y0, x1, y1 = box.tolist()
            polygon = [[short(v) for v in point] for point in ([x0 + 1.5, y0], [x1, y0 + 2.0], [x1 - 2.0, y1], [x0, y1 - 1.0])]
        out.append(dict(label=label, score=round(float(scores[i]), 4), box=[short(v) for v in box], order=int(orders[i]), polygon=polygon))
    return out


def rule_cases(rng):
    apply = sdk_rules()
    settings = [dict(), dict(), dict(), dict(nms=False), dict(unclip=[1.1, 0.9]), dict(nested={i: "union" for i in range(25)}),
                dict(nested={i: ("large", "small", "union")[i % 3] for i in range(25)}), dict(nested={i: "small" for i in range(25)})]
    cases = []
    for i in range(64):
        options = settings[i % len(settings)]
        width, height = (int(v) for v in rng.integers(80, 3000, 2))
        found = detections(rng, int(rng.integers(1, 16)), width, height)  # up to 16, argsort is stable
        raw = dict(scores=torch.tensor([d["score"] for d in found]), labels=torch.tensor([d["label"] for d in found]),
                   boxes=torch.tensor([d["box"] for d in found]), order_seq=torch.tensor([d["order"] for d in found]),
                   polygon_points=[None if d["polygon"] is None else np.array(d["polygon"]) for d in found])
        regions = apply([raw], dict(enumerate(LABELS)), [(width, height)], layout_nms=options.get("nms", True),
                        layout_unclip_ratio=options.get("unclip", [1.0, 1.0]), layout_merge_bboxes_mode=options.get("nested", PUBLISHED))[0]
        cases.append(dict(page=[width, height], options=dict(options, nested=list(options.get("nested", PUBLISHED).values())), detections=found, regions=[
            dict(label=r["cls_id"], name=r["label"], score=round(r["score"], 6), box=[int(v) for v in r["coordinate"]], order=r["order"],
                 polygon=[[short(v) for v in p] for p in r["polygon_points"]]) for r in regions]))
    return cases


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    # Of 1,500 cases these tell roundings of the crop and ties between equal areas apart.
    many = polygon_cases(np.random.default_rng(22), 849)
    rare = [many[i] for i in (218, 338, 488, 848)]
    cases = dict(ranks=rank_cases(np.random.default_rng(1)), polygons=polygon_cases(np.random.default_rng(2), 72) + rare, rules=rule_cases(np.random.default_rng(3)))
    compact = {name: "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in group) + "\n]" for name, group in cases.items()}
    OUT.write_text("{" + ",\n".join(f'"{name}":{text}' for name, text in compact.items()) + "}\n")
    print({name: len(group) for name, group in cases.items()}, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
