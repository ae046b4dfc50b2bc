#!/usr/bin/env python3
"""Fails when a committed file breaks a rule of the repository (CONTRIBUTING.md, "Files").

    python3 scripts/check_repo.py             checks the files that git tracks (or, outside git, all but build/)
    python3 scripts/check_repo.py --self-test checks that each rule can fail
"""
import pathlib
import re
import subprocess
import sys
import tempfile

MAX_FILE_MB = 60
MAX_GOLDENS_MB = 12  # tests/golden in sum
# pattern -> why. Each is written so that it does not match its own source line.
FORBIDDEN = {
    r"(?<![\w.}])/(?:work|opt/venv|root)/\w": "an absolute path of one machine",
    r"(?<![\w.}])/home/(?!user\b|me\b|you\b)\w": "an absolute path of one machine",
    r"\b(?:files\.pythonhosted|pypi)\.org\b": "a package registry's host",
    r"\b(?:deb|security|ftp)\.debian\.org\b|\barchive\.ubuntu\.com\b": "a package registry's host",
    r"\bregistry\.npmjs\.org\b|\bcrates\.io\b|\bproxy\.golang\.org\b": "a package registry's host",
    r"(?m)^(?:<{7}|>{7}) ": "a merge conflict marker",
}
# Of a pipeline's writer that a reader leaves early, `pipefail` makes a failure, now and then: it dies of SIGPIPE if it still writes.
EARLY_READER = re.compile(r"\|\s*grep\s+(?:-\S+\s+)*(?:-[a-zA-Z]*q|--quiet|--silent|-[a-zA-Z]*m\s*\d)")
BINARY = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".bmp", ".safetensors", ".bin", ".npz",
          ".npy", ".gz", ".pdf"}

ROOT = pathlib.Path(__file__).resolve().parents[1]


def tracked(root):
    try:
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True).stdout
        return [root / n for n in out.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        skip = {"build", ".git", ".venv"}
        return [p for p in root.rglob("*") if p.is_file() and not skip & set(p.relative_to(root).parts)]


def problems(root, files):
    golden_bytes = 0
    for path in files:
        if path.is_symlink() or not path.is_file():
            continue
        where, size = path.relative_to(root).as_posix(), path.stat().st_size
        if size > MAX_FILE_MB << 20:
            yield f"{where}: {size / 2**20:.1f} MB; a committed file has at most {MAX_FILE_MB} MB"
            continue
        if where.startswith(("tests/golden/", "tests/goldens/")):
            golden_bytes += size
        data = path.read_bytes() if path.suffix not in BINARY else b""
        if b"\0" in data or where.startswith("tests/fuzz/corpus/"):
            continue
        text = data.decode("utf8", errors="replace")
        for pattern, why in FORBIDDEN.items():
            for m in re.finditer(pattern, text):
                yield f"{where}:{text.count(chr(10), 0, m.start()) + 1}: {why}: {m.group(0)!r}"
        if "pipefail" in text and path.suffix != ".py":
            for m in EARLY_READER.finditer(text):
                yield f"{where}:{text.count(chr(10), 0, m.start()) + 1}: grep leaves early and pipefail is set; give it a file or <<<"
    if golden_bytes > MAX_GOLDENS_MB << 20:
        yield f"tests/golden: {golden_bytes / 2**20:.1f} MB in sum; at most {MAX_GOLDENS_MB} MB"


def self_test():
    slash, dot = "/", "."
    cases = [  # file, text or size, number of problems
        ("a.md", "see src/work/x and https://example.org/work/x and a/root/b", 0),
        ("a.md", f"cd {slash}work/main", 1),
        ("a.py", f"open('{slash}opt/venv/bin')", 1),
        ("a.py", f"open('{slash}home/jane/x')", 1),
        ("a.txt", f"https://pypi{dot}org/simple", 1),
        ("a.cc", "<" * 7 + " HEAD\n", 1),
        ("a.sh", "set -o pipefail\nprintf x | grep -q x && cat a | grep -E -qx -- a; b | grep --quiet c; c | grep -m1 d", 4),
        ("a.sh", "set -o pipefail\ngrep -q x file; grep -q x <<<$a; a | grep -c q", 0),
        ("a.sh", "printf x | grep -q x", 0),
        ("big.bin", (MAX_FILE_MB << 20) + 1, 1),
        ("tests/golden/big.bin", (MAX_GOLDENS_MB << 20) + 1, 1),
    ]
    for name, content, want in cases:
        with tempfile.TemporaryDirectory() as d:
            path = pathlib.Path(d, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                with open(path, "wb") as f:
                    f.truncate(content)
            else:
                path.write_text(content)
            got = list(problems(pathlib.Path(d), [path]))
            assert len(got) == want, (name, content, got)
    print(f"{len(cases)} cases ok")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        found = list(problems(ROOT, tracked(ROOT)))
        print("\n".join(found) if found else "repository rules ok")
        sys.exit(bool(found))
