#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/: what the reference tokenizer (PyPI package `tokenizers`) makes of many texts.

Why: the C++ tokenizer must give the same ids for every text, so it is compared with the reference on fuzzed strings of all
scripts, real text, and ids of random order. Needs: pip install tokenizers. Run from anywhere:
    python3 tools/goldens/make_tokenizer_goldens.py [--text-dir /usr/share ...]
The output depends on the texts found on the machine (strings and the trained vocabulary), not on chance: the seed is fixed.

Files written:
  char_classes.txt   every run of code points that the reference's \\p{L}, \\p{N} or \\s matches: "first last class", in hex
  *.golden           one tokenizer with texts and ids, zlib-compressed; all integers are LEB128 varints:
    size, bytes of tokenizer.json (size 0: models/starter/tokenizer.json)
    count, then per text:   size, UTF-8 bytes, n, n ids (encode, special tokens parsed), flag
                            flag 1: then n, n ids of the same text with nothing parsed as a special token; 0: they are equal
    count, then per stream: n, n ids, size, text with special tokens kept, size, text with them skipped
"""
import argparse
import copy
import gettext
import glob
import json
import os
import random
import re
import zlib

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "tests", "golden", "tokenizer")
STARTER = os.path.join(ROOT, "models", "starter", "tokenizer.json")

SCRIPTS = [  # ranges to draw characters from
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x531, 0x58A), (0x590, 0x5FF), (0x600, 0x6FF), (0x700, 0x7FF), (0x900, 0x97F), (0x980, 0xDFF),
    (0xE00, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F), (0x13A0, 0x16FF),
    (0x1780, 0x18AF), (0x1AB0, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x20CF), (0x2100, 0x23FF),
    (0x2460, 0x27BF), (0x2900, 0x2BFF), (0x2C00, 0x2DFF), (0x2E80, 0x303F), (0x3040, 0x30FF), (0x3100, 0x33FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0x4E00, 0x9FFF), (0xA000, 0xA4CF), (0xA640, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF),
    (0xFB00, 0xFDFF), (0xFE00, 0xFE2F), (0xFE30, 0xFFFF), (0x10000, 0x1FFFF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF),
    (0x1F300, 0x1FAFF), (0x20000, 0x3FFFF), (0xE0000, 0xE01FF), (0xF0000, 0x10FFFF)]
SPACES = list(" \t\n\r\v\f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000") + ["\r\n", "  ", "\n\n", "   ", " \n", "\n ", "\t\t"]
PIECES = ["'s", "'S", "'\u017f", "'t", "'RE", "'ve", "'ll", "'Ll", "'lL", "'l", "'r", "'d", "'m", "'M", "''s", "’s", "\u017f",
          "\u212a", "\u0130", "ß", "ﬆ", "'ﬆ", "0", "12", "123", "1234", "2024", "٣", "½", "Ⅷ", "²", "一二三", "e\u0301", "\u0301",
          "👩‍👩‍👧", "👍🏽", "🇩🇪", "\u200d", "\ufe0f", "\u200b", "\ufeff", "\u00ad", "_", "__", "--", "...", "$$", "\\frac", "{", "}",
          "<table>", "</td>", "<|", "|>", "<", ">", "[", "]", "http://", "a.b@c", "中文", "日本語", "한국어", "русский", "ελληνικά",
          "हिन्दी", "ไทย", "עברית", "العربية", "the", " the", "The", "hello", "ing", "OCR", "Text Recognition:", "\x00", "\x1f", "\x7f",
          "<|user|", "|user|>", "<|user |>", "<|USER|>", "<|im", "[gMASK", "gMASK]", "<sop", "<sop>>", "/nothin", "//nothink",
          "<<|image|>>", "<|begin_of_image|", "<|begin_of_<|image|>"]


def varint(n):
    out = bytearray()
    while True:
        out.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if not n:
            return bytes(out)


def sized(b):
    return varint(len(b)) + b


def id_list(ids):
    return varint(len(ids)) + b"".join(map(varint, ids))


def random_char(rng):
    while True:
        c = rng.randint(*rng.choice(SCRIPTS))
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def fuzz_string(rng, special, text):
    kind = rng.random()
    if kind < 0.12:
        i = rng.randrange(len(text) - 80)
        return text[i:i + rng.randint(1, 60)]
    if kind < 0.15:
        return rng.choice(SPACES + PIECES + list("aeé中0 ")) * rng.randint(1, 90)
    if kind < 0.22:  # one script
        lo, hi = rng.choice(SCRIPTS)
        return "".join(chr(c) for c in (rng.randint(lo, hi) for _ in range(rng.randint(1, 16))) if not 0xD800 <= c <= 0xDFFF)
    out = []
    for _ in range(rng.randint(1, 9)):
        k = rng.random()
        if k < 0.25:
            out.append(rng.choice(SPACES))
        elif k < 0.50:
            out.append(rng.choice(PIECES))
        elif k < 0.58:
            out.append(rng.choice(special))
        elif k < 0.66:
            i = rng.randrange(len(text) - 20)
            out.append(text[i:i + rng.randint(1, 12)])
        elif k < 0.72:
            out.append(str(rng.randrange(10 ** rng.randint(1, 9))))
        else:
            out += [random_char(rng) for _ in range(rng.randint(1, 4))]
    return "".join(out)


def plain_copy(config):
    """The same tokenizer without added tokens: what text gives when nothing in it is special."""
    config = copy.deepcopy(config)
    config["added_tokens"], config["post_processor"] = [], None
    return Tokenizer.from_str(json.dumps(config))


def write_golden(name, config_text, texts, n_streams, rng, embed=True):
    config = json.loads(config_text)
    tok, plain = Tokenizer.from_str(config_text), plain_copy(config)
    raw = bytearray(sized(config_text.encode() if embed else b"") + varint(len(texts)))
    for s in texts:
        ids = tok.encode(s, add_special_tokens=False).ids
        plain_ids = plain.encode(s, add_special_tokens=False).ids
        raw += sized(s.encode()) + id_list(ids) + (b"\0" if ids == plain_ids else b"\1" + id_list(plain_ids))
    top = max(tok.get_vocab().values())
    raw += varint(n_streams)
    byte_ids = [i for t, i in tok.get_vocab().items() if len(t) == 1]
    special_ids = [t["id"] for t in config["added_tokens"]]
    for _ in range(n_streams):  # random ids make broken UTF-8; mostly bytes, to meet every malformed shape
        pools = [byte_ids, byte_ids, range(top + 3), special_ids or byte_ids]
        ids = [rng.choice(rng.choice(pools)) for _ in range(rng.randint(0, 12))]
        if rng.random() < 0.5:
            ids += tok.encode(rng.choice(texts)).ids[:8]
        raw += id_list(ids)
        raw += sized(tok.decode(ids, skip_special_tokens=False).encode()) + sized(tok.decode(ids).encode())
    packed = zlib.compress(bytes(raw), 9)
    with open(os.path.join(OUT, name + ".golden"), "wb") as f:
        f.write(packed)
    print(name, len(texts), "texts", n_streams, "streams", len(packed), "bytes")


def system_text(dirs, per_file=20000):
    """Prose, code and translations of many languages, as far as this machine has them."""
    parts = []
    for d in dirs:
        for pattern, limit in (("doc/*/copyright", 150), ("perl/5*/pod/perl*.pod", 80), ("perl/5*/**/*.pm", 150),
                               ("doc/**/*.html", 150), ("games/fortunes/**/*", 60), ("i18n/locales/*", 60)):
            files = [f for f in sorted(glob.glob(os.path.join(d, pattern), recursive=True)) if os.path.isfile(f)]
            for f in files[:limit]:
                with open(f, encoding="utf8", errors="ignore") as stream:
                    parts.append(stream.read(per_file))
        for f in sorted(glob.glob(os.path.join(d, "vim/**/*.UTF-8/**/*.mo"), recursive=True) +
                        glob.glob(os.path.join(d, "vim/**/*.mo"), recursive=True)):
            try:
                with open(f, "rb") as stream:
                    parts.append("\n".join(v for v in gettext.GNUTranslations(stream)._catalog.values())[:15000])
            except (UnicodeDecodeError, OSError):
                pass
    return "\n".join(parts).replace("\x00", "")


def train(text, vocab_size, special):
    tok = Tokenizer(models.BPE(byte_fallback=False))
    split = json.load(open(STARTER, encoding="utf8"))["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated"),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator([text[i:i + 5000] for i in range(0, len(text), 5000)],
                            trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                show_progress=False))
    tok.add_special_tokens(special)
    return json.dumps(json.loads(tok.to_str()), ensure_ascii=False, separators=(",", ":"))


def variants(config):
    """Name and tokenizer.json for every other feature that the C++ side claims."""
    def changed(f):
        c = copy.deepcopy(config)
        f(c)
        return json.dumps(c, ensure_ascii=False, separators=(",", ":"))

    def word_vocabulary(c):  # ignore_merges with words that no merge reaches, and merges as strings
        c["model"]["ignore_merges"] = True
        c["model"]["merges"] = [a + " " + b for a, b in c["model"]["merges"]]
        for w in ["hello", "Ġthe", "123", "ä¸ŃæĸĩĊ", "Recognition", "OCR"]:
            c["model"]["vocab"].setdefault(w, len(c["model"]["vocab"]))
        for i, t in enumerate(c["added_tokens"]):
            t["id"] = len(c["model"]["vocab"]) + i

    def gpt2_split(c):
        c["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}

    def other_split(c):
        c["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\p{Han}+|\d|x*|[^\s\d\p{Han}]+|\s(?=\S)|\s+"

    def strips(c):
        top = max(t["id"] for t in c["added_tokens"]) + 1
        vocab = c["model"]["vocab"]
        for i, (content, l, r, n) in enumerate([("<l>", True, False, False), ("<r>", False, True, False), ("<lr>", True, True, False),
                                                ("the", False, False, True), ("<|image|>x", False, False, False), ("é", False, False, True),
                                                ("sp ace", True, True, True), ("<", False, False, True)]):
            number = vocab.get(content, top)  # an added token may be one that the model has already
            top += number == top
            c["added_tokens"].append({"id": number, "content": content, "single_word": False, "lstrip": l, "rstrip": r,
                                      "normalized": n, "special": i % 2 == 0})

    def nfc(c):
        c["normalizer"] = {"type": "NFC"}

    def template(c):
        c["post_processor"] = {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "[gMASK]", "type_id": 0}}, {"SpecialToken": {"id": "<sop>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[gMASK]", 1007), ("<sop>", 1009))}}]}

    def repeated_merge(c):  # the later rank counts
        c["model"]["merges"].append(c["model"]["merges"][0])

    for f in (word_vocabulary, gpt2_split, other_split, strips, nfc, template, repeated_merge):
        yield f.__name__, changed(f)


def write_char_classes():
    members = {}
    code_points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    for name, pattern in (("L", r"\p{L}"), ("N", r"\p{N}"), ("S", r"\s")):
        split = pre_tokenizers.Split(Regex(pattern), "removed")
        for i in range(0, len(code_points), 4096):
            chunk = code_points[i:i + 4096]
            rest = set("".join(x for x, _ in split.pre_tokenize_str("".join(map(chr, chunk)))))
            for c in chunk:
                if chr(c) not in rest:
                    assert c not in members
                    members[c] = name
    lines = []
    for c in sorted(members):
        if lines and lines[-1][1] == c - 1 and lines[-1][2] == members[c]:
            lines[-1][1] = c
        else:
            lines.append([c, c, members[c]])
    with open(os.path.join(OUT, "char_classes.txt"), "w") as f:
        f.writelines("%x %x %s\n" % tuple(line) for line in lines)
    print("char_classes.txt", len(members), "code points in", len(lines), "runs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text-dir", nargs="*", default=["/usr/share"])
    args = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    rng = random.Random(20240613)
    write_char_classes()
    config_text = open(STARTER, encoding="utf8").read()
    config = json.loads(config_text)
    special = [t["content"] for t in config["added_tokens"]]
    text = system_text(args.text_dir)
    print("system text:", len(text), "characters")
    # Only the statistics of the texts go into the goldens: words in random order, never a passage.
    pieces = re.findall(r"\S+|\s+", text)
    words = "".join(rng.choice(pieces) for _ in range(400000))
    fixed = ["", "123456", "1234567 12", "中文123\n\n日本", "Text Recognition:", "hi", "\nhi", "\n\nhi", "a" * 3000, " " * 3000, "\n" * 999,
             "'" * 500, "é" * 700, "请按下列JSON格式输出图中信息:\n{\"a\": \"\"}"]
    fixed += ["'" + chr(c) + t for c in (0x53, 0x73, 0x17F, 0x212A, 0x130, 0x131) for t in ("", "e", "x", " ", "中")]
    fixed += SPACES + PIECES + special
    strings = sorted(set(fixed + [fuzz_string(rng, special, words) for _ in range(21500)]))
    write_golden("starter", config_text, strings, 3000, rng, embed=False)
    lines = [words[i:i + rng.randint(20, 300)] for i in (rng.randrange(len(words) - 400) for _ in range(2500))]
    trained = train(text, 20256, special)
    write_golden("trained_20k", trained, rng.sample(strings, 3000) + lines, 1000, rng)
    extra = ["<l>", "<r>", "<lr>", "the", " é ", "sp ace", "<|image|>x", "e\u0301", "\u1100\u1161\u11a8", "\u212b", "xx", "x中x1"]
    for name, variant in variants(config):
        sample = rng.sample(strings, 200) + [fuzz_string(rng, special + extra * 4, words) for _ in range(500)]
        write_golden(name, variant, sample, 50, rng)


if __name__ == "__main__":
    main()
