"""A PDF of plain pages of text, for tests and benchmarks that need some."""


def text_pdf(pages, font="Helvetica", leading=16):
    """The bytes of a PDF with one page per list of lines; the lines hold no parentheses or backslashes."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", None, f"<</Type/Font/Subtype/Type1/BaseFont/{font}>>"]
    kids = []
    for lines in pages:
        text = f"BT /F 12 Tf {leading} TL 72 760 Td " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        objects.append(f"<</Length {len(text)}>>\nstream\n{text}\nendstream")
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {len(objects)} 0 R"
                       "/Resources<</Font<</F 3 0 R>>>>>>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    out, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010} 00000 n \n" for o in offsets)
    return (out + f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").encode("latin-1")
