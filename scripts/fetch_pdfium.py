#!/usr/bin/env python3
"""Puts libpdfium.so and its licences into a folder, out of the wheel that scripts/pdfium_requirements.txt pins.

    python3 scripts/fetch_pdfium.py INTO_DIR [--wheels build/deps] [--required]

The wheel is kept in --wheels, so that it is downloaded once per checkout. Without network or pip a build goes on without PDF
input: the script says so and ends with status 0, or 1 with --required.
"""
import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "scripts" / "pdfium_requirements.txt"


def is_pinned(path, hashes):
    return hashlib.sha256(path.read_bytes()).hexdigest() in hashes


def find_or_download(wheels, version, hashes):
    """The pinned wheel of this machine's platform."""
    known = [p for p in sorted(wheels.glob(f"pypdfium2-{version}-*.whl")) if is_pinned(p, hashes)]
    if known:
        return known[0]
    wheels.mkdir(parents=True, exist_ok=True)
    # Downloaded beside its place and moved there: two builds may do this at once.
    with tempfile.TemporaryDirectory(dir=wheels) as part:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
             "--require-hashes", "--requirement", str(REQUIREMENTS), "--dest", part],
            check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        got = next(pathlib.Path(part).glob("*.whl"))
        if not is_pinned(got, hashes):
            raise RuntimeError(f"{got.name} does not have a pinned sha256")
        return got.rename(wheels / got.name)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.rename(path)


def unpack(wheel, into, version):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            licence = re.fullmatch(r"[^/]+\.dist-info/licenses/([\w./+-]+)", name)
            if licence and ".." not in name and not name.endswith("/"):
                write(into / "pdfium-licenses" / licence.group(1), z.read(name))
        write(into / "libpdfium.so", z.read("pypdfium2_raw/libpdfium.so"))
    write(into / "pdfium-version", version.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("into", type=pathlib.Path)
    parser.add_argument("--wheels", type=pathlib.Path, default=ROOT / "build" / "deps")
    parser.add_argument("--required", action="store_true")
    args = parser.parse_args()
    text = REQUIREMENTS.read_text()
    version = re.search(r"^pypdfium2==(\S+)", text, re.M).group(1)
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", text))
    stamp = args.into / "pdfium-version"
    if (args.into / "libpdfium.so").exists() and stamp.exists() and stamp.read_text() == version:
        return 0
    try:
        unpack(find_or_download(args.wheels, version, hashes), args.into, version)
    except Exception as error:  # whatever is wrong, the rest of the program can do without
        print(f"fetch_pdfium.py: no PDFium, so PDF files cannot be read: {error}\n"
              "fetch_pdfium.py: needs python3-pip and a package index once; or set GLMOCR_PDFIUM to a libpdfium.so", file=sys.stderr)
        return 1 if args.required else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
