"""A `glm-ocr serve` for the tests of official clients: a process on a free port, and lines to read.

The program is the script's first argument, or build/release's.
"""
import base64
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/src/cli/glm-ocr")
API_KEY = "a-key-for-these-tests-only"


class RunningServer:
    """`key`: None for a server without keys. `settings`: as in a settings file, {"fetch_enabled": "true"}."""

    def __init__(self, key=API_KEY, **settings):
        self.settings = {"GLMOCR_" + name.upper(): value for name, value in settings.items()}
        if key is not None:
            self.settings["GLMOCR_API_KEY"] = key

    def __enter__(self):
        env = dict(os.environ, **self.settings)
        self.process = subprocess.Popen([PROGRAM, "serve", "--port", "0"], stderr=subprocess.PIPE,
                                        text=True, env=env)
        self.log = []
        self.url = None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"listening on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                break
        if self.url is None:
            raise RuntimeError("the server did not start: " + "".join(self.log))
        # Read on, so that the log's pipe never fills.
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        if code != 0:
            raise RuntimeError(f"the server ended with {code}: " + "".join(self.log[-20:]))


def _chunk(name, data):
    return (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def _png(width, height, rows):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) +
            _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) +
            _chunk(b"IEND", b""))


def _png_rows(data):
    """RGB rows of an 8-bit PNG (grey or RGB, no palette)."""
    at, body = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", data[at + 8:at + 18])
        elif name == b"IDAT":
            body += data[at + 8:at + 8 + size]
        at += 12 + size
    channels = {0: 1, 2: 3}[kind]
    assert depth == 8
    raw, stride, rows, above = zlib.decompress(body), width * channels, [], bytes(width * channels)
    for y in range(height):
        begin = y * (stride + 1)
        method, row = raw[begin], bytearray(raw[begin + 1:begin + 1 + stride])
        for i in range(stride):
            left = row[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            if method == 1:
                row[i] = (row[i] + left) & 255
            elif method == 2:
                row[i] = (row[i] + above[i]) & 255
            elif method == 3:
                row[i] = (row[i] + (left + above[i]) // 2) & 255
            elif method == 4:
                p = left + above[i] - corner
                best = min((abs(p - left), 0, left), (abs(p - above[i]), 1, above[i]),
                           (abs(p - corner), 2, corner))[2]
                row[i] = (row[i] + best) & 255
        above = bytes(row)
        rows.append(above if channels == 3 else bytes(v for v in above for _ in range(3)))
    return rows


def golden_line(index):
    """(PNG bytes, its text) of a line that the starter model is known to read without error."""
    folder = ROOT / "tests/golden/lines"
    lines = json.loads((folder / "document_clean.json").read_text())
    rows = _png_rows((folder / "document_clean.png").read_bytes())
    height, line = lines["line_px"], lines["lines"][index]
    cut = [row[:3 * line["width_px"]] for row in rows[index * height:(index + 1) * height]]
    return _png(line["width_px"], height, cut), line["text"]


def data_uri(data, kind="image/png"):
    return f"data:{kind};base64," + base64.b64encode(data).decode()
