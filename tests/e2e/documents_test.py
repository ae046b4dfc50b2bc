"""Documents end to end: samples against their truth, bad inputs beside good ones, runs cut short and taken up again.

    python3 tests/e2e/documents_test.py GLM_OCR SOURCE_DIR
"""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checks import check, status
from text_pdf import text_pdf

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
SCORES = json.loads((pathlib.Path(__file__).parent / "sample_scores.json").read_text())
MARGIN, MEASURED = SCORES["margin"], SCORES["documents"]
SAMPLES = [ROOT / "samples" / f"{name}.pdf" for name in MEASURED]
WORDS = ("anchor", "bridge", "candle", "dragon", "engine", "forest", "garden", "harbour", "sailor", "jacket", "kettle", "ladder")


def parse(*args, **kwargs):
    return subprocess.run([GLM, "parse", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=900, **kwargs)


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    # The samples are read as well as they were: reading order and ruled tables exactly, text up to a margin.
    out = tmp / "samples"
    run = parse(*SAMPLES, "-o", out, "--text-layer", "off", "--to", "md,sdk-json,json,html,hocr,alto,pdf", "--visualize")
    check("samples", run.returncode == 0, run.stderr)
    flat = tmp / "flat"
    flat.mkdir()
    for sample in SAMPLES:
        shutil.copy(out / sample.stem / f"{sample.stem}.md", flat)
        for suffix in (".md", ".json", "_model.json", "_document.json", ".html", ".hocr", ".xml", ".pdf"):
            check("files", (out / sample.stem / (sample.stem + suffix)).stat().st_size > 0, f"{sample.stem}{suffix}")
        json.loads((out / sample.stem / f"{sample.stem}_document.json").read_text())
    check("visualize", (out / "letter/layout_vis/letter.jpg").exists(), files_below(out))
    check("crops", list((out / "paper/imgs").glob("*.jpg")), files_below(out))
    truths = tmp / "truths"
    truths.mkdir()
    for sample in SAMPLES:
        shutil.copy(ROOT / "samples" / f"{sample.stem}.truth.md", truths)
    scores = subprocess.run([GLM, "eval", flat, truths, "--json"], capture_output=True, text=True, timeout=300)
    check("eval", scores.returncode == 0, scores.stderr)
    table = subprocess.run([GLM, "eval", flat, truths], capture_output=True, text=True, timeout=300).stdout
    print(table)
    documents = json.loads(scores.stdout)["documents"]
    check("eval", len(documents) == len(SAMPLES), scores.stdout[:300])
    for d in documents:
        measured = MEASURED[d["name"]]
        check("character error rate", d["cer"] <= measured["character_error_rate"] + MARGIN["character_error_rate"], d)
        check("text edit distance", d["text_edit_distance"] <= measured["text_edit_distance"] + MARGIN["text_edit_distance"], d)
        check("reading order", d["order_edit_distance"] == 0, d)
        check("tables", len(d["table_scores"]) == len(measured["teds"]), d)
        for t, teds in zip(d["table_scores"], measured["teds"]):
            check("table structure", t["teds_struct"] == 1 and t["teds"] >= teds - MARGIN["teds"], d)
    # A searchable PDF carries what was read.
    again = parse(out / "form/form.pdf", "--text-layer", "compare", "--to", "md")
    check("searchable", again.returncode == 0 and "text layer and reading differ" in again.stderr, again.stderr)

    # The two are compared, and where they differ is printed.
    run = parse(ROOT / "samples/invoice.pdf", "--text-layer", "compare", "--to", "md")
    check("compare", run.returncode == 0 and re.search(r"region \d+: read '[^']+', the text layer has '[^']+'", run.stderr), run.stderr)

    # The embedded text in place of reading: exact.
    run = parse(ROOT / "samples/letter.pdf", "--text-layer", "prefer", "--to", "md")
    check("text layer", "some sixty people cross every day" in run.stdout and "measurements" in run.stdout, run.stdout[:500])

    # Without being asked for where it is true: as exact, and the JSON says where the text comes from.
    run = parse(*SAMPLES, "-o", tmp / "auto", "--to", "md,json")
    check("auto", run.returncode == 0, run.stderr)
    for sample in SAMPLES:
        document = json.loads((tmp / "auto" / sample.stem / f"{sample.stem}.json").read_text())
        sources = {r["source"] for page in document["pages"] for r in page["regions"] if r["kind"] != "picture"}
        check("auto", sources == {"model" if sample.stem == "skewed" else "text_layer"}, (sample.stem, sources))
        check("auto", not any(page.get("warnings") for page in document["pages"]), sample.stem)
        scores = subprocess.run([GLM, "eval", tmp / "auto" / sample.stem / f"{sample.stem}.md", truths / f"{sample.stem}.truth.md", "--json"],
                                capture_output=True, text=True, timeout=300)
        d = json.loads(scores.stdout)["documents"][0]
        if sample.stem == "skewed":
            check("auto", d["cer"] <= MEASURED["skewed"]["character_error_rate"] + MARGIN["character_error_rate"], d)
        else:
            check("auto", d["character_edits"] == 0, d)

    # Bad inputs beside good ones: named, and the others are read.
    bad = tmp / "bad"
    bad.mkdir()
    whole = (ROOT / "samples/letter.pdf").read_bytes()
    (bad / "1_truncated.pdf").write_bytes(whole[:200])
    (bad / "2_empty.pdf").write_bytes(b"")
    (bad / "3_text.pdf").write_text("not a PDF at all")
    (bad / "4_picture_as.pdf").write_bytes((ROOT / "samples/page.png").read_bytes())
    (bad / "5_locked.pdf").write_bytes((ROOT / "tests/golden/pdf/rc4.pdf").read_bytes())
    (bad / "6_blank.pdf").write_bytes(text_pdf([[]]))
    (bad / "7_two.pdf").write_bytes(text_pdf([["First page."], ["Second page."]]))
    run = parse(bad, tmp / "nowhere.pdf", "-o", tmp / "bad_out", "--to", "md")
    check("bad inputs", run.returncode == 3, f"{run.returncode}: {run.stderr}")
    for name in ("1_truncated.pdf", "2_empty.pdf", "3_text.pdf", "5_locked.pdf", "nowhere.pdf"):
        check("bad inputs", name in run.stderr, f"{name} is not named in {run.stderr}")
    check("bad inputs", "needs a password (option --password" in run.stderr, run.stderr)
    check("bad inputs", "3 documents, 4 pages, 5 failed -> " in run.stderr, run.stderr)
    markdown = (tmp / "bad_out/7_two/7_two.md").read_text()
    check("bad inputs", "First page" in markdown and "Second page" in markdown, markdown)
    check("wrong ending", "Harbour" in (tmp / "bad_out/4_picture_as/4_picture_as.md").read_text())
    check("blank page", (tmp / "bad_out/6_blank/6_blank.md").exists(), files_below(tmp / "bad_out"))
    journal = [json.loads(line) for line in (tmp / "bad_out/journal.jsonl").read_text().splitlines()]
    check("journal", sorted(e["status"] for e in journal) == ["failed"] * 5 + ["ok"] * 3, journal)

    # Page ranges; one of which no page exists is an error that says so.
    run = parse(bad / "7_two.pdf", "--pages", "2", "--to", "md")
    check("pages", "Second" in run.stdout and "First" not in run.stdout, run.stdout)
    run = parse(bad / "7_two.pdf", "--pages", "7")
    check("pages", run.returncode != 0 and "7_two.pdf" in run.stderr, run.stderr)

    # Cut short by Ctrl-C, taken up again: in the end all is there, and what was done is not read again.
    many = tmp / "many"
    many.mkdir()
    for i in range(12):
        (many / f"{i:02}.pdf").write_bytes(text_pdf([[f"The word of this page is {WORDS[i]}."] * 12] * 2))
    out = tmp / "many_out"
    process = subprocess.Popen([GLM, "parse", many, "-o", out, "--to", "md"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    journal = out / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not journal.exists() or journal.read_text().count("\n") < 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=120)[1]
    done = journal.read_text().count("\n")
    check("interrupt", process.returncode == 130 and "--resume" in stderr, f"{process.returncode}: {stderr}")
    check("interrupt", 2 <= done < 12, f"{done} of 12 were done: the run was not cut short")
    run = parse(many, "-o", out, "--to", "md", "--resume")
    check("resume", run.returncode == 0 and f"{done} done before" in run.stderr, run.stderr)
    for i in range(12):
        check("resume", WORDS[i] in (out / f"{i:02}/{i:02}.md").read_text(), (i, (out / f"{i:02}/{i:02}.md").read_text()))
    (many / "03.pdf").write_bytes(text_pdf([["Something else now."]]))
    run = parse(many, "-o", out, "--to", "md", "--resume")
    check("changed input", "11 done before" in run.stderr, run.stderr)
    check("changed input", "else now" in (out / "03/03.md").read_text())

    # A full disk: an error that says what could not be written, and no half a file.
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    out = tmp / "full_out"
    run = parse(ROOT / "samples/letter.pdf", "-o", out, "--to", "md", preexec_fn=small_files)
    check("full disk", run.returncode == 1 and "letter.md" in run.stderr, f"{run.returncode}: {run.stderr}")
    check("full disk", files_below(out) == ["journal.jsonl"], files_below(out))
finally:
    shutil.rmtree(tmp)
sys.exit(status())
