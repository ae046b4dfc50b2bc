"""What a recorded Sheet says, as JSON, Markdown and plain text; samples/README.md describes the files."""
import html
import json

# Page furniture and footnotes stand in the JSON alone, as the official SDK leaves them out of Markdown; pictures have no text.
LEFT_OUT = {"header", "footer", "number", "footnote", "aside_text", "header_image", "footer_image", "image", "chart"}


def table_rows(cells):
    rows = [[] for _ in range(max(c["row"] + c["row_span"] for c in cells))]
    for cell in sorted(cells, key=lambda c: (c["row"], c["column"])):
        rows[cell["row"]].append(cell)
    return rows


def table_html(cells):
    out = "<table>"
    for row in table_rows(cells):
        out += "<tr>"
        for c in row:
            tag = "th" if c["header"] else "td"
            spans = "".join(f' {name}="{c[key]}"' for name, key in (("rowspan", "row_span"), ("colspan", "column_span")) if c[key] > 1)
            out += f"<{tag}{spans}>{html.escape(c['text'], quote=False)}</{tag}>"
        out += "</tr>"
    return out + "</table>"


def as_markdown(region):
    if region["label"] == "table":
        return table_html(region["cells"])
    if region["label"] in ("doc_title", "paragraph_title"):
        return "#" * region["heading_level"] + " " + region["text"]
    return region["text"].replace("\n", "  \n")


def as_text(region):
    if region["label"] == "table":
        return "\n".join("\t".join(c["text"] for c in row) for row in table_rows(region["cells"]))
    return region["text"]


def write(folder, name, source, pages, skew_degrees=0):
    for page in pages:
        for i, region in enumerate(page["regions"]):
            page["regions"][i] = {"index": i, **region}
            if region["label"] == "table":
                page["regions"][i]["html"] = table_html(region["cells"])
    doc = {"schema": "glm-ocr.truth/1", "source": source, **({"skew_degrees": skew_degrees} if skew_degrees else {}), "pages": pages}
    (folder / f"{name}.truth.json").write_text(one_region_a_line(doc), encoding="utf8")
    read = [r for p in pages for r in p["regions"] if r["label"] not in LEFT_OUT]
    (folder / f"{name}.truth.md").write_text("\n\n".join(map(as_markdown, read)) + "\n", encoding="utf8")
    (folder / f"{name}.truth.txt").write_text("\n\n".join(map(as_text, read)) + "\n", encoding="utf8")


def one_region_a_line(doc):
    """Indented JSON whose regions stay on one line each: people read it, and differences stay small."""
    regions = [r for p in doc["pages"] for r in p["regions"]]
    marked = {**doc, "pages": [{**p, "regions": [f"@{regions.index(r)}@" for r in p["regions"]]} for p in doc["pages"]]}
    text = json.dumps(marked, ensure_ascii=False, indent=1)
    for i, r in enumerate(regions):
        text = text.replace(f'"@{i}@"', json.dumps(r, ensure_ascii=False))
    return text + "\n"
