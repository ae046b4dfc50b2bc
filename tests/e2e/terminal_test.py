"""What a user sees at a terminal: text appears while it is read, and in the end is what a pipe would have got.

    python3 tests/e2e/terminal_test.py GLM_OCR SOURCE_DIR
"""
import os
import pty
import select
import shutil
import subprocess
import sys
import time

from checks import check, status

GLM, ROOT = sys.argv[1:3]
PAGE = os.path.join(ROOT, "samples/article.png")
SECONDS = 240


def at_terminal(args, both):
    """Output of a run whose stdout (and stderr, if both) is a terminal: [(seconds, bytes)], stderr otherwise, exit code."""
    parent, child = pty.openpty()
    process = subprocess.Popen([GLM, "parse", *args], stdin=subprocess.DEVNULL, stdout=child,
                               stderr=child if both else subprocess.PIPE)
    os.close(child)
    begun, chunks = time.monotonic(), []
    while True:
        if time.monotonic() - begun > SECONDS:
            process.kill()
            raise SystemExit("FAILED: it hangs")
        if not select.select([parent], [], [], 1)[0]:
            continue
        try:
            data = os.read(parent, 1 << 16)
        except OSError:  # EIO: the other end is closed
            break
        if not data:
            break
        chunks.append((time.monotonic() - begun, data))
    stderr = b"" if both else process.stderr.read()
    return chunks, stderr, process.wait()


def piped(args):
    return subprocess.run([GLM, "parse", *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)


for args in ([PAGE], [PAGE, PAGE], [PAGE, "-f", "md"], [PAGE, "-f", "jsonl"]):
    name = " ".join(a for a in args if a != PAGE) or f"text of {len(args)}"
    want = piped(args)
    chunks, stderr, code = at_terminal(args, both=False)
    shown = b"".join(data for _, data in chunks).replace(b"\r\n", b"\n")
    check(name, code == 0 == want.returncode, f"exit codes {code}, {want.returncode}")
    if "jsonl" in args:  # seconds differ from run to run
        check(name, shown.startswith(b'{"schema"') and shown.count(b"\n") == 1, shown[:200])
        continue
    check(name, shown == want.stdout, f"{shown[:300]!r} instead of {want.stdout[:300]!r}")
    check(name, b"\r" not in stderr, f"a progress line: {stderr[:200]!r}")
    if "md" in args:  # blocks of a document are merged when all of them are there
        continue
    # Many writes, each of which continues the text; the reader may find several at once, all of them only by a miracle.
    check(name, len(chunks) >= 5, f"{len(chunks)} chunks")

# Both streams on one terminal: no progress line between the text.
chunks, _, code = at_terminal([PAGE], both=True)
check("one terminal", b"\x1b" not in b"".join(data for _, data in chunks), "escape sequences in the text")
check("one terminal", b"the starter model reads" in b"".join(data for _, data in chunks), "which model reads is not said")
# Output into a folder: nothing streams, and the terminal has the progress line.
out = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"terminal_test_{os.getpid()}")
chunks, _, code = at_terminal([PAGE, "-o", out], both=True)
shown = b"".join(data for _, data in chunks)
check("folder", code == 0 and b"pages/s" in shown, shown[:200])
files = sorted(os.path.relpath(os.path.join(d, f), out) for d, _, names in os.walk(out) for f in names)
check("folder", files == ["article/article.json", "article/article.md", "article/article_document.json", "article/article_model.json",
                        "journal.jsonl"], files)
markdown = open(os.path.join(out, "article/article.md"), "rb").read()
check("folder", markdown.strip() == piped([PAGE, "-f", "md"]).stdout.strip(), "another text")
shutil.rmtree(out)
sys.exit(status())
