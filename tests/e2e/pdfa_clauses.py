"""The clauses of PDF/A-2b (ISO 19005-2) that a file can break by what it holds, read with qpdf and MuPDF and nothing of this project:
problems(path) is a list of sentences that begin with the clause, empty for a file without any. It is no validator: widths are looked
at for TrueType fonts with a map of their own alone, and the insides of JPEG 2000 and of other fonts' programs are not.

    python3 tests/e2e/pdfa_clauses.py FILE...    prints them; exit code 1 where there are some
"""
import base64
import json
import pathlib
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree
import zlib

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC, PDF_NS, XMP = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/pdf/1.3/}", "{http://ns.adobe.com/xap/1.0/}"
PDFA_ID = "{http://www.aiim.org/pdfa/ns/id/}"
# Entries of the Info dictionary and what says the same in XMP (PDF/A-1 6.7.3; here asked of PDF/A-2 as well).
INFO_IN_XMP = {"/Title": DC + "title", "/Author": DC + "creator", "/Subject": DC + "description", "/Keywords": PDF_NS + "Keywords",
               "/Creator": XMP + "CreatorTool", "/Producer": PDF_NS + "Producer", "/CreationDate": XMP + "CreateDate",
               "/ModDate": XMP + "ModifyDate"}
FILTERS = {"/ASCIIHexDecode", "/ASCII85Decode", "/FlateDecode", "/RunLengthDecode", "/CCITTFaxDecode", "/JBIG2Decode", "/DCTDecode",
           "/JPXDecode"}
INLINE_FILTERS = FILTERS | {"/AHx", "/A85", "/Fl", "/RL", "/CCF", "/DCT"}
OPERATORS = set("b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k l m M MP n q Q re RG rg ri s S SC "
                "sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \"".split())
ACTIONS = {"/GoTo", "/GoToR", "/GoToE", "/Thread", "/URI", "/Named", "/SubmitForm"}
NAMED_ACTIONS = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
ANNOTATIONS = {"/Text", "/Link", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Highlight", "/Underline",
               "/Squiggly", "/StrikeOut", "/Stamp", "/Caret", "/Ink", "/Popup", "/Widget", "/PrinterMark", "/TrapNet", "/Watermark", "/Redact"}
INTENTS = {"/RelativeColorimetric", "/AbsoluteColorimetric", "/Perceptual", "/Saturation"}
BLEND_MODES = {"/" + name for name in "Normal Compatible Multiply Screen Overlay Darken Lighten ColorDodge ColorBurn HardLight SoftLight "
               "Difference Exclusion Hue Saturation Color Luminosity".split()}
# The maps that PDF knows (PDF 1.7, table 118) end in how they write.
KNOWN_MAP = re.compile(r"/(.*-)?[HV]")
INVISIBLE, HIDDEN, PRINT, NO_VIEW, TOGGLE_NO_VIEW = 1, 2, 4, 32, 256
MAX_STRING, MAX_NAME, MAX_STATES, MIN_SIDE, MAX_SIDE = 32767, 127, 28, 3, 14400  # 6.1.13


class Stream:
    def __init__(self, entries, data):
        self.entries, self.data = entries, data


class File:
    """A PDF's objects as qpdf tells them: names "/X", numbers, lists, dictionaries, streams, references "5 0 R", strings "u:..." or "b:..."."""

    def __init__(self, path):
        said = subprocess.run(["qpdf", "--json=2", "--json-key=qpdf", "--json-stream-data=inline", "--decode-level=none", path], check=False,
                              capture_output=True, timeout=300)
        if said.returncode not in (0, 3):
            raise ValueError(said.stderr.decode())
        objects = json.loads(said.stdout)["qpdf"][1]
        self.trailer = objects.pop("trailer")["value"]
        self.objects = {}
        for name, item in objects.items():
            stream = item.get("stream")
            self.objects[name[4:]] = item["value"] if stream is None else Stream(stream["dict"], base64.b64decode(stream["data"]))

    def get(self, value, *keys):
        """What a reference, or a way of keys from a dictionary, leads to; None where there is none."""
        value = self.resolve(value)
        for key in keys:
            if isinstance(value, Stream):
                value = value.entries
            value = self.resolve(value.get(key)) if isinstance(value, dict) else None
        return value

    def resolve(self, value):
        for _ in range(10):
            if not (isinstance(value, str) and re.fullmatch(r"\d+ \d+ R", value)):
                return value
            value = self.objects.get(value)
        return None

    def decoded(self, stream):
        """None for what is not looked into."""
        data = stream.data
        parameters = as_list(self.get(stream, "/DecodeParms"))
        for number, name in enumerate(as_list(self.get(stream, "/Filter"))):
            predictor = self.get(parameters[number], "/Predictor") if number < len(parameters) else None
            if name == "/FlateDecode" and predictor in (None, 1):
                data = zlib.decompress(data)
            elif name == "/ASCII85Decode":
                data = base64.a85decode(data.strip(), adobe=data.strip().startswith(b"<~")) if data.strip().endswith(b"~>") else None
            elif name == "/ASCIIHexDecode":
                data = bytes.fromhex(data.decode().strip().rstrip(">"))
            else:
                return None
        return data


def as_list(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def text_of(value):
    if value.startswith("u:"):
        return value[2:]
    raw = bytes.fromhex(value[2:])
    return raw[2:].decode("utf-16-be") if raw[:2] == b"\xfe\xff" else raw.decode("latin-1")


TOKEN = re.compile(rb"\s+|%[^\r\n]*|(<<|>>|\[|\]|\{|\})|(/[^\s()<>\[\]{}/%]*)|(<[0-9A-Fa-f\s]*>)|(\()|([^\s()<>\[\]{}/%]+)")


def operators(data):
    """(name, operands) of a content stream; operands are names and words alone, an inline image's dictionary those of "BI"."""
    at, operands = 0, []
    while at < len(data):
        found = TOKEN.match(data, at)
        if not found:
            at += 1
            continue
        at = found.end()
        if found[4]:
            depth = 1
            while depth and at < len(data):
                c = data[at:at + 1]
                depth += (c == b"(") - (c == b")")
                at += 2 if c == b"\\" else 1
        elif found[1] or found[2]:
            operands.append((found[1] or found[2]).decode("latin-1"))
        elif found[5]:
            word = found[5].decode("latin-1")
            if word == "ID":
                end = re.compile(rb"\sEI(?=[\s]|$)").search(data, at)
                yield "BI", operands
                operands, at = [], end.end() if end else len(data)
            elif word == "BI":
                operands = []
            elif re.fullmatch(r"[+-]?[\d.]+|true|false|null", word):
                operands.append(word)
            else:
                yield word, operands
                operands = []


class Check:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.found = []
        self.file = File(path)
        self.root = self.file.get(self.file.trailer, "/Root")
        self.intent_space = None
        self.used = {}    # font's reference or id -> its codes that are shown
        self.drawn = set()

    def bad(self, clause, what):
        if f"{clause} {what}" not in self.found:
            self.found.append(f"{clause} {what}")

    def run(self):
        self.bytes_and_trailer()
        self.output_intents()
        self.metadata()
        self.catalog()
        for reference, item in self.file.objects.items():
            self.look(item, reference)
        pages = []
        self.pages(self.file.get(self.root, "/Pages"), {}, pages)
        if not pages:
            self.bad("6.1", "it has no pages")
        for page in pages:
            self.page(page)
        self.by_mupdf()
        return self.found

    # --- The file (6.1) ---

    def bytes_and_trailer(self):
        data = self.path.read_bytes()
        if not re.match(rb"%PDF-1\.[0-7](\r\n|\r|\n)%[\x80-\xff]{4}", data):
            self.bad("6.1.2", "the header is not followed by a comment of four bytes above 127")
        if not re.search(rb"%%EOF(\r\n|\r|\n)?\Z", data):
            self.bad("6.1.3", "there is something after the end")
        if "/Encrypt" in self.file.trailer:
            self.bad("6.1.3", "it is encrypted")
        ids = self.file.get(self.file.trailer, "/ID")
        if not (isinstance(ids, list) and len(ids) == 2 and all(isinstance(i, str) and len(i) > 2 for i in ids)):
            self.bad("6.1.3", "the trailer has no ID")
        checked = subprocess.run(["qpdf", "--check", self.path], capture_output=True, check=False, timeout=300)
        if checked.returncode != 0:
            self.bad("6.1", "qpdf finds it damaged: " + checked.stderr.decode()[-300:])

    def catalog(self):
        get = self.file.get
        for key, clause in (("/AA", "6.5.2"), ("/Requirements", "6.11"), ("/NeedsRendering", "6.4.2")):
            if get(self.root, key) is not None:
                self.bad(clause, f"the catalog has {key}")
        for key, clause in (("/AlternatePresentations", "6.10"), ("/EmbeddedFiles", "6.8"), ("/JavaScript", "6.5.1")):
            if get(self.root, "/Names", key) is not None:
                self.bad(clause, f"the names have {key}")
        if get(self.root, "/AcroForm", "/XFA") is not None:
            self.bad("6.4.2", "there is an XFA form")
        if get(self.root, "/AcroForm", "/NeedAppearances") is True:
            self.bad("6.4.1", "the form's appearances are left to the reader")
        layers = get(self.root, "/OCProperties")
        if layers is None:
            return
        known, names = {item for item in as_list(layers.get("/OCGs"))}, []
        for configuration in [get(layers, "/D"), *map(self.file.resolve, as_list(get(layers, "/Configs")))]:
            name = get(configuration, "/Name")
            if not name:
                self.bad("6.9", "a configuration of layers has no name")
            names.append(name)
            if get(configuration, "/AS") is not None:
                self.bad("6.9", "layers depend on events (AS)")
            order = get(configuration, "/Order")
            if order is not None and not known <= set(re.findall(r"\d+ \d+ R", json.dumps(order))):
                self.bad("6.9", "the order does not name every layer")
        if len(set(names)) < len(names):
            self.bad("6.9", "two configurations of layers have one name")

    # --- Metadata (6.6) ---

    def metadata(self):
        stream = self.file.get(self.root, "/Metadata")
        if not isinstance(stream, Stream):
            return self.bad("6.6.2.1", "there is no XMP metadata")
        if "/Filter" in stream.entries:
            self.bad("6.6.2.1", "the XMP metadata is compressed")
        if stream.entries.get("/Type") != "/Metadata" or stream.entries.get("/Subtype") != "/XML":
            self.bad("6.6.2.1", "the metadata's stream does not say what it is")
        packet = re.match(rb"\s*<\?xpacket begin=[\"'](\xef\xbb\xbf)?[\"'] [^>]*\?>", stream.data)
        if not packet or b" bytes=" in packet[0] or b" encoding=" in packet[0]:
            self.bad("6.6.2.1", "the XMP packet's head is wrong")
        try:
            xmp = xml.etree.ElementTree.fromstring(stream.data.decode("utf-8"))
        except (UnicodeDecodeError, xml.etree.ElementTree.ParseError) as error:
            return self.bad("6.6.2.1", f"the XMP metadata is no XML in UTF-8: {error}")
        said = {}
        for description in xmp.iter(RDF + "Description"):
            said.update({key: value for key, value in description.attrib.items() if not key.startswith(RDF)})
            for child in description:
                items = [item.text or "" for item in child.iter(RDF + "li")]
                said[child.tag] = items[0] if len(items) == 1 else "; ".join(items) if items else child.text or ""
        if said.get(PDFA_ID + "part") != "2" or said.get(PDFA_ID + "conformance") not in ("B", "U", "A"):
            self.bad("6.6.4", f"it does not say that it is PDF/A-2b: {said.get(PDFA_ID + 'part')}{said.get(PDFA_ID + 'conformance')}")
        info = self.file.get(self.file.trailer, "/Info") or {}
        for key, value in info.items():
            value = self.file.resolve(value)
            if key not in INFO_IN_XMP or not isinstance(value, str) or value[:2] not in ("u:", "b:"):
                continue
            text, there = text_of(value), said.get(INFO_IN_XMP[key])
            if key.endswith("Date"):
                text, there = (re.sub(r"\D", "", v or "")[:12] for v in (text, there))
            if text and text != there:
                self.bad("6.6.3", f"Info's {key} is {text!r}, XMP says {there!r}")
        return None

    # --- Colours (6.2.3, 6.2.4) ---

    def output_intents(self):
        intents = [self.file.resolve(item) for item in as_list(self.file.get(self.root, "/OutputIntents"))]
        profiles = {json.dumps(intent.get("/DestOutputProfile")) for intent in intents if "/DestOutputProfile" in intent}
        if len(profiles) > 1:
            self.bad("6.2.3", "output intents have different profiles")
        intents = [intent for intent in intents if intent.get("/S") == "/GTS_PDFA1"]
        if not intents:
            return self.bad("6.2.3", "there is no output intent for PDF/A")
        profile = self.file.get(intents[0], "/DestOutputProfile")
        if not isinstance(profile, Stream):
            return self.bad("6.2.3", "the output intent has no profile")
        self.intent_space = self.icc(profile, {b"mntr", b"prtr"}, "6.2.3")
        return None

    def icc(self, profile, kinds, clause):
        """The profile's colour space; N must agree."""
        data = self.file.decoded(profile)
        if data is None or len(data) < 128 or data[36:40] != b"acsp" or struct.unpack(">I", data[:4])[0] != len(data):
            return self.bad(clause, "a profile is none of ICC")
        if data[8] not in (2, 4) or data[12:16] not in kinds:
            self.bad(clause, f"a profile is of version {data[8]} and kind {data[12:16]}")
        n = {b"GRAY": 1, b"RGB ": 3, b"Lab ": 3, b"CMYK": 4}.get(data[16:20])
        if n is None or n != self.file.get(profile, "/N"):
            self.bad(clause, f"a profile of {data[16:20]} has N {self.file.get(profile, '/N')}")
        tags = {data[132 + 12 * i:136 + 12 * i] for i in range(struct.unpack(">I", data[128:132])[0])} if len(data) >= 132 else set()
        needed = {b"GRAY": {b"kTRC"}, b"RGB ": {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}}.get(data[16:20], set())
        if not {b"desc", b"wtpt", b"cprt"} <= tags or not (needed <= tags or b"A2B0" in tags):
            self.bad(clause, f"a profile lacks tags: it has {sorted(tags)}")
        return data[16:20]

    def space(self, value, resources, depth=0):
        value = self.file.resolve(value)
        if depth > 8 or value is None:
            return
        name = value if isinstance(value, str) else self.file.resolve(value[0]) if value else None
        default = {"/DeviceRGB": "/DefaultRGB", "/RGB": "/DefaultRGB", "/DeviceCMYK": "/DefaultCMYK", "/CMYK": "/DefaultCMYK"}.get(name)
        if default and self.file.get(resources, "/ColorSpace", default) is None:
            wanted = b"RGB " if default == "/DefaultRGB" else b"CMYK"
            if self.intent_space != wanted:
                self.bad("6.2.4.3", f"{name} is used, the output intent is of {self.intent_space}")
        if not isinstance(value, list):
            return
        if name == "/ICCBased":
            profile = self.file.resolve(value[1])
            if isinstance(profile, Stream):
                self.icc(profile, {b"mntr", b"prtr", b"scnr", b"spac"}, "6.2.4.2")
            else:
                self.bad("6.2.4.2", "a colour space has no profile")
        elif name in ("/Indexed", "/I", "/Pattern") and len(value) > 1:
            self.space(value[1], resources, depth + 1)
        elif name in ("/Separation", "/DeviceN"):
            self.space(value[2], resources, depth + 1)

    # --- Every object ---

    def look(self, value, where, depth=0):
        if depth > 40:
            return
        if isinstance(value, Stream):
            self.stream(value, where)
            value = value.entries
        if isinstance(value, list):
            for item in value:
                self.look(item, where, depth + 1)
        elif isinstance(value, dict):
            self.dictionary(value, where)
            for key, item in value.items():
                if len(key.encode()) > MAX_NAME + 1:
                    self.bad("6.1.13", "a name is too long")
                self.look(item, where, depth + 1)
        elif isinstance(value, str) and value[:2] in ("u:", "b:") and len(value) > MAX_STRING:
            self.bad("6.1.13", "a string is too long")

    def stream(self, stream, where):
        for key in ("/F", "/FFilter", "/FDecodeParms"):
            if key in stream.entries:
                self.bad("6.1.7.1", f"stream {where} lies in another file")
        for name in as_list(self.file.get(stream, "/Filter")):
            if name not in FILTERS:
                self.bad("6.1.7.2", f"stream {where} is coded with {name}")
        subtype = self.file.get(stream, "/Subtype")
        if subtype == "/PS" or "/PS" in stream.entries or self.file.get(stream, "/Subtype2") == "/PS":
            self.bad("6.2.9", f"{where} is PostScript")
        if subtype == "/Image":
            if self.file.get(stream, "/Interpolate") is True:
                self.bad("6.2.8", f"picture {where} is interpolated")
            for key in ("/Alternates", "/OPI"):
                if key in stream.entries:
                    self.bad("6.2.8", f"picture {where} has {key}")
            if self.file.get(stream, "/ImageMask") is not True and "/JPXDecode" not in as_list(self.file.get(stream, "/Filter")):
                if self.file.get(stream, "/BitsPerComponent") not in (1, 2, 4, 8, 16) or "/ColorSpace" not in stream.entries:
                    self.bad("6.2.8", f"picture {where} does not say its bits or its colours")
            self.space(stream.entries.get("/ColorSpace"), None)
            if self.file.get(stream, "/Intent") not in {None, *INTENTS}:
                self.bad("6.2.6", f"picture {where} has an unknown intent")
        if subtype == "/Form":
            for key in ("/OPI", "/Ref"):
                if key in stream.entries:
                    self.bad("6.2.9", f"form {where} has {key}")

    def dictionary(self, d, where):
        get = self.file.get
        action = get(d, "/S")
        kind = get(d, "/Type")
        if "/JS" in d or action == "/JavaScript":
            self.bad("6.5.1", f"{where} holds JavaScript")
        is_action = kind == "/Action" or any(key in d for key in ("/URI", "/Win", "/D", "/N", "/F", "/Fields", "/T", "/H", "/State", "/R", "/Sound"))
        if isinstance(action, str) and kind not in ("/Group", "/OutputIntent", "/StructElem", "/Transparency", "/Border") and is_action:
            known = {"/S", "/D", "/R", "/A", "/a", "/L", "/U", "/B", "/I", "/C", "/E"}
            if action[1:2].isupper() and len(action) > 3 and action not in ACTIONS | known | {"/Trans", "/Transparency", "/GTS_PDFA1"} and "/P" not in d:
                self.bad("6.5.1", f"{where} is an action {action}")
            if action == "/Named" and get(d, "/N") not in NAMED_ACTIONS:
                self.bad("6.5.1", f"{where} is a named action {get(d, '/N')}")
        if "/EF" in d:
            self.bad("6.8", f"{where} is a file within the file")
        if action == "/Transparency":
            self.space(d.get("/CS"), None)
        if kind == "/ExtGState" or "/TR" in d or "/TR2" in d or "/HTP" in d:
            if "/TR" in d or "/HTP" in d or get(d, "/TR2") not in (None, "/Default"):
                self.bad("6.2.5", f"{where} has a transfer function or halftone phase")
            if isinstance(get(d, "/HT"), (dict, Stream)) and get(d, "/HT", "/HalftoneType") not in (1, 5):
                self.bad("6.2.5", f"{where} has a halftone of another type")
            if get(d, "/RI") not in {None, *INTENTS}:
                self.bad("6.2.6", f"{where} has an unknown intent")
        for mode in as_list(get(d, "/BM")):
            if mode not in BLEND_MODES:
                self.bad("6.2.10", f"{where} blends by {mode}")
        if kind == "/Annot" or ("/Rect" in d and "/Subtype" in d):
            self.annotation(d, where)

    def annotation(self, d, where):
        get = self.file.get
        kind = get(d, "/Subtype")
        if kind not in ANNOTATIONS:
            self.bad("6.3.1", f"annotation {where} is {kind}")
        if kind == "/Popup":
            return
        flags = get(d, "/F") or 0
        if not flags & PRINT or flags & (INVISIBLE | HIDDEN | NO_VIEW | TOGGLE_NO_VIEW):
            self.bad("6.3.2", f"annotation {where} is hidden or not printed ({flags})")
        if kind == "/Widget" and ("/A" in d or "/AA" in d):
            self.bad("6.4.1", f"field {where} has an action")
        rect = [get(v) for v in as_list(get(d, "/Rect"))]
        if kind == "/Link" or (len(rect) == 4 and rect[0] == rect[2] and rect[1] == rect[3]):
            return
        if not isinstance(get(d, "/AP"), dict) or set(get(d, "/AP")) != {"/N"}:
            self.bad("6.3.3", f"annotation {where} has no appearance, or more than one")

    # --- Pages, and what they draw (6.2) ---

    def pages(self, node, above, out):
        if not isinstance(node, dict) or len(out) > 100000:
            return
        inherited = {**above, **{key: node[key] for key in ("/Resources", "/MediaBox", "/CropBox") if key in node}}
        if "/Kids" in node:
            for kid in as_list(self.file.get(node, "/Kids")):
                self.pages(self.file.resolve(kid), inherited, out)
        else:
            out.append({**inherited, **node})

    def page(self, page):
        get = self.file.get
        for key in ("/MediaBox", "/CropBox", "/TrimBox", "/BleedBox", "/ArtBox"):
            box = [get(v) for v in as_list(get(page, key))]
            if box or key == "/MediaBox":
                sides = [abs(box[2] - box[0]), abs(box[3] - box[1])] if len(box) == 4 else [0]
                if min(sides) < MIN_SIDE or max(sides) > MAX_SIDE:
                    self.bad("6.1.13", f"a page's {key} is {box}")
        for key, clause in (("/AA", "6.5.2"), ("/PresSteps", "6.10")):
            if key in page:
                self.bad(clause, f"a page has {key}")
        contents = [self.file.resolve(item) for item in as_list(get(page, "/Contents"))]
        parts = [self.file.decoded(item) for item in contents if isinstance(item, Stream)]
        if None not in parts:
            self.content(b"\n".join(parts), page.get("/Resources"), 0)
        for note in as_list(get(page, "/Annots")):
            for state in (get(note, "/AP") or {}).values():
                state = self.file.resolve(state)
                for form in state.values() if isinstance(state, dict) else [state]:
                    self.form(form, None, 0)

    def form(self, form, above, depth):
        form = self.file.resolve(form)
        if isinstance(form, Stream) and depth < 20 and id(form) not in self.drawn:
            self.drawn.add(id(form))
            data = self.file.decoded(form)
            if data is not None:
                self.content(data, form.entries.get("/Resources", above), depth + 1)

    def content(self, data, resources, depth):
        get = self.file.get
        deepest = states = compatible = 0
        mode, font, kept = "0", None, []
        named = {"cs": "/ColorSpace", "CS": "/ColorSpace", "gs": "/ExtGState", "sh": "/Shading", "Do": "/XObject", "Tf": "/Font"}
        device = {"rg": "/DeviceRGB", "RG": "/DeviceRGB", "k": "/DeviceCMYK", "K": "/DeviceCMYK"}
        for name, operands in operators(data):
            states += (name == "q") - (name == "Q")
            deepest = max(deepest, states)
            compatible += (name == "BX") - (name == "EX")
            if name not in OPERATORS:
                self.bad("6.2.2", f"an operator {name!r} that PDF does not know")
            if name == "q":
                kept.append((mode, font))
            elif name == "Q" and kept:
                mode, font = kept.pop()
            elif name == "Tr" and operands:
                mode = operands[-1]
            elif name in device:
                self.space(device[name], resources)
            elif name == "ri" and operands and operands[-1] not in INTENTS:
                self.bad("6.2.6", f"an unknown intent {operands[-1]}")
            elif name == "BI":
                self.inline(operands, resources)
            if name in named:
                wanted = next((o for o in operands if o.startswith("/")), "")
                if name in ("cs", "CS") and wanted in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/Pattern"):
                    self.space(wanted, resources)
                    continue
                item = get(resources, named[name], wanted)
                if item is None:
                    self.bad("6.2.2", f"{wanted} is used and not in the resources")
                elif name in ("cs", "CS"):
                    self.space(item, resources)
                elif name == "sh":
                    self.space(get(item, "/ColorSpace"), resources)
                elif name == "Do" and get(item, "/Subtype") == "/Form":
                    self.form(item, resources, depth)
                elif name == "Tf":
                    font = item
            if name in ("Tj", "TJ", "'", '"') and font is not None:
                self.font(font, mode)
        if deepest > MAX_STATES:
            self.bad("6.1.13", f"{deepest} graphics states are open at once")

    def inline(self, operands, resources):
        entries = {operands[i]: operands[i + 1] for i in range(0, len(operands) - 1) if operands[i].startswith("/")}
        if entries.get("/I", entries.get("/Interpolate")) == "true":
            self.bad("6.2.8", "an inline picture is interpolated")
        at = next((i for i, o in enumerate(operands) if o in ("/F", "/Filter")), None)
        if at is not None:
            for name in operands[at + 1:]:
                if not name.startswith("/"):
                    if name != "[":
                        break
                elif name not in INLINE_FILTERS:
                    if name in ("/LZW", "/LZWDecode", "/Crypt"):
                        self.bad("6.1.10", f"an inline picture is coded with {name}")
                    break
        space = entries.get("/CS", entries.get("/ColorSpace"))
        if space in ("/RGB", "/DeviceRGB", "/CMYK", "/DeviceCMYK"):
            self.space(space, resources)

    # --- Fonts (6.2.11) ---

    def font(self, font, mode):
        get = self.file.get
        if (id(font), mode == "3") in self.drawn:
            return
        self.drawn.add((id(font), mode == "3"))
        kind, name = get(font, "/Subtype"), get(font, "/BaseFont")
        if kind == "/Type3":
            for glyph in (get(font, "/CharProcs") or {}).values():
                self.form(glyph, font.get("/Resources"), 0)
            return
        if kind not in ("/Type0", "/Type1", "/MMType1", "/TrueType"):
            return self.bad("6.2.11.2", f"font {name} is of kind {kind}")
        base = font
        if kind == "/Type0":
            base = self.file.resolve(as_list(get(font, "/DescendantFonts"))[0])
            encoding = get(font, "/Encoding")
            if isinstance(encoding, str) and not KNOWN_MAP.fullmatch(encoding):
                self.bad("6.2.11.3.3", f"font {name} has the map {encoding}, which is not embedded")
            if get(base, "/Subtype") == "/CIDFontType2" and get(base, "/FontDescriptor", "/FontFile2"):
                mapping = get(base, "/CIDToGIDMap")
                if mapping != "/Identity" and not isinstance(mapping, Stream):
                    self.bad("6.2.11.3.2", f"font {name} does not map its characters to glyphs")
            if isinstance(encoding, str) and not isinstance(get(font, "/ToUnicode"), Stream):
                self.bad("6.2.11.7", f"font {name} does not say what its characters are (ToUnicode)")
        program = next((get(base, "/FontDescriptor", key) for key in ("/FontFile", "/FontFile2", "/FontFile3")
                        if isinstance(get(base, "/FontDescriptor", key), Stream)), None)
        if program is None:
            if mode != "3":
                self.bad("6.2.11.4.1", f"font {name} is not embedded")
            return None
        if get(base, "/Subtype") == "/CIDFontType2":
            self.widths(base, name)
        return None

    def widths(self, font, name):
        """Of glyphs in the program, against what the dictionary says (6.2.11.5)."""
        data = self.file.decoded(self.file.get(font, "/FontDescriptor", "/FontFile2"))
        if data is None or len(data) < 12:
            return self.bad("6.2.11.4.1", f"font {name} has no readable program")
        tables = {data[12 + 16 * i:16 + 16 * i]: struct.unpack(">II", data[20 + 16 * i:28 + 16 * i])
                  for i in range(struct.unpack(">H", data[4:6])[0])}
        if not {b"head", b"hhea", b"hmtx", b"maxp", b"loca", b"glyf"} <= set(tables):
            return self.bad("6.2.11.4.1", f"font {name} lacks tables: it has {sorted(tables)}")
        part = lambda table: data[tables[table][0]:tables[table][0] + tables[table][1]]
        unit, = struct.unpack(">H", part(b"head")[18:20])
        n_long, = struct.unpack(">H", part(b"hhea")[34:36])
        n_glyphs, = struct.unpack(">H", part(b"maxp")[4:6])
        hmtx = part(b"hmtx")
        advance = lambda glyph: struct.unpack(">H", hmtx[4 * min(glyph, n_long - 1):][:2])[0] * 1000 / unit
        mapping = self.file.get(font, "/CIDToGIDMap")
        gids = self.file.decoded(mapping) if isinstance(mapping, Stream) else None
        said, listed = {}, as_list(self.file.get(font, "/W"))
        i = 0
        while i + 1 < len(listed):
            second = self.file.resolve(listed[i + 1])
            if isinstance(second, list):
                said.update({listed[i] + j: width for j, width in enumerate(second)})
                i += 2
            else:
                said.update({cid: listed[i + 2] for cid in range(listed[i], second + 1)})
                i += 3
        default = self.file.get(font, "/DW")
        default = 1000 if default is None else default
        for cid in range(len(gids) // 2 if gids is not None else n_glyphs):
            gid = struct.unpack(">H", gids[2 * cid:2 * cid + 2])[0] if gids is not None else cid
            if gid >= n_glyphs:
                return self.bad("6.2.11.4.1", f"font {name} has no glyph {gid}")
            if gid and abs(advance(gid) - said.get(cid, default)) > 1:
                return self.bad("6.2.11.5", f"font {name}: character {cid} is {said.get(cid, default)} wide, its glyph {advance(gid):g}")
        return None

    # --- As another reader sees it ---

    def by_mupdf(self):
        drawn = subprocess.run(["mutool", "draw", "-q", "-F", "stext", "-o", "-", self.path], capture_output=True, check=False, timeout=300)
        if drawn.returncode != 0 or b"error:" in drawn.stderr:
            self.bad("6.1", "MuPDF cannot show it: " + drawn.stderr.decode(errors="replace")[-300:])
        if "\ufffd" in drawn.stdout.decode(errors="replace") or b"&#xfffd;" in drawn.stdout:
            self.bad("6.2.11.7", "characters without a name (ToUnicode)")


def problems(path):
    return Check(path).run()


if __name__ == "__main__":
    all_found = [(path, found) for path in sys.argv[1:] for found in problems(path)]
    for path, found in all_found:
        print(f"{path}: {found}")
    sys.exit(1 if all_found else 0)
