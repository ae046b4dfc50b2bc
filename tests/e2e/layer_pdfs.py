"""PDFs whose text layer is true, and PDFs whose text layer is false in every way that we know of, for tests.

    python3 tests/e2e/layer_pdfs.py SOURCE_DIR OUT_DIR [SEED]

Standard library alone, but for pdftoppm, which makes the pictures of scanned pages. The same files for the same seed. Each
has a line in OUT_DIR/documents.json: `name`, `kind`, `true` (its layer is what its pages show), `text` (what they show, page
by page, in reading order) and `false` (words of the layer that its pages do not show). Letters are those of the
fonts embedded in samples/*.pdf and of the standard fonts that every PDF reader has.
"""
import json
import math
import pathlib
import random
import re
import struct
import subprocess
import sys
import zlib

WIDTH, HEIGHT = 595, 842

SENTENCES = {
    "en": """The harbour office opens at nine and closes at five|Boats must register before noon on every working day
Payment is due within thirty days of the date of this letter|The council agreed to build a second pier next to the first
Water was brought to the upper town by a pipe of cast iron|Most of the older houses were sold during the war
Please send the signed copy back to us before the end of June|The mill was closed in 1931 and its wheel was taken away
Children under twelve may enter free of charge on Sundays|Nobody could say where the missing ledger had been kept
Each parish kept a register of births, marriages and deaths|The new bridge carries some sixty people every day
He left the village in 1874 and never came back to it|Samples were taken at 48 wells between March and October
Two of the seven bells were cast again in the same year|A quarter of the harvest was lost to rain and late frost""",
    "de": """Die Sitzung beginnt um neun Uhr und endet am Mittag|Der Vertrag wird nach drei Jahren erneuert
Bitte senden Sie die Unterlagen bis zum Ende des Monats|Das alte Rathaus wurde im Jahr 1897 abgerissen
Die Kosten tragen beide Seiten zu gleichen Teilen|Im Winter fahren die Boote nur am Vormittag
Kinder haben an allen Tagen freien Eintritt|Der Weg zum Hafen ist seit gestern wieder offen""",
    "fr": """La mairie est ouverte du lundi au vendredi|Le pont fut construit en 1862 par deux ingenieurs
Les enfants entrent sans payer le dimanche|Il faut envoyer la lettre avant la fin du mois
Le prix comprend le transport et le montage|Aucun des anciens moulins ne tourne encore
Le conseil a vote les travaux du nouveau quai|On trouve dans ce livre les noms des familles""",
    "es": """La oficina abre a las nueve de la manana|El barco sale del puerto cada dos horas
Los pagos se hacen antes del fin de mes|La iglesia fue terminada en el siglo pasado
El mapa muestra los pozos y los caminos|Nadie sabe donde se guarda el libro antiguo
Cada familia tiene una casa y un huerto|El precio incluye el transporte y la comida""",
}
# Words that no page shows.
PLANTED = ("zarquon", "blivvet", "grommish", "thrupple", "wexiform", "quandrop", "snorvel", "mirkwend", "plofton", "drabbin",
           "yestrick", "kloonate", "fenwaddle", "ubbersnatch", "jirquest", "vollamine", "crennet", "hoplight", "oggleby", "tramwick")


# --- Writing PDFs ---

