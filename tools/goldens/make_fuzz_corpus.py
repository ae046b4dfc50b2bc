#!/usr/bin/env python3
"""Writes the seed inputs of tests/fuzz/corpus/{safetensors,config,pdf_protocol,inputs}, the second from the shipped model. No packages needed."""
import base64
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def reply(kind, payload=b"", magic=0x50464447):
    return struct.pack("<II", magic, kind) + payload


def page(index, width, height, text, pt=(10.0, 10.0), flags=0, n_chars=None):
    """A page of src/pdf/protocol.h: `text` five pixels a character, gray pixels."""
    header = struct.pack("<IiiIdd", index, width, height, len(text) if n_chars is None else n_chars, *pt)
    chars = b"".join(struct.pack("<IIiiii", ord(c), flags, 5 * i, 2, 5 * i + 4, 9) for i, c in enumerate(text))
    return reply(3, header + chars + bytes([i * 37 % 256 for i in range(max(0, width * height * 3))]))


def pdf_protocol(out):
    out.mkdir(parents=True, exist_ok=True)
    opened = reply(1, struct.pack("<I", 3))
    seeds = {
        "opened": opened,
        "failed": reply(2, struct.pack("<I", 2)) + reply(2, struct.pack("<I", 99)),
        "pages": opened + page(0, 20, 12, "ab c\r\nd") + page(1, 1, 1, ""),
        "hyphen": page(0, 20, 12, "a\2b", flags=8),
        "scan": page(0, 20, 12, "words", flags=4),
        "odd_characters": page(0, 20, 12, "\ud835\udefc\ue000\U0001d6fc\ud800\0\xa0\u3000"),
        "outside": page(0, 2, 2, "far away"),
        "too_wide": page(0, 65, 1, ""),
        "no_size": page(0, 0, -1, "", pt=(float("nan"), -1)),
        "too_many": page(0, 1, 1, "", n_chars=2**32 - 1),
        "cut": page(0, 20, 12, "ab")[:-5],
        "no_magic": reply(1, magic=1),
        "unknown": reply(4),
    }
    for name, seed in seeds.items():
        (out / name).write_bytes(seed)


def inputs(out):
    """The first byte chooses the part, see inputs_fuzz.cc."""
    out.mkdir(parents=True, exist_ok=True)
    ppm = base64.b64encode(b"P3\n2 1\n255\n255 0 0  0 0 255\n").decode()
    seeds = {
        "data_ppm": "0" + ppm, "data_percent": "0" + ppm.replace("=", "%3D"), "data_pdf": "0JVBERi0xLjcK", "data_cut": "0" + ppm[:9],
        "ranges": "11-3,8,-2-", "ranges_all": "1", "ranges_ends": "1-3--1, 2-99999 ,5-", "ranges_bad": "13-1,0,x",
        "base64": "2Zm9vYmE=", "base64_url": "2-_-_ \n", "base64_bad": "2Zg=",
        "file": "3a%20b.png", "file_zero": "3a%00b", "file_percent": "3a%zz0", "data_type": "3image/png;base64,AA==", "data_plain": "3,abcd",
    }
    for name, seed in seeds.items():
        (out / name).write_bytes(seed.encode())


def main():
    inputs(ROOT / "tests/fuzz/corpus/inputs")
    pdf_protocol(ROOT / "tests/fuzz/corpus/pdf_protocol")
    out = ROOT / "tests/fuzz/corpus/safetensors"
    out.mkdir(parents=True, exist_ok=True)
    seeds = {
        "empty": safetensors({}),
        "padded": safetensors(b"{}      "),
        "one": safetensors({"w": tensor("F32", [2], 0, 8)}, bytes(8)),
        "three": safetensors({"__metadata__": {"format": "pt"}, "a.b": tensor("BF16", [2, 3], 0, 12),
                              "c": tensor("I64", [], 12, 20), "d": tensor("U8", [0, 4], 20, 20)}, bytes(20)),
        "types": safetensors({t: tensor(t, [1], 0, 0) for t in "F16 F64 I32 I16 I8 BOOL F8_E4M3".split()}),
        "overlap": safetensors({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6)),
        "hole": safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3)),
        "overflow": safetensors({"a": tensor("F32", [2**32, 2**32, 2], 0, 0)}),
        "long_length": safetensors({}, length=2**63),
        "deep": safetensors(b'{"w":' + b"[" * 64),
    }
    for name, seed in seeds.items():
        (out / name).write_bytes(seed)
    out = ROOT / "tests/fuzz/corpus/config"
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((ROOT / "models/starter/config.json").read_text())
    generation = (ROOT / "models/starter/generation_config.json").read_bytes()
    text = json.dumps(config, separators=(",", ":")).encode()
    (out / "starter").write_bytes(text)
    (out / "with_generation").write_bytes(text + b"\0" + generation)
    nested = config.pop("text_config")
    nested.pop("model_type")
    flat = {**config, **nested}
    rope = flat.pop("rope_parameters")
    flat.update(rope_theta=rope["rope_theta"], partial_rotary_factor=rope["partial_rotary_factor"],
                rope_scaling={"type": "mrope", "mrope_section": rope["mrope_section"]},
                torch_dtype=flat.pop("dtype"))
    (out / "flat_old").write_bytes(json.dumps(flat, separators=(",", ":")).encode())
    (out / "deep").write_bytes(b"[" * 64)
    (out / "empty").write_bytes(b"{}")


if __name__ == "__main__":
    main()
