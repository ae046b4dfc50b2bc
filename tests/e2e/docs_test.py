"""Every sh block of README and docs/ runs as it is written, in a folder with the files that it names and beside a server where it
asks one; where a block cannot be run, the line above it says why.

    python3 tests/e2e/docs_test.py GLM_OCR SOURCE_DIR
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import zlib

GLM, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
LANGUAGES = {"sh", "python", "json", "yaml", "nginx", "cpp", "c", ""}
COMMAND = re.compile(r"^(glm-ocr|make|curl|pip|hf|docker|kubectl|openssl|jq|cmake|apt|sudo)\b", re.M)


def blocks(page):
    text = page.read_text()
    for m in BLOCK.finditer(text):
        yield f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, m.start('text'))}", m["reason"], m["language"], m["text"]


def png(path, width, height):
    """White, with a few black bars."""
    rows = b"".join(b"\0" + bytes(0 if 8 < y < 24 and x % 12 < 4 and 8 < x < width - 8 else 255 for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "bin").mkdir()
        (cls.folder / "bin/glm-ocr").symlink_to(GLM)
        for name in ("samples", "models"):
            (cls.folder / name).symlink_to(ROOT / name)
        for name, sample in (("report.pdf", "report.pdf"), ("scan.pdf", "skewed.pdf"), ("page.png", "page.png"),
                             ("archive/letter.pdf", "letter.pdf"), ("archive/sub/page.png", "page.png")):
            (cls.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "samples" / sample, cls.folder / name)
        png(cls.folder / "line.png", 112, 28)
        (cls.folder / "glm-ocr.yaml").write_text("port: 8080\n")
        cls.port = free_port()
        cls.env = os.environ | {"PATH": f"{cls.folder / 'bin'}:{os.environ['PATH']}"}
        cls.serve(cls, ["glm-ocr", "serve", "--port", str(cls.port)], cls.port, cls.addClassCleanup)

    def serve(self, command, port, cleanup, env=None):
        server = subprocess.Popen(command, cwd=self.folder, env=env or self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        cleanup(server.stderr.close)
        cleanup(server.wait)
        cleanup(server.send_signal, signal.SIGTERM)
        for _ in range(600):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status
            except OSError:
                assert server.poll() is None, f"{command}: {server.stderr.read()}"
                time.sleep(0.1)
        raise AssertionError(f"{command} does not answer")

    def run_server_line(self, where, line):
        """`glm-ocr serve ...` of a block: it starts, on a port of ours, and answers."""
        words = line.split("#")[0].split()
        env = dict(self.env)
        while "=" in words[0]:
            name, value = words.pop(0).split("=", 1)
            env[name] = value
        port = free_port()
        words = [w for i, w in enumerate(words) if w != "--port" and (i == 0 or words[i - 1] != "--port")]
        with self.subTest(f"{where}: {line}"):
            self.serve(words + ["--port", str(port)], port, self.addCleanup, env)

    def test_every_sh_block_runs(self):
        n = 0
        for page in PAGES:
            for where, reason, language, text in blocks(page):
                if language != "sh" or reason:
                    continue
                script = []
                for line in text.splitlines():
                    serves = re.match(r"(\w+=\S+ )*glm-ocr serve\b", line) and not re.search(r"--(help|check-config)", line.split("#")[0])
                    if serves:
                        self.run_server_line(where, line)
                    else:
                        script.append(re.sub(r"(127\.0\.0\.1|localhost):8080", rf"127.0.0.1:{self.port}", line))
                with self.subTest(where):
                    run = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(script)], cwd=self.folder, env=self.env,
                                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
                    self.assertEqual(run.returncode, 0, f"{text}\n{run.stdout[-1500:]}\n{run.stderr[-1500:]}")
                n += 1
        self.assertGreaterEqual(n, 8)  # the blocks are found

    def test_blocks_say_what_they_are(self):
        for page in PAGES:
            for where, reason, language, text in blocks(page):
                self.assertIn(language, LANGUAGES, where)
                self.assertFalse(language == "" and COMMAND.search(text), f"{where}: commands in a block that is not marked sh")
                self.assertFalse(reason and language not in ("sh", "python"), f"{where}: only sh and python blocks are run")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