class Pdf:
    def __init__(self):
        self.objects = [None, None]  # catalog, pages
        self.kids = []

    def add(self, body):
        self.objects.append(body if isinstance(body, bytes) else body.encode("latin-1"))
        return len(self.objects)

    def stream(self, data, entries=""):
        data = data if isinstance(data, bytes) else data.encode("latin-1")
        packed = zlib.compress(data, 9)
        return self.add(f"<</Length {len(packed)}/Filter/FlateDecode{entries}>>\nstream\n".encode() + packed + b"\nendstream")

    def page(self, content, fonts=(), xobjects=(), extra="", box=(0, 0, WIDTH, HEIGHT), resources=""):
        named = "".join(f"/{name} {number} 0 R" for name, number in fonts)
        pictures = "".join(f"/{name} {number} 0 R" for name, number in xobjects)
        contents = self.stream(content)
        self.kids.append(self.add(f"<</Type/Page/Parent 2 0 R/MediaBox[{' '.join(map(str, box))}]/Contents {contents} 0 R{extra}"
                                  f"/Resources<</Font<<{named}>>/XObject<<{pictures}>>{resources}>>>>"))

    def bytes(self, catalog=""):
        self.objects[0] = f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode()
        self.objects[1] = (f"<</Type/Pages/Count {len(self.kids)}/Kids[" + " ".join(f"{k} 0 R" for k in self.kids) + "]>>").encode()
        out, offsets = bytearray(b"%PDF-1.5\n"), []
        for number, body in enumerate(self.objects, 1):
            offsets.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        start = len(out)
        out += f"xref\n0 {len(self.objects) + 1}\n0000000000 65535 f \n".encode()
        out += "".join(f"{o:010} 00000 n \n" for o in offsets).encode()
        return bytes(out + f"trailer<</Size {len(self.objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode())


def cmap(codes, digits=2):
    """A ToUnicode table; codes: code -> text."""
    rows = [f"<{code:0{digits}x}> <{text.encode('utf-16-be').hex()}>" for code, text in sorted(codes.items())]
    blocks = [rows[i:i + 100] for i in range(0, len(rows), 100)]
    return ("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /x def /CMapType 2 def\n"
            f"1 begincodespacerange <{'00' * (digits // 2)}> <{'ff' * (digits // 2)}> endcodespacerange\n"
            + "".join(f"{len(b)} beginbfchar\n" + "\n".join(b) + "\nendbfchar\n" for b in blocks)
            + "endcmap CMapName currentdict /CMap defineresource pop end end\n")


# --- Fonts ---
# A font: makes itself in a PDF, encodes text as a hex string, knows widths in 1/1000 (None: not known).

STANDARD = {"Helvetica": 0.5, "Helvetica-Bold": 0.55, "Helvetica-Oblique": 0.5, "Times-Roman": 0.45, "Times-Bold": 0.48,
            "Times-Italic": 0.44, "Courier": 0.6, "Courier-Bold": 0.6}


class StandardFont:
    """One of the fonts that need not be embedded, Latin-1."""
    def __init__(self, name):
        self.name = name

    def make(self, pdf, to_unicode=None):
        table = f"/ToUnicode {pdf.stream(cmap(to_unicode))} 0 R" if to_unicode else ""
        return pdf.add(f"<</Type/Font/Subtype/Type1/BaseFont/{self.name}/Encoding/WinAnsiEncoding{table}>>")

    def has(self, text):
        return all(ord(c) < 0x100 for c in text)

    def encode(self, text):
        return text.encode("cp1252").hex()

    def width(self, text):
        return len(text) * STANDARD[self.name]


NAMES = {" ": "space", ",": "comma", ".": "period", "-": "hyphen", "'": "quotesingle", ":": "colon", "(": "parenleft",
         ")": "parenright", "/": "slash", "&": "ampersand", "%": "percent", "\ufb01": "fi", "\ufb02": "fl", "\u2010": "hyphen", "\xad": "hyphen",
         "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}


class RecodedFont(StandardFont):
    """A standard font whose codes count its characters as they come, as those of subsets do."""
    def __init__(self, name, text, ligatures=False):
        super().__init__(name)
        self.ligatures = ligatures
        self.codes = {}
        for c in self.shaped(text):
            self.codes.setdefault(c, 1 + len(self.codes))

    def shaped(self, text):
        return text.replace("fi", "\ufb01").replace("fl", "\ufb02") if self.ligatures else text

    def true_map(self):
        return {code: {"\ufb01": "fi", "\ufb02": "fl"}.get(c, c) for c, code in self.codes.items()}

    def make(self, pdf, to_unicode=None):
        names = " ".join(f"{code} /{NAMES.get(c, c)}" for c, code in self.codes.items())
        encoding = f"/Encoding<</Type/Encoding/Differences[{names}]>>"
        table = self.true_map() if to_unicode is None else to_unicode
        table = f"/ToUnicode {pdf.stream(cmap(table))} 0 R" if table else ""
        return pdf.add(f"<</Type/Font/Subtype/Type1/BaseFont/{self.name}{encoding}{table}>>")

    def encode(self, text):
        return "".join(f"{self.codes[c]:02x}" for c in self.shaped(text))


class SampleFont:
    """A subset that one of the samples embeds: by its own codes, or (wide) by numbers of glyphs, as office programs write it."""
    def __init__(self, name, program, widths, descriptor, known):
        self.name, self.program, self.widths, self.descriptor, self.known = name, program, widths, descriptor, known
        self.wide = False

    def as_wide(self):
        font = SampleFont(self.name, self.program, self.widths, self.descriptor, self.known)
        font.wide = True
        font.glyphs = glyph_numbers(self.program)
        return font

    def true_map(self):
        if self.wide:
            return {self.glyphs[c]: chr(c) for c in self.known if c in self.glyphs}
        return {c: chr(c) for c in self.known}

    def make(self, pdf, to_unicode=None):
        program = pdf.stream(self.program, f"/Length1 {len(self.program)}")
        descriptor = pdf.add(f"<</Type/FontDescriptor/FontName/{self.name}{self.descriptor}/FontFile2 {program} 0 R>>")
        table = self.true_map() if to_unicode is None else to_unicode
        table = f"/ToUnicode {pdf.stream(cmap(table, 4 if self.wide else 2))} 0 R" if table else ""
        if not self.wide:
            return pdf.add(f"<</Type/Font/Subtype/TrueType/BaseFont/{self.name}/FirstChar 0/LastChar 127/Widths[{' '.join(map(str, self.widths))}]"
                           f"/FontDescriptor {descriptor} 0 R{table}>>")
        widths = " ".join(f"{g} [{self.widths[c]}]" for c, g in self.glyphs.items() if c < 128)
        cid = pdf.add(f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{self.name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
                      f"/FontDescriptor {descriptor} 0 R/DW 500/W[{widths}]/CIDToGIDMap/Identity>>")
        return pdf.add(f"<</Type/Font/Subtype/Type0/BaseFont/{self.name}/Encoding/Identity-H/DescendantFonts[{cid} 0 R]{table}>>")

    def has(self, text):
        return all(ord(c) in self.known for c in text)

    def encode(self, text):
        return "".join(f"{self.glyphs[ord(c)]:04x}" if self.wide else f"{ord(c):02x}" for c in text)

    def width(self, text):
        return sum(self.widths[ord(c)] for c in text) / 1000


def glyph_numbers(program):
    """Character -> glyph of a TrueType program, from its tables of formats 0, 4 and 6."""
    n = struct.unpack(">H", program[4:6])[0]
    tables = {program[12 + 16 * i:16 + 16 * i]: struct.unpack(">II", program[20 + 16 * i:28 + 16 * i]) for i in range(n)}
    base = tables[b"cmap"][0]
    found = {}
    for i in range(struct.unpack(">H", program[base + 2:base + 4])[0]):
        at = base + struct.unpack(">I", program[base + 8 + 8 * i:base + 12 + 8 * i])[0]
        form = struct.unpack(">H", program[at:at + 2])[0]
        if form == 0:
            pairs = enumerate(program[at + 6:at + 262])
        elif form == 6:
            first, count = struct.unpack(">HH", program[at + 6:at + 10])
            pairs = ((first + k, struct.unpack(">H", program[at + 10 + 2 * k:at + 12 + 2 * k])[0]) for k in range(count))
        else:
            continue
        for c, g in pairs:
            if g and c < 128:
                found[c] = g
    return found


def sample_fonts(root):
    fonts = {}
    for path in sorted((root / "samples").glob("*.pdf")):
        data = path.read_bytes()
        objects = {int(m[1]): m[2] for m in re.finditer(rb"(\d+) 0 obj(.*?)endobj", data, re.S)}
        for body in objects.values():
            if b"/TrueType" not in body:
                continue
            name = re.search(rb"/BaseFont /(\S+)", body)[1].decode()
            descriptor = objects[int(re.search(rb"/FontDescriptor (\d+)", body)[1])].decode("latin-1")
            program = objects[int(re.search(r"/FontFile2 (\d+)", descriptor)[1])]
            program = zlib.decompress(program.split(b"stream", 1)[1].lstrip(b"\r\n").rsplit(b"endstream", 1)[0])
            widths = [float(w) for w in re.search(rb"/Widths \[(.*?)\]", body, re.S)[1].split()]
            table = objects[int(re.search(rb"/ToUnicode (\d+)", body)[1])]
            table = zlib.decompress(table.split(b"stream", 1)[1].lstrip(b"\r\n").rsplit(b"endstream", 1)[0]).decode("latin-1")
            known = glyph_numbers(program)
            keep = "".join(re.findall(r"/(?:Ascent|CapHeight|Descent|Flags|ItalicAngle|StemV|MissingWidth) [-\d.]+|/FontBBox \[[^\]]*\]", descriptor))
            fonts[f"{path.stem}:{name.split('+')[1]}"] = SampleFont(name, program, widths, keep, set(known))
    return fonts


# --- Sheets: what a page shows ---

class Item:
    """A piece of a line: where its baseline begins, its size, font (an index of the sheet's) and text."""
    def __init__(self, x, y, size, font, text):
        self.x, self.y, self.size, self.font, self.text = x, y, size, font, text


class Sheet:
    def __init__(self, fonts):
        self.fonts, self.items, self.paragraphs, self.rules = fonts, [], [], []

    def line(self, x, y, size, font, text):
        self.items.append(Item(x, y, size, font, text))

    def paragraph(self, x, y, width, size, font, text, hyphen=None):
        """Breaks `text` into lines; the y below them. hyphen: long words are divided with it where that fits."""
        self.paragraphs.append(text)
        lines, line = [], ""
        measure = lambda t: self.fonts[font].width(t) * size
        for word in text.split():
            trial = f"{line} {word}".strip()
            if measure(trial) <= width:
                line = trial
                continue
            at = len(word) // 2
            if hyphen and len(word) >= 8 and word.isalpha() and measure(f"{line} {word[:at]}-") <= width:
                lines.append(f"{line} {word[:at]}{hyphen}".strip())
                line = word[at:]
            else:
                lines.append(line)
                line = word
        for text in lines + [line]:
            self.line(x, y, size, font, text)
            y -= 1.25 * size
        return y - 0.6 * size

    @property
    def text(self):
        return "\n\n".join(self.paragraphs)


def prose(rng, lang, n):
    pool = [s for row in SENTENCES[lang].splitlines() for s in row.split("|")]
    return ". ".join(rng.sample(pool, min(n, len(pool)))) + "."


def letter(rng, fonts, lang="en", size=11, hyphen=None):
    s = Sheet(fonts)
    y = 770
    for text in (f"{rng.randint(2, 98)} Mill Lane", f"Harrow {rng.randint(100, 999)}"):
        s.paragraphs.append(text)
        s.line(72, y, size, 0, text)
        y -= 1.4 * size
    y -= 2 * size
    for _ in range(3):
        y = s.paragraph(72, y, 450, size, 0, prose(rng, lang, rng.randint(3, 4)), hyphen)
    return s


def article(rng, fonts, lang="en", size=10, hyphen=None):
    s = Sheet(fonts)
    title = prose(rng, lang, 1)[:-1]
    s.paragraphs.append(title)
    s.line(60, 775, 1.6 * size, 1, title)
    for x in (60, 310):
        y = 740
        for _ in range(2):
            y = s.paragraph(x, y, 225, size, 0, prose(rng, lang, 3), hyphen)
    return s


def report(rng, fonts, lang="en", size=11, hyphen=None):
    s = Sheet(fonts)
    y = 770
    for n in (1, 2):
        title = f"{n} " + prose(rng, lang, 1)[:-1]
        s.paragraphs.append(title)
        s.line(72, y, 1.3 * size, 1, title)
        y = s.paragraph(72, y - 2.2 * size, 440, size, 0, prose(rng, lang, 4), hyphen) - size
    for n in range(3):
        text = prose(rng, lang, 1)
        s.paragraphs.append(text)
        s.line(72, y, size, 0, f"{n + 1}. {text}")
        y -= 1.6 * size
    return s


def table(rng, fonts, lang="en", size=11, hyphen=None):
    s = Sheet(fonts)
    y = s.paragraph(72, 770, 440, size, 0, prose(rng, lang, 3)) - 10
    goods = rng.sample(("Oak planks", "Iron nails", "Hemp rope", "Copper sheet", "Roof tiles", "Glass panes", "Lamp oil", "Tar barrels"), 5)
    rows = [("Goods", "Number", "Price")] + [(g, str(rng.randint(3, 940)), f"{rng.randint(2, 89)}.{rng.randint(10, 99)}") for g in goods]
    top = y + 16
    for r, row in enumerate(rows):
        for c, text in enumerate(row):
            s.paragraphs.append(text)
            s.line(80 + 150 * c, y, size, 1 if r == 0 else 0, text)
        y -= 22
    for r in range(len(rows) + 1):
        s.rules.append((72, top - 22 * r, 450, 0))
    for c in range(4):
        s.rules.append((72 + 150 * c, top - 22 * len(rows), 0, 22 * len(rows)))
    s.paragraph(72, y - 20, 440, size, 0, prose(rng, lang, 2))
    return s


SHEETS = (letter, article, report, table)


# --- Drawing a sheet ---

def draw(sheet, how="lines", mode=0, rng=None):
    """The content stream: text in one of the ways that programs place it. mode: the render mode."""
    out = [f"{x} {y} m {x + w} {y + h} l S" for x, y, w, h in sheet.rules] if mode == 0 else []
    for item in sheet.items:
        font = sheet.fonts[item.font]
        begin = f"BT /F{item.font} {item.size:g} Tf {mode} Tr "
        place = lambda x: f"1 0 0 1 {x:.2f} {item.y:.2f} Tm "
        if how == "lines":
            out.append(f"{begin}{place(item.x)}<{font.encode(item.text)}> Tj ET")
        elif how == "words":  # one object a word, no spaces at all
            x = item.x
            for word in item.text.split():
                out.append(f"{begin}{place(x)}<{font.encode(word)}> Tj ET")
                x += font.width(word + " ") * item.size
        elif how == "gaps":  # as TeX: a line at once, spaces are moves
            parts = " -280 ".join(f"<{font.encode(word)}>" for word in item.text.split())
            out.append(f"{begin}{place(item.x)}[{parts}] TJ ET")
        elif how == "kerned":  # glyph by glyph with small moves
            parts = " ".join(f"<{font.encode(c)}> {rng.choice((-12, -4, 0, 6))}" for c in item.text)
            out.append(f"{begin}{place(item.x)}[{parts}] TJ ET")
        elif how == "glyphs":  # every glyph placed
            x, parts = item.x, []
            for c in item.text:
                parts.append(f"{place(x)}<{font.encode(c)}> Tj")
                x += font.width(c) * item.size
            out.append(begin + " ".join(parts) + " ET")
        elif how == "twice":  # bold as some programs make it
            for dx in (0, 0.25):
                out.append(f"{begin}{place(item.x + dx)}<{font.encode(item.text)}> Tj ET")
    return "\n".join(out)


def one_page(sheet, content, maps=None, **page):
    """A PDF of one page whose fonts have the tables `maps` (index -> ToUnicode)."""
    pdf = Pdf()
    pdf.page(content, [(f"F{i}", font.make(pdf, (maps or {}).get(i))) for i, font in enumerate(sheet.fonts)], **page)
    return pdf.bytes()


def picture(sheet, dpi=150):
    """The page as it looks: width, height, gray pixels."""
    pdf = one_page(sheet, draw(sheet))
    out = subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", "-singlefile", "-"], input=pdf, capture_output=True, check=True).stdout
    width, height = map(int, out.split(b"\n", 2)[1].split())
    return width, height, out[-width * height:]


def add_picture(pdf, sheet):
    width, height, pixels = picture(sheet)
    return pdf.stream(pixels, f"/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8")


SHOW = f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm /Im Do Q\n"


def scanned(pages):
    """A PDF of pictures of sheets, each with a content stream before and behind: (sheet, before, behind, fonts)."""
    pdf = Pdf()
    for sheet, before, behind, layer in pages:
        fonts = [(f"F{i}", font.make(pdf)) for i, font in enumerate(layer.fonts)]
        pdf.page(before + "\n" + SHOW + behind, fonts, [("Im", add_picture(pdf, sheet))],
                 resources="/ExtGState<</Clear<</ca 0/CA 0>>>>/Properties<</Off 1 0 R>>")
    return pdf.bytes()


def changed(sheet, change):
    """The sheet with its items' texts changed, in the same places."""
    other = Sheet(sheet.fonts)
    other.items = [Item(i.x, i.y, i.size, i.font, change(i.text)) for i in sheet.items]
    return other


def with_errors(rng, rate):
    """Text as an old OCR program read it."""
    letters = "abcdefghijklmnopqrstuvwxyz"

    def change(text):
        out = ""
        for c in text:
            if not c.isalnum() or rng.random() >= rate:
                out += c
            elif rng.random() < 0.2:
                out += ""
            else:
                out += rng.choice(letters)
        return out or "x"
    return change


def planted(rng):
    """Words that no page shows, about as long."""
    def change(text):
        out = ""
        while len(out) < len(text):
            out += (" " if out else "") + rng.choice(PLANTED)
        return out
    return change


def words(text):
    return re.findall(r"[^\W_]+", text)


def false_words(layer, sheets):
    shown = {w.lower() for s in sheets for w in words(s.text)} | {w.lower() for s in sheets for i in s.items for w in words(i.text)}
    return sorted({w for item in layer.items for w in words(item.text) if len(w) >= 4 and w.lower() not in shown})


# --- True layers ---

def true_documents(root, rng):
    samples = sample_fonts(root)
    pairs = [("report:Arimo", "report:Arimo-Bold"), ("letter:Tinos", "letter:Tinos-Bold"), ("report:Caladea-Regular", "report:Arimo-Bold"),
             ("paper:Tinos", "form:Arimo-Bold"), ("invoice:Arimo", "paper:Tinos-Bold")]
    embedded = [[samples[a], samples[b]] for a, b in pairs]
    standard = [[StandardFont(a), StandardFont(b)] for a, b in
                (("Helvetica", "Helvetica-Bold"), ("Times-Roman", "Times-Bold"), ("Courier", "Courier-Bold"),
                 ("Times-Roman", "Helvetica-Bold"), ("Helvetica", "Times-Italic"))]
    number = iter(range(1000))
    turn = lambda content, degrees: "q {0:.5f} {1:.5f} {2:.5f} {0:.5f} {3:.2f} {4:.2f} cm\n{5}\nQ".format(
        math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), -math.sin(math.radians(degrees)),
        WIDTH / 2 - WIDTH / 2 * math.cos(math.radians(degrees)) + HEIGHT / 2 * math.sin(math.radians(degrees)),
        HEIGHT / 2 - WIDTH / 2 * math.sin(math.radians(degrees)) - HEIGHT / 2 * math.cos(math.radians(degrees)), content)

    def document(kind, sheet, data):
        return {"name": f"true_{next(number):02}_{kind}", "kind": kind, "true": True, "text": [sheet.text], "false": [], "data": data}

    def next_sheet(fonts, **more):
        make = SHEETS[rng.randrange(len(SHEETS))]
        return make(rng, fonts, **more)

    for fonts in embedded + standard:
        sheet = next_sheet(fonts)
        yield document("lines", sheet, one_page(sheet, draw(sheet)))
    for how in ("words", "kerned", "glyphs", "twice", "gaps"):
        sheet = next_sheet(rng.choice(embedded))
        yield document(how, sheet, one_page(sheet, draw(sheet, how, rng=rng)))
    for fonts in (embedded[0], embedded[3]):  # office programs
        sheet = next_sheet([f.as_wide() for f in fonts])
        yield document("wide", sheet, one_page(sheet, draw(sheet, "kerned", rng=rng)))
    for name in ("Times-Roman", "Helvetica"):  # TeX: recoded, spaces are moves, ligatures
        sheet = article(rng, [StandardFont(name), StandardFont(name)])
        text = "".join(i.text for i in sheet.items)
        sheet.fonts = [RecodedFont(name, text, ligatures=True), RecodedFont(name, text)]
        yield document("recoded", sheet, one_page(sheet, draw(sheet, "gaps")))
    for lang in ("de", "fr", "es"):
        sheet = next_sheet(rng.choice(embedded[:2] + standard[:2]), lang=lang)
        yield document(lang, sheet, one_page(sheet, draw(sheet)))
    accents = str.maketrans({"u": "\xfc", "a": "\xe4"})
    sheet = changed(letter(rng, standard[1], "de"), lambda t: " ".join(w.translate(accents) if len(w) > 7 else w for w in t.split(" ")))
    sheet.paragraphs = [i.text for i in sheet.items]
    yield document("accents", sheet, one_page(sheet, draw(sheet)))
    for size in (8, 9, 14):
        sheet = next_sheet(rng.choice(embedded), size=size)
        yield document(f"size{size}", sheet, one_page(sheet, draw(sheet)))
    for degrees in (0.3, 0.7, -1.2, 2.0):
        sheet = letter(rng, rng.choice(embedded))
        yield document(f"turned{degrees}", sheet, one_page(sheet, turn(draw(sheet), degrees)))
    for hyphen in ("-", "\u2010", "\xad"):
        sheet = article(rng, [StandardFont("Times-Roman"), StandardFont("Times-Bold")], hyphen=hyphen)
        text = "".join(i.text for i in sheet.items)
        sheet.fonts = [RecodedFont("Times-Roman", text), RecodedFont("Times-Bold", text)]
        yield document("hyphen", sheet, one_page(sheet, draw(sheet)))
    sheet = next_sheet(embedded[1])  # all within a form
    pdf = Pdf()
    fonts = "".join(f"/F{i} {font.make(pdf)} 0 R" for i, font in enumerate(sheet.fonts))
    form = pdf.stream(draw(sheet), f"/Type/XObject/Subtype/Form/BBox[0 0 {WIDTH} {HEIGHT}]/Resources<</Font<<{fonts}>>>>")
    pdf.page("/Fm Do", [], [("Fm", form)])
    yield document("form", sheet, pdf.bytes())
    sheet = report(rng, embedded[0])  # on colored paper, with a light heading on a dark bar
    content = "0.93 0.95 0.88 rg 0 0 595 842 re f 0.1 0.15 0.4 rg 60 {0} 475 26 re f\n".format(sheet.items[0].y - 8)
    head, rest = changed(sheet, str), changed(sheet, str)
    head.items, rest.items = head.items[:1], rest.items[1:]
    yield document("colors", sheet, one_page(sheet, content + "1 g " + draw(head) + " 0.2 0.1 0.1 rg " + draw(rest)))
    sheet = next_sheet(embedded[4])  # another origin, and turned by the page's own entry
    x, y = 200, -300
    yield document("origin", sheet, one_page(sheet, f"1 0 0 1 {x} {y} cm " + draw(sheet), box=(x, y, x + WIDTH, y + HEIGHT)))
    sheet = letter(rng, embedded[2])
    yield document("rotated", sheet, one_page(sheet, f"0 1 -1 0 {HEIGHT} 0 cm " + draw(sheet), extra="/Rotate 90", box=(0, 0, HEIGHT, WIDTH)))
    for name in ("letter", "invoice", "paper"):
        truth = (root / f"samples/{name}.truth.txt").read_text()
        yield {"name": f"true_{next(number):02}_{name}", "kind": "sample", "true": True, "text": [truth], "false": [],
               "data": (root / f"samples/{name}.pdf").read_bytes()}


# --- False layers ---

def with_initial(lines, room, columns):
    """A paragraph a column that begins with a T so many lines high; room: the lines beside it begin behind it."""
    font, size, pitch = StandardFont("Times-Roman"), 11, 14
    sheet = Sheet([font])
    height = (lines - 1) * pitch / 0.66 + size
    for column in range(columns):
        x, y = 60 + 250 * column, 700
        words = ("he harbour office was opened in the spring after the old quay had been repaired. Fishing boats returned with the first warm "
                 "days and the market filled with traders from the hills. Nobody remembered a winter that had lasted so long.").split()
        sheet.line(x, y - (lines - 1) * pitch, height, 0, "T")
        line = 0
        while words:
            left, text = x + (0.61 * height + 2 if room and line < lines else 0), ""
            while words and font.width(text + " " + words[0]) * size < x + (220 if columns == 2 else 460) - left:
                text = (text + " " + words.pop(0)).strip()
            sheet.line(left, y - line * pitch, size, 0, text)
            line += 1
    return one_page(sheet, draw(sheet))


def false_documents(root, rng):
    samples = sample_fonts(root)
    plain = [samples["report:Arimo"], samples["report:Arimo-Bold"]]
    serif = [samples["letter:Tinos"], samples["letter:Tinos-Bold"]]
    book = [samples["report:Caladea-Regular"], samples["form:Arimo-Bold"]]
    families = (plain, serif, book)
    number = iter(range(1000))

    def document(kind, sheets, layers, data):
        sheets, layers = (x if isinstance(x, list) else [x] for x in (sheets, layers))
        return {"name": f"false_{next(number):02}_{kind}", "kind": kind, "true": False, "text": [s.text for s in sheets],
                "false": sorted({w for layer in layers for w in false_words(layer, sheets)}), "data": data}

    def next_sheet(fonts=None, **more):
        return SHEETS[rng.randrange(len(SHEETS))](rng, fonts or rng.choice(families), **more)

    for rate in (0.02, 0.03, 0.05, 0.08, 0.10):  # old OCR, invisible over the picture
        sheet = next_sheet()
        layer = changed(sheet, with_errors(rng, rate))
        yield document(f"ocr{rate}", sheet, layer, scanned([(sheet, "", draw(layer, mode=3), layer)]))
    for rate in (0.04, 0.08):  # visible, but behind the picture
        sheet = next_sheet()
        layer = changed(sheet, with_errors(rng, rate))
        yield document("behind", sheet, layer, scanned([(sheet, draw(layer), "", layer)]))
    sheet = next_sheet()  # both copies of an OCR run twice
    first, second = changed(sheet, with_errors(rng, 0.05)), changed(sheet, with_errors(rng, 0.05))
    yield document("ocr_twice", sheet, [first, second], scanned([(sheet, "", draw(first, mode=3) + "\n" + draw(second, mode=3), first)]))
    for kind, before, behind in (("other", "", "{invisible}"), ("white", "", "1 g 1 0 0 1 0 7 cm {visible}"), ("clear", "", "/Clear gs {visible}"),
                                 ("clipped", "", "q 0 0 1 1 re W n {visible} Q"), ("tiny", "", "0.02 0 0 0.02 20 20 cm {visible}"),
                                 ("off_page", "", "1 0 0 1 900 0 cm {visible}"), ("behind_other", "{visible}", ""),
                                 ("white_first", "1 g {visible}", "")):  # another text in the same places
        sheet = next_sheet()
        layer = changed(sheet, planted(rng))
        fill = lambda t: t.format(visible=draw(layer), invisible=draw(layer, mode=3))
        yield document(kind, sheet, layer, scanned([(sheet, fill(before), fill(behind), layer)]))
    for kind, shown in (("white_under_text", "1 g {}"), ("invisible_on_text", "{}"), ("white_between", "1 g 1 0 0 1 0 7 cm {}"),
                        ("invisible_between", "1 0 0 1 0 7 cm {}"), ("clear_on_text", "/Clear gs {}")):  # decoys among true text
        sheet = next_sheet()
        layer = changed(sheet, planted(rng))
        decoy = shown.format(draw(layer, mode=3 if "invisible" in kind else 0))
        yield document(kind, sheet, layer, one_page(sheet, "q " + decoy + " Q\n" + draw(sheet), resources="/ExtGState<</Clear<</ca 0/CA 0>>>>"))
    sheet = next_sheet()  # black decoys that a white box hides, the true text on top
    layer = changed(sheet, planted(rng))
    yield document("covered", sheet, layer, one_page(sheet, draw(layer) + "\n1 g 0 0 595 842 re f 0 g\n" + draw(sheet)))

    def mapped(kind, sheet, table_of):
        """Drawn as text; the fonts' tables name other characters."""
        maps = {i: {code: table_of(i, c) for code, c in font.true_map().items()} for i, font in enumerate(sheet.fonts)}
        layer = Sheet(sheet.fonts)
        layer.items = [Item(i.x, i.y, i.size, i.font, "".join(table_of(i.font, c) for c in i.text)) for i in sheet.items]
        return document(kind, sheet, layer, one_page(sheet, draw(sheet), maps))

    def permuted(letters, seed):
        shuffled = list(letters)
        random.Random(seed).shuffle(shuffled)
        table = dict(zip(letters, shuffled))
        return lambda font, c: table.get(c, c)

    shift = lambda n: lambda font, c: chr((ord(c) - 33 + n) % 94 + 33) if c > " " else c
    for n in (1, 29):
        yield mapped(f"shift{n}", next_sheet(), shift(n))
    # Letters are right; digits of a letter's address, or all punctuation, are not.
    yield mapped("few_digits", letter(rng, plain), lambda font, c: dict(zip("0123456789", "7358269410")).get(c, c))
    yield mapped("punctuation", next_sheet(), lambda font, c: dict(zip(".,:;-'()", "#$+=*@<>")).get(c, c))
    yield mapped("swapped_case", next_sheet(), lambda font, c: c.swapcase())
    yield mapped("letters", next_sheet(), permuted("abcdefghijklmnopqrstuvwxyz", rng.random()))
    yield mapped("vowels", next_sheet(), lambda font, c: dict(zip("aeiou", "ouaei")).get(c, c))
    yield mapped("digits", table(rng, rng.choice(families)), lambda font, c: dict(zip("0123456789", "7358269410")).get(c, c))
    yield mapped("bold_font", report(rng, plain), lambda font, c: shift(2)(font, c) if font == 1 else c)
    yield mapped("body_font", report(rng, plain), lambda font, c: shift(2)(font, c) if font == 0 else c)
    yield mapped("one_letter", next_sheet(), lambda font, c: "x" if c != " " else c)
    yield mapped("private", next_sheet(), lambda font, c: chr(0xe000 + ord(c)) if c != " " else c)
    yield mapped("unknown", next_sheet(), lambda font, c: "\ufffd" if c != " " else c)
    yield mapped("cyrillic", next_sheet(), lambda font, c: chr(0x430 + ord(c) % 32) if c.isalpha() else c)
    sheet = letter(rng, plain)  # one replacement text for the whole page
    layer = changed(sheet, planted(rng))
    span = "".join("<feff" + i.text.encode("utf-16-be").hex() + ">" for i in layer.items[:1])
    yield document("actual_text", sheet, layer, one_page(sheet, f"/Span<</ActualText {span}>> BDC\n" + draw(sheet) + "\nEMC"))

    def split(sheet):
        upper, lower = changed(sheet, str), changed(sheet, str)
        middle = sheet.items[len(sheet.items) // 2].y
        upper.items = [i for i in upper.items if i.y > middle]
        lower.items = [i for i in lower.items if i.y <= middle]
        return upper, lower

    for hidden in (False, True):  # half of the page is text, the other a picture (with an old OCR layer)
        sheet = letter(rng, serif)
        upper, lower = split(sheet)
        layer = changed(lower, with_errors(rng, 0.1))
        behind = draw(upper) + ("\n" + draw(layer, mode=3) if hidden else "")
        data = scanned([(lower, "", behind, sheet)])
        yield document("partial_ocr" if hidden else "partial", sheet, layer if hidden else lower, data)
    sheets = [letter(rng, plain), article(rng, plain), report(rng, plain)]  # the pages' layers exchanged
    layers = [changed(sheets[(i + 1) % 3], str) for i in range(3)]
    yield {"name": f"false_{next(number):02}_page_order", "kind": "page_order", "true": False, "text": [s.text for s in sheets], "false": [],
           "data": scanned([(s, "", draw(layer, mode=3), layer) for s, layer in zip(sheets, layers)])}


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "documents.json", "w") as index:
        for make in (true_documents, false_documents):
            for d in make(root, random.Random(f"{seed} {make.__name__}")):
                (out / f"{d['name']}.pdf").write_bytes(d.pop("data"))
                print(json.dumps(d), file=index)


if __name__ == "__main__":
    main()
