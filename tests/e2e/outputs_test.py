"""Where results go and what becomes of them: names that never collide, runs cut short and resumed inside a document, warnings, full and
vanished folders, two runs at once.

    python3 tests/e2e/outputs_test.py GLM_OCR SOURCE_DIR
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checks import check, status
from text_pdf import text_pdf

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
WORDS = ("anchor", "bridge", "candle", "dragon", "engine", "forest", "garden", "harbour", "sailor", "jacket", "kettle", "ladder")


def parse(*args, **kwargs):
    return subprocess.run([GLM, "parse", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, **kwargs)


def start(*args, **kwargs):
    return subprocess.Popen([GLM, "parse", *map(str, args)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **kwargs)


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def journal(out):
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


def document(path, *words):
    """A PDF of a page for each word, which its text names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text_pdf([[f"The word of this page is {word}."] * 3 for word in words]))
    return path


def texts(out):
    return {str(p.relative_to(out)): p.read_text() for p in out.rglob("*.md")}


def without_times(text):
    return re.sub(r'"(seconds|prepare_seconds|first_token_seconds)":\s*[0-9.e+-]+', "", text)


def contents(out):
    """Files but the journal, without what differs from run to run."""
    found = {}
    for name in files_below(out):
        data = (out / name).read_bytes()
        if name != "journal.jsonl":
            found[name] = without_times(data.decode()) if name.endswith((".json", ".jsonl")) else data
    return found


