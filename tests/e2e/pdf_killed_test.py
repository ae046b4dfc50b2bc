"""kill -9 while a searchable PDF is written leaves no half file under its name, and --resume writes it whole.

    python3 tests/e2e/pdf_killed_test.py GLM_OCR SOURCE_DIR

Needs qpdf.
"""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from checks import check, status
from text_pdf import text_pdf

GLM = sys.argv[1]
LARGE = 15_000_000  # bytes that are written at the end, long enough to be met


def largest_being_written(process, folder):
    """The size of the largest file below `folder` that the program holds open, named or not."""
    sizes = [0]
    try:
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            if os.readlink(f"/proc/{process.pid}/fd/{fd}").startswith(str(folder)):
                sizes.append(os.stat(f"/proc/{process.pid}/fd/{fd}").st_size)
    except OSError:
        pass  # it has ended, or closed it
    return max(sizes)


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    # A page with little to read, and a stream that is kept and does not shrink.
    noise = random.Random(1).randbytes(LARGE)
    small = text_pdf([["A page of a large document."]])
    source = tmp / "large.pdf"
    objects = small[:small.index(b"xref\n")]
    source.write_bytes(objects + b"99 0 obj\n<</Length %d>>\nstream\n" % LARGE + noise + b"\nendstream\nendobj\ntrailer<</Root 1 0 R/Keep 99 0 R>>\n%%EOF")
    subprocess.run(["qpdf", source, tmp / "whole.pdf"], capture_output=True, check=False)
    source = tmp / "whole.pdf"
    check("the input is large", source.stat().st_size > LARGE, source.stat().st_size)
    command = [GLM, "parse", str(source), "--to", "pdf", "--language", "en", "-o"]
    subprocess.run([*command, tmp / "first"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=300)
    made = (tmp / "first/whole/whole.pdf").stat().st_size
    check("the result is large", made > LARGE, made)
    killed = 0
    for at_least in (1, LARGE // 2, LARGE):
        out = tmp / f"out_{at_least}"
        process = subprocess.Popen([*command, out], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and largest_being_written(process, out) < at_least:
            pass
        written = largest_being_written(process, out)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        result = out / "whole/whole.pdf"
        whole = not result.exists() or result.stat().st_size == made
        check(f"killed at {written} bytes", whole, f"{result.stat().st_size if result.exists() else 0} of {made} bytes")
        again = subprocess.run([*command, out, "--resume"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        check("resumed", again.returncode == 0 and result.stat().st_size == made, again.stderr)
        check("nothing is left", sorted(p.name for p in out.iterdir()) == ["journal.jsonl", "whole"] and
              [p.name for p in (out / "whole").iterdir()] == ["whole.pdf"], [str(p) for p in out.rglob("*")])
        shutil.rmtree(out)
    check("killed", killed >= 2, f"{killed} of 3 runs were killed while they wrote")
    print(f"{killed} of 3 runs were killed while they wrote")
finally:
    shutil.rmtree(tmp)
sys.exit(status())
