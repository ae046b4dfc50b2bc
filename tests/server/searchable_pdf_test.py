"""The searchable PDF over HTTP: what is asked for gives the command line's bytes, is kept over a restart, and is checked.

    python3 tests/server/searchable_pdf_test.py GLM_OCR SOURCE_DIR
"""
import base64
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

GLM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from checks import check, status  # noqa: E402
from server_process import Server  # noqa: E402
from text_pdf import text_pdf  # noqa: E402


def on_command_line(source, *args):
    out = subprocess.run([GLM, "parse", source.name, "--to", "pdf", *args], cwd=source.parent, stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=300)
    return out.stdout if out.returncode == 0 else out.stderr.decode()


def post(server, path, body):
    code, _, answer = server.request("POST", path, body)
    return code, json.loads(answer)


def upload(server, source, **fields):
    uri = "data:application/octet-stream;base64," + base64.b64encode(source.read_bytes()).decode()
    return post(server, "/v1/documents", {"file": uri, "name": source.name, "formats": ["pdf"], **fields})


def upload_form(server, source, **fields):
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts.append(f'--b\r\nContent-Disposition: form-data; name="file"; filename="{source.name}"\r\n\r\n'.encode() + source.read_bytes())
    code, _, answer = server.request("POST", "/v1/documents", b"".join(parts) + b"\r\n--b--\r\n",
                                     {"Content-Type": "multipart/form-data; boundary=b"})
    return code, json.loads(answer)


def finished(server, made):
    check("upload", made[0] == 202, made)
    end = time.monotonic() + 300
    while time.monotonic() < end:
        _, _, answer = server.request("GET", "/v1/documents/" + made[1]["id"])
        job = json.loads(answer)
        if job["status"] not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise RuntimeError("the document is not read in time")


def result(server, job):
    return server.request("GET", f"/v1/documents/{job['id']}/result?format=pdf")[2]


def over_picture(path, hidden):
    """A PDF of a JPEG of the sample page with hidden text over it."""
    jpeg = subprocess.run(["pdftoppm", "-r", "100", "-jpeg", "-gray", "-singlefile", ROOT / "samples/letter.pdf"], capture_output=True,
                          check=True).stdout
    at = jpeg.index(b"\xff\xc0")
    height, width = (int.from_bytes(jpeg[at + n:at + n + 2], "big") for n in (5, 7))
    contents = f"q 595 0 0 842 0 0 cm /Im Do Q BT 3 Tr /F 12 Tf 50 700 Td ({hidden}) Tj ET".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]>>",
               b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</Im 5 0 R>>/Font<</F 6 0 R>>>>>>",
               b"<</Length %d>>\nstream\n%s\nendstream" % (len(contents), contents),
               b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode/Length %d>>\nstream\n%s\nendstream"
               % (width, height, len(jpeg), jpeg),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    raw = path.with_suffix(".raw.pdf")
    raw.write_bytes(b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, o) for n, o in enumerate(objects, 1)) +
                    b"trailer<</Root 1 0 R>>\n%%EOF")
    subprocess.run(["qpdf", raw, path], capture_output=True, check=False)  # it makes the table of objects, and says so
    return path


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    page = pathlib.Path(shutil.copy(ROOT / "samples/page.png", tmp))
    turned = tmp / "turned.jpg"
    subprocess.run(["pdftoppm", "-r", "100", "-jpeg", "-singlefile", ROOT / "samples/skewed.pdf", turned.with_suffix("")], check=True)
    old = over_picture(tmp / "old.pdf", "forgotten words of old")
    encumbered = tmp / "letter.pdf"
    encumbered.write_bytes(text_pdf([["A letter whose font is not embedded."]]))
    data = tmp / "data"
    with Server(GLM, "--data-dir", str(data)) as server:
        plain = {}
        for source, fields in ((page, {}), (page, {"pdfa": True, "language": "en-GB"}), (turned, {}), (turned, {"deskew": True}), (turned, {"clean": True}),
                               (old, {}), (old, {"text_layer": "replace", "language": "en"})):
            name = f"{source.name} {fields}"
            flags = [word for field, value in fields.items() for word in (
                [f"--{field.replace('_', '-')}"] + ([value] if isinstance(value, str) else []))]
            expected = on_command_line(source, *flags)
            job = finished(server, upload(server, source, **fields))
            got = result(server, job)
            check(name, job["status"] == "succeeded" and isinstance(expected, bytes) and got == expected,
                  (job["status"], job["error"], job["warnings"], len(got), expected[:200]))
            plain.setdefault(source.name, got)
            check(name + " does something", not fields or got != plain[source.name])
            # A form says the same.
            words = {field: value if isinstance(value, str) else "true" for field, value in fields.items()}
            check(name + " as a form", result(server, finished(server, upload_form(server, source, formats="pdf", **words))) == got)
            # And a document that is read again keeps what it was asked for.
            again = finished(server, post(server, f"/v1/documents/{job['id']}/reread", {}))
            check(name + " read again", result(server, again) == got, again)
        # What cannot be PDF/A names the clause, here as there.
        job = finished(server, upload(server, encumbered, pdfa=True))
        check("not PDF/A", job["status"] == "failed" and "6.2.11.4.1" in job["error"], job)
        check("not PDF/A", "6.2.11.4.1" in on_command_line(encumbered, "--pdfa"))
        for fields in ({"language": "x y"}, {"language": "e" * 36}, {"language": 7}, {"pdfa": "yes"}, {"deskew": 1}, {"clean": []},
                       {"text_layer": "replaced"}):
            code, answer = upload(server, page, **fields)
            check("refused", code == 400 and answer["error"]["param"] == next(iter(fields)), (fields, answer))
            code, answer = upload_form(server, page, **{next(iter(fields)): "a b"})
            check("refused as a form", code == 400 and answer["error"]["param"] == next(iter(fields)), (fields, answer))

    # Killed while it reads: the next server makes what was asked for, and sets a request aside that it cannot know.
    book = tmp / "book.pdf"
    subprocess.run(["qpdf", "--empty", "--pages", *[old] * 8, "--", book], check=True)
    fields = {"text_layer": "replace", "language": "de"}
    expected = on_command_line(book, "--text-layer", "replace", "--language", "de")
    with Server(GLM, "--data-dir", str(data)) as server:
        _, made = upload(server, book, **fields)
        while json.loads(server.request("GET", "/v1/documents/" + made["id"])[2])["pages_done"] < 2:
            time.sleep(0.01)
        server.stop(signal.SIGKILL)
    with Server(GLM, "--data-dir", str(data)) as server:
        job = finished(server, (202, made))
        check("after kill -9", job["status"] == "succeeded" and result(server, job) == expected, job)
        check("after kill -9: kept", re.search(r"job resumed.*pages_kept\W+[1-9]", server.log()), server.log()[-2000:])
finally:
    shutil.rmtree(tmp)
sys.exit(status())
