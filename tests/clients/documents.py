"""What the clients' answers about documents are held against: the files that the program itself writes."""
import functools
import pathlib
import subprocess
import tempfile

from running_server import PROGRAM, ROOT

SAMPLES = ROOT / "samples"


@functools.lru_cache(maxsize=None)
def program_markdown(sample):
    """Markdown of a sample, without the newline at the end."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([PROGRAM, "parse", str(sample), "-o", out, "--to", "md", "-q"], check=True, stdin=subprocess.DEVNULL, timeout=300)
        return pathlib.Path(out, sample.stem, sample.stem + ".md").read_text().rstrip("\n")
