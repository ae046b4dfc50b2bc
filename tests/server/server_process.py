"""A running `glm-ocr serve` for tests and load scripts, and small clients for it. Standard library only.

    with Server(GLM_OCR, "--max-queue", "64") as server:
        status, headers, body = server.request("GET", "/health")
"""
import base64
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib


def line_png(root, number=0):
    """A text line as the starter model wants it, 504 x 28 px, as a data: URI."""
    folder = pathlib.Path(root, "tests", "golden", "lines")
    data = (folder / "document_clean.png").read_bytes()  # the lines one below the other
    width, idat, at = 0, b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        at += 12 + size
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack(">IIBB", chunk[:10])
            assert (depth, colour) == (8, 0), "the golden lines are not 8-bit grey any more"
        elif kind == b"IDAT":
            idat += chunk
    raw = zlib.decompress(idat)
    rows, above = [], bytes(width)
    for y in range(28 * (number + 1)):
        filtered, row = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        if filtered:
            for x in range(width):
                left, up = row[x - 1] if x else 0, above[x]
                corner = above[x - 1] if x else 0
                if filtered == 4:
                    p = left + up - corner
                    guess = min((left, up, corner), key=lambda v: abs(p - v))
                else:
                    guess = {1: left, 2: up, 3: (left + up) // 2}[filtered]
                row[x] = (row[x] + guess) & 255
        above = bytes(row)
        rows.append(above)
    used = max(x + 1 for row in rows[-28:] for x in range(width) if row[x] < 250)
    width = -(-used // 28) * 28  # the rest of the row is filling

    def png_chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    png = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 28, 8, 0, 0, 0, 0)) +
           png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row[:width] for row in rows[-28:]))) + png_chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(png).decode()


def line_question(root, number=1):
    """A chat message's content that asks for a golden line, and the answer."""
    truth = json.loads(pathlib.Path(root, "tests", "golden", "lines", "document_clean.json").read_bytes())
    line = truth["lines"][number]["text"]
    return [{"type": "image_url", "image_url": {"url": line_png(root, number)}}, {"type": "text", "text": "Text Recognition:"}], line


class Server:
    """The process; its log goes to a file, its API key (if any) into every request."""

    def __init__(self, program, *flags, key=None, env=None):
        self.key = key
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GLMOCR_") or k == "GLMOCR_KERNELS"}
        if key:
            environment["GLMOCR_API_KEY"] = key
        environment.update(env or {})
        self.log_file = tempfile.NamedTemporaryFile(prefix="glm-ocr-server-", suffix=".log")
        self.process = subprocess.Popen([program, "serve", "--port", "0", *flags], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log_file, env=environment)
        self.port = self._port()

    def _port(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(r"listening on https?://\S+:(\d+)\n", self.log())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the server did not start: " + self.log()[-2000:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, sig=signal.SIGTERM, timeout=60):
        """Ends it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def alive(self):
        return self.process.poll() is None

    def log(self):
        return pathlib.Path(self.log_file.name).read_text(encoding="utf8", errors="replace")

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def headers(self):
        return {"Authorization": "Bearer " + self.key} if self.key else {}

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            all_headers = {**self.headers(), **(headers or {})}
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                all_headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, all_headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def chat(self, content, **fields):
        """Status and answer's text of a chat completion."""
        body = {"messages": [{"role": "user", "content": content}], "max_tokens": 32, **fields}
        status, _, answer = self.request("POST", "/v1/chat/completions", body)
        text = json.loads(answer)["choices"][0]["message"]["content"] if status == 200 else answer.decode()
        return status, text

    def socket(self, timeout=30):
        return socket.create_connection(("127.0.0.1", self.port), timeout)


class HealthProbe:
    """Asks /health every 20 ms over one kept connection, from a process of its own: in the load's own process the
    interpreter's lock would be measured, not the server."""

    def __init__(self, port):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--probe", str(port)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def finish(self):
        """Seconds of each answer, and how many failed."""
        out, _ = self.process.communicate("")
        result = json.loads(out)
        return result["seconds"], result["errors"]


def probe(port):
    seconds, errors = [], 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not select.select([sys.stdin], [], [], 0.02)[0]:  # until the parent closes it
        begun = time.perf_counter()
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            errors += answer.status != 200
            seconds.append(time.perf_counter() - begun)
        except (OSError, http.client.HTTPException):
            errors += 1
            connection.close()
    print(json.dumps({"seconds": seconds, "errors": errors}))


def percentile(values, share):
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__" and sys.argv[1:2] == ["--probe"]:
    probe(int(sys.argv[2]))