def wait_for(condition, what):
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            check("waiting", False, what)
            return
        time.sleep(0.005)


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    # Names within a run: a number must not meet a name that has one.
    inputs = [document(tmp / "x/a.pdf", "anchor"), document(tmp / "x/a-2.pdf", "bridge"), document(tmp / "y/a.pdf", "candle")]
    out = tmp / "names"
    run = parse(*inputs, "-o", out, "--to", "md")
    found = texts(out)
    check("collision", run.returncode == 0 and sorted(found) == ["a-2/a-2.md", "a-3/a-3.md", "a/a.md"], (found, run.stderr))
    for name, word in (("a/a.md", "anchor"), ("a-2/a-2.md", "bridge"), ("a-3/a-3.md", "candle")):
        check("collision", word in found.get(name, ""), found)
    check("closing line", run.stderr.splitlines()[-1] == f"3 documents, 3 pages -> {out}/", run.stderr)
    # Another run of the same inputs, one of them alone, and with --resume: the same folders.
    check("same again", parse(*inputs, "-o", out, "--to", "md").returncode == 0 and texts(out) == found, files_below(out))
    check("same again", parse(inputs[2], "-o", out, "--to", "md").returncode == 0 and texts(out) == found, files_below(out))
    run = parse(*reversed(inputs), "-o", out, "--to", "md", "--resume")
    check("same again", "0 documents, 0 pages, 3 done before" in run.stderr and texts(out) == found, run.stderr)
    # Another run's document of the same name, a user's own folder and file.
    (out / "mine").mkdir()
    (out / "mine/mine.md").write_text("my own")
    (out / "file").write_text("my own")
    others = [document(tmp / "z/a.pdf", "dragon"), document(tmp / "z/mine.pdf", "engine"), document(tmp / "z/file.pdf", "forest"),
              document(tmp / "z/journal.jsonl.pdf", "garden")]
    run = parse(*others, "-o", out, "--to", "md")
    now = texts(out)
    check("across runs", run.returncode == 0 and all(now[name] == text for name, text in found.items()), (now, run.stderr))
    check("across runs", "dragon" in now["a-4/a-4.md"] and "note: " in run.stderr and "x/a.pdf" in run.stderr, run.stderr)
    check("own files", now["mine/mine.md"] == "my own" and "engine" in now["mine-2/mine-2.md"], now)
    check("own files", (out / "file").read_text() == "my own" and "forest" in now["file-2/file-2.md"], now)
    check("journal's name", "garden" in now["journal.jsonl-2/journal.jsonl-2.md"] and len(journal(out)) == 11, (now, len(journal(out))))
    run = parse(tmp / "z/mine.pdf", "-o", tmp / "over", "--to", "md")
    shutil.copytree(out / "mine", tmp / "over2/mine")
    run = parse(tmp / "z/mine.pdf", "-o", tmp / "over2", "--to", "md", "--overwrite")
    check("overwrite", run.returncode == 0 and "engine" in (tmp / "over2/mine/mine.md").read_text(), (run.stderr, files_below(tmp / "over2")))
    check("overwrite", parse(inputs[0], "--overwrite").returncode == 2, "without a folder")

    # Folders are mirrored; what is no document is counted, and named on request.
    document(tmp / "in/letter.pdf", "anchor")
    document(tmp / "in/sub/letter.pdf", "bridge")
    document(tmp / "in/sub/deep/letter.pdf", "candle", "dragon")
    for name in ("in/notes.txt", "in/sub/memo.docx"):
        (tmp / name).write_text("text")
    out = tmp / "mirror"
    run = parse(str(tmp / "in") + "/", "-o", out, "--to", "md,json", "--verbose")
    check("mirror", sorted(texts(out)) == ["letter/letter.md", "sub/deep/letter/letter.md", "sub/letter/letter.md"], files_below(out))
    check("mirror", "bridge" in texts(out)["sub/letter/letter.md"], texts(out))
    check("skipped", f"3 documents, 4 pages, 2 skipped (not documents) -> {out}/" in run.stderr, run.stderr)
    check("skipped", "notes.txt" in run.stderr and "memo.docx" in run.stderr, run.stderr)
    run = parse(tmp / "in", "-o", out, "--to", "md,json", "--resume")
    check("mirror", "3 done before, 2 skipped" in run.stderr and "notes.txt" not in run.stderr, run.stderr)
    run = parse(tmp / "in", "-o", tmp / "quiet", "--to", "md", "--quiet")
    check("quiet", run.returncode == 0 and run.stderr == "", run.stderr)

    # Names as long as names can be.
    png = ROOT / "samples/page.png"
    long_names = ["页" * 81 + "x", "页" * 81 + "y", "n" * 250]
    for name in long_names:
        shutil.copy(png, tmp / f"{name}.png")
    out = tmp / "long"
    run = parse(*(tmp / f"{name}.png" for name in long_names), "-o", out, "--to", "md,sdk-json,json", "--visualize", "--layout", "lines",
                "--max-new-tokens", "1")
    check("long names", run.returncode == 0 and len(texts(out)) == 3, run.stderr)
    run = parse(*(tmp / f"{name}.png" for name in long_names), "-o", out, "--to", "md,sdk-json,json", "--visualize", "--layout", "lines",
                "--max-new-tokens", "1", "--resume")
    check("long names", "3 done before" in run.stderr and len(texts(out)) == 3, run.stderr)

    # Pages that do not exist are warned of; only an empty choice fails.
    five = document(tmp / "five.pdf", *WORDS[:5])
    run = parse(five, "--pages", "4-99", "-o", tmp / "pages", "--to", "md,json")
    entry = journal(tmp / "pages")[0]
    check("pages", run.returncode == 0 and re.search(r"^warning: \S*five\.pdf: .*6-99", run.stderr, re.M), run.stderr)
    check("pages", "1 document, 2 pages, 1 with warnings" in run.stderr, run.stderr)
    check("pages", entry["pages"] == 2 and entry["warnings"][0]["kind"] == "pages_missing", entry)
    found = json.loads((tmp / "pages/five/five.json").read_text())
    check("pages", [p["page"] for p in found["pages"]] == [4, 5] and found["warnings"][0]["kind"] == "pages_missing", found.get("warnings"))
    run = parse(five, "--pages", "4-99", "--to", "md")
    check("pages", "warning: " in run.stderr and "dragon" in run.stdout and "engine" in run.stdout, run.stderr)
    check("pages", parse(five, "--pages", "6-9").returncode == 1, "an empty choice")

    # Killed inside a document and resumed: pages that were read are not read again, and the result is the same.
    pages = [WORDS[i % 12] for i in range(40)]
    book = document(tmp / "book.pdf", *pages)
    args = [book, "--to", "md,json,html,hocr,alto,pdf,jsonl,text"]
    whole = tmp / "whole"
    check("whole", parse(*args, "-o", whole).returncode == 0)
    out = tmp / "killed"

    def kept():
        return len(list(out.glob(".glm-ocr/*/pages/[0-9]*")))

    process = start(*args, "-o", out, stdin=subprocess.DEVNULL)
    wait_for(lambda: kept() >= 5 or process.poll() is not None, "no page is kept")
    process.kill()
    process.communicate()
    n = kept()
    check("kill -9", 5 <= n < 40 and journal(out) == [], (n, files_below(out)))
    run = parse(*args, "-o", out, "--resume", "--stats")
    check("resume", run.returncode == 0 and "1 document, 40 pages" in run.stderr, run.stderr)
    check("resume", contents(out) == contents(whole), [k for k, v in contents(whole).items() if contents(out).get(k) != v])
    check("resume", not (out / ".glm-ocr").exists(), files_below(out))
    generated = int(re.search(r"(\d+) generated", run.stderr)[1])
    run = parse(*args, "-o", tmp / "again", "--stats")
    all_generated = int(re.search(r"(\d+) generated", run.stderr)[1])
    check("resume", generated <= all_generated * (40 - n + 1) / 40, f"{n} pages were kept, {generated} of {all_generated} tokens made")
    # Killed, then begun without --resume: nothing of before is used.
    shutil.rmtree(out)
    process = start(*args, "-o", out, stdin=subprocess.DEVNULL)
    wait_for(lambda: kept() >= 3 or process.poll() is not None, "no page is kept")
    process.kill()
    process.communicate()
    run = parse(*args, "-o", out, "--stats")
    check("anew", f"{all_generated} generated" in run.stderr and contents(out) == contents(whole), run.stderr)

    # The weights change in the same folder: neither documents nor pages of the old ones are kept.
    model = tmp / "model"
    shutil.copytree(ROOT / "models/starter", model)
    weights = model / "model.safetensors"
    out = tmp / "weights"
    small = document(tmp / "small.pdf", "anchor", "bridge")
    check("weights", parse(small, "-o", out, "--to", "md", "--model", model).returncode == 0)
    check("weights", "1 done before" in parse(small, "-o", out, "--to", "md", "--model", model, "--resume").stderr)
    for option in (["--kernels", "reference"], ["--text-layer", "prefer"], ["--temperature", "0.1"], ["--tables", "pipe"], ["--to", "md,text"],
                   ["--pages", "1"], ["--cache-tokens", "8192"]):
        use = [small, "-o", out, "--model", model, "--resume"] + ([] if "--to" in option else ["--to", "md"]) + option
        check("options", "1 document, " in parse(*use).stderr, option)
    check("weights", "1 document, " in parse(small, "-o", out, "--to", "md", "--model", model, "--resume").stderr)
    times = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1000] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    run = parse(small, "-o", out, "--to", "md", "--model", model, "--resume")
    check("weights", run.returncode == 0 and "1 document, 2 pages -> " in run.stderr, run.stderr)

    # A journal of a newer version, two runs at once.
    out = tmp / "newer"
    out.mkdir()
    line = '{"schema":"glm-ocr.journal/9","status":"done","folder":"small"}\n'
    (out / "journal.jsonl").write_text(line)
    run = parse(small, "-o", out, "--to", "md")
    check("newer journal", run.returncode == 1 and "newer version" in run.stderr and "journal.jsonl" in run.stderr, run.stderr)
    check("newer journal", (out / "journal.jsonl").read_text() == line and files_below(out) == ["journal.jsonl"], files_below(out))
    out = tmp / "two"
    process = start(*args, "-o", out, stdin=subprocess.DEVNULL)
    wait_for(lambda: out.is_dir() and list(out.glob(".glm-ocr/*")), "it has not begun")
    run = parse(small, "-o", out, "--to", "md")
    check("two runs", run.returncode == 1 and "another run" in run.stderr, run.stderr)
    _, stderr = process.communicate(timeout=300)
    check("two runs", process.returncode == 0 and contents(out) == contents(whole), stderr)

    # Folders that cannot be written: removed, replaced, read-only, full.
    out = tmp / "vanished"
    process = start(*args, "-o", out, stdin=subprocess.DEVNULL)
    wait_for(lambda: list(out.glob(".glm-ocr/*/pages/[0-9]*")), "it has not begun")
    out.rename(tmp / "elsewhere")
    _, stderr = process.communicate(timeout=300)
    check("vanished", process.returncode == 1 and "vanished" in stderr and "removed or replaced" in stderr, stderr)
    check("vanished", not out.exists() and not list((tmp / "elsewhere").rglob("*.md")), files_below(tmp / "elsewhere"))
    readonly = tmp / "readonly"
    readonly.mkdir()
    if os.geteuid() != 0:
        readonly.chmod(0o500)
        run = parse(small, "-o", readonly, "--to", "md")
        check("read-only", run.returncode == 1 and "Permission denied" in run.stderr and "readonly" in run.stderr, run.stderr)
        readonly.chmod(0o700)
    full = tmp / "full"
    full.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", full], capture_output=True).returncode == 0
    if mounted:
        try:
            run = parse(*args, "-o", full)
            check("full", run.returncode == 1 and "No space left" in run.stderr, run.stderr)
            check("full", not [f for f in files_below(full) if f.endswith((".part", ".pdf"))], files_below(full))
            entries = journal(full) if (full / "journal.jsonl").stat().st_size else []
            check("full", [e["status"] for e in entries] in ([], ["failed"]), entries)
            subprocess.run(["mount", "-o", "remount,size=64m", full], check=True)
            run = parse(*args, "-o", full, "--resume")
            check("full", run.returncode == 0 and contents(full) == contents(whole), run.stderr)
            subprocess.run(["mount", "-o", "remount,ro", full], check=True)
            run = parse(small, "-o", full, "--to", "md")
            check("read-only", run.returncode == 1 and "Read-only file system" in run.stderr, run.stderr)
        finally:
            subprocess.run(["umount", full], check=True)

    # One signal ends what waits for input.
    process = start("-", stdin=subprocess.PIPE)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    try:
        check("waiting for standard input", process.wait(timeout=20) == 130, process.returncode)
    except subprocess.TimeoutExpired:
        check("waiting for standard input", False, "it hangs")
        process.kill()
    process.communicate()
    fifo = tmp / "pipe.png"
    os.mkfifo(fifo)
    process = start(fifo, stdin=subprocess.DEVNULL)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    try:
        check("opening a pipe", process.wait(timeout=20) == 130, process.returncode)
    except subprocess.TimeoutExpired:
        check("opening a pipe", False, "it hangs")
        process.kill()
    process.communicate()
    process = start(fifo, "--to", "md", stdin=subprocess.DEVNULL)
    fifo.write_bytes(png.read_bytes())
    stdout, stderr = process.communicate(timeout=120)
    check("a pipe", process.returncode == 0 and stdout == parse(png, "--to", "md").stdout, stderr)
finally:
    shutil.rmtree(tmp)
sys.exit(status())
