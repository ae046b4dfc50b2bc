"""The document APIs end to end: jobs from upload to result against what the program writes, faults, hostile uploads.

    python3 tests/server/documents_test.py GLM_OCR SOURCE_DIR
"""
import base64
import http.client
import io
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
import zipfile
import zlib

GLM, ROOT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
SAMPLES = ROOT / "samples"
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from text_pdf import text_pdf  # noqa: E402

ALL_FORMATS = {"md": ".md", "json": "_document.json", "sdk-json": ".json", "html": ".html", "text": ".txt", "hocr": ".hocr",
               "alto": ".xml", "pdf": ".pdf"}
failed = False


def check(name, ok, detail=""):
    global failed
    if not ok:
        print(f"FAILED {name}: {str(detail)[:1500]}")
        failed = True


class Server:
    def __init__(self, *flags, key=None, **popen):
        self.key = key
        env = {k: v for k, v in os.environ.items() if not k.startswith("GLMOCR_") or k == "GLMOCR_KERNELS"}
        if key:
            env["GLMOCR_API_KEY"] = key
        self.log = tempfile.NamedTemporaryFile(prefix="glm-ocr-documents-", suffix=".log")
        self.process = subprocess.Popen([GLM, "serve", "--port", "0", *map(str, flags)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log, env=env, **popen)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"listening on https?://\S+:(\d+)\n", self.text())
            if found:
                self.port = int(found.group(1))
                return
            time.sleep(0.05)
        self.port = None

    def text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def __enter__(self):
        if self.port is None:
            raise RuntimeError("the server did not start: " + self.text())
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(60)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def request(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            all_headers = {"Authorization": "Bearer " + self.key} if self.key else {}
            if isinstance(body, dict):
                body, all_headers["Content-Type"] = json.dumps(body), "application/json"
            connection.request(method, path, body, {**all_headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, headers=None):
        status, _, answer = self.request(method, path, body, headers)
        return status, json.loads(answer)

    def upload(self, files, **fields):
        """Of (name, bytes) pairs; status and JSON."""
        boundary = "----boundary-of-the-test"
        body = io.BytesIO()
        for name, value in fields.items():
            body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        for name, data in files:
            if isinstance(name, str):
                name = name.encode()
            body.write(f"--{boundary}\r\n".encode() + b'Content-Disposition: form-data; name="file"; filename="' + name +
                       b'"\r\nContent-Type: application/octet-stream\r\n\r\n' + data + b"\r\n")
        body.write(f"--{boundary}--\r\n".encode())
        return self.json("POST", "/v1/documents", body.getvalue(), {"Content-Type": "multipart/form-data; boundary=" + boundary})

    def events(self, job, last_event_id=None, until=None):
        """(event, id, data) of a job's stream, to its end or the first event named `until`."""
        connection = self.connect()
        headers = {"Authorization": "Bearer " + self.key} if self.key else {}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        connection.request("GET", f"/v1/documents/{job}/events", headers=headers)
        answer = connection.getresponse()
        events, current = [], {}
        for line in answer:
            line = line.decode().rstrip("\n")
            if line == "" and current:
                events.append((current.get("event"), current.get("id"), json.loads(current["data"])))
                if current["event"] == until:
                    break
                current = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                current[name] = value
        connection.close()
        return events

    def pages_read(self):
        """By this process."""
        found = re.search(rb'\nglmocr_pages_read_total\{result="ok"\} (\d+)', self.request("GET", "/metrics")[2])
        return int(found.group(1))

    def wait(self, job, seconds=300):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status, job_now = self.json("GET", f"/v1/documents/{job}")
            if status != 200 or job_now["status"] not in ("queued", "running"):
                return job_now
            time.sleep(0.1)
        raise RuntimeError("the job did not end")


def jpeg_size(data):
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):  # the frame's header
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")


def without_times(data):
    """JSON of pages tells how long reading took."""
    return re.sub(rb'"(seconds|prepare_seconds|first_token_seconds)":[0-9.e+-]+', rb'"\1":0', data)


def book(n_pages):
    return text_pdf([[f"Page {page} of the long book", "has a line or two of its own"] for page in range(1, n_pages + 1)])


def killed(server, data_dir, n_pages):
    """A job whose server got kill -9 when some pages were read: the job, and the numbers of the pages that are kept."""
    _, job = server.upload([("book.pdf", book(n_pages))], formats=",".join(ALL_FORMATS) + ",jsonl")
    while server.json("GET", f"/v1/documents/{job['id']}")[1]["pages_done"] < 5:
        time.sleep(0.01)
    server.stop(signal.SIGKILL)
    return job, sorted(int(path.name) for path in (data_dir / job["id"] / "read").iterdir() if path.name.isdigit())


def same_files(data_dir, *jobs):
    """Whether two finished jobs have the same on disk but for times; the names that differ."""
    def files(job):
        folder = data_dir / job["id"]
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        check("pages are kept", len([name for name in found if name.startswith("read/")]) > 1, sorted(found))
        found = {name: data for name, data in found.items() if not name.startswith("read/")}  # with times, and by other models
        return {name: without_times(data) if name.endswith((".json", ".jsonl")) else data for name, data in found.items()}
    one, other = map(files, jobs)
    differ = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return len(one) > 60 and not differ, differ


tmp = pathlib.Path(tempfile.mkdtemp())
try:
    # What the program writes.
    shutil.copy(SAMPLES / "paper.pdf", tmp)
    shutil.copy(SAMPLES / "report.pdf", tmp)
    run = subprocess.run([GLM, "parse", "paper.pdf", "report.pdf", "-o", "out", "--to", ",".join(ALL_FORMATS), "-q"], cwd=tmp,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    check("parse", run.returncode == 0, run.stderr)

    data_dir = tmp / "data"
    with Server("--data-dir", data_dir) as server:
        check("private", (data_dir.stat().st_mode & 0o777) == 0o700, oct(data_dir.stat().st_mode))
        status, capabilities = server.json("GET", "/capabilities")
        check("capabilities", status == 200 and "md" in capabilities["formats"] and capabilities["tasks"] == ["auto", "text"] and
              capabilities["model"]["demonstration"] and 5e6 < capabilities["model"]["parameters"] < 9e6,
              capabilities)

        # A job from upload to result, the same as the program's.
        for name in ("paper", "report"):
            data = (SAMPLES / f"{name}.pdf").read_bytes()
            status, job = server.upload([(f"{name}.pdf", data)], formats=",".join(ALL_FORMATS) + ",jsonl")
            check("upload", status == 202 and job["status"] == "queued" and job["object"] == "document", job)
            events = server.events(job["id"])
            kinds = [event for event, _, _ in events]
            pages = [data for event, _, data in events if event == "page"]
            done = events[-1][2]
            check("events", kinds[0] == "status" and kinds[-1] == "done", kinds)
            check("events", [p["page"] for p in pages] == list(range(1, done["pages"] + 1)), pages)
            check("events", done["status"] == "succeeded" and done["pages_done"] == done["pages"], done)
            check("events", all(p["regions"] and p["width_px"] > 0 and p["markdown"] for p in pages), pages)
            out = tmp / "out" / name
            markdown = (out / f"{name}.md").read_bytes()
            check("page Markdown", "\n\n".join(p["markdown"] for p in pages) + "\n" == markdown.decode(), name)
            status, headers, archive = server.request("GET", f"/v1/documents/{job['id']}/result?format=zip")
            check(f"{name}: zip", status == 200 and headers["Content-Type"] == "application/zip" and f'"{name}.zip"' in
                  headers["Content-Disposition"], (status, dict(headers)))
            if status == 200:
                with zipfile.ZipFile(io.BytesIO(archive)) as files:
                    check(f"{name}: the zip is whole", files.testzip() is None)
                    zipped = {entry: files.read(entry) for entry in files.namelist()}
                parsed = {str(p.relative_to(tmp / "out")): p for p in (tmp / "out" / name).rglob("*") if p.is_file()}
                check(f"{name}: files of the zip", set(zipped) == set(parsed) | {f"{name}/{name}.jsonl"},
                      set(zipped) ^ set(parsed))
            for form, ending in ALL_FORMATS.items():
                status, headers, body = server.request("GET", f"/v1/documents/{job['id']}/result?format={form}")
                check(f"result {form}", status == 200 and f'filename="{name}{ending}"' in headers["Content-Disposition"],
                      (status, dict(headers)))
                check(f"result {form}", without_times(body) == without_times((out / (name + ending)).read_bytes()), name)
            status, _, lines = server.request("GET", f"/v1/documents/{job['id']}/result?format=jsonl")
            check("jsonl", [json.loads(line)["page"] for line in lines.splitlines()] == [p["page"] for p in pages], status)
            crops = list((out / "imgs").glob("*")) if (out / "imgs").exists() else []
            for crop in crops:
                status, _, body = server.request("GET", f"/v1/documents/{job['id']}/files/imgs/{crop.name}")
                check("crop", status == 200 and body == crop.read_bytes(), crop.name)
            check("crops", name != "paper" or crops, "the sample has a picture")
            status, headers, body = server.request("GET", f"/v1/documents/{job['id']}/pages/1/image")
            check("page image", status == 200 and headers["Content-Type"] == "image/jpeg" and body[:2] == b"\xff\xd8", status)
            again = server.events(job["id"], last_event_id=1)
            check("Last-Event-ID", [i for event, i, _ in again if event == "page"] == [str(n) for n in range(2, done["pages"] + 1)],
                  again)

        # The list, newest first, in parts.
        status, listed = server.json("GET", "/v1/documents?limit=1")
        check("list", listed["data"][0]["name"] == "report.pdf" and listed["has_more"], listed)
        status, more = server.json("GET", f"/v1/documents?limit=1&after={listed['data'][0]['id']}")
        check("list", more["data"][0]["name"] == "paper.pdf" and not more["has_more"], more)

        # JSON in place of a form; some pages; the text layer.
        uri = "data:application/pdf;base64," + base64.b64encode((SAMPLES / "report.pdf").read_bytes()).decode()
        status, job = server.json("POST", "/v1/documents", {"file": uri, "pages": "2", "text_layer": "prefer", "formats": ["md"]})
        check("JSON upload", status == 202, job)
        done = server.wait(job["id"])
        check("pages", done["status"] == "succeeded" and done["pages"] == 1, done)
        # Formats that were not named at upload are made of the kept pages, the same bytes; those that need more say what to do.
        others = ["html", "text", "json", "hocr", "alto"]
        status, named = server.json("POST", "/v1/documents", {"file": uri, "pages": "2", "text_layer": "prefer", "formats": others})
        check("formats named", status == 202 and server.wait(named["id"])["status"] == "succeeded", named)
        read_before = server.pages_read()
        for form in others:
            _, _, expected = server.request("GET", f"/v1/documents/{named['id']}/result?format={form}")
            for _ in range(2):  # made, then stored
                status, headers, body = server.request("GET", f"/v1/documents/{job['id']}/result?format={form}")
                check(f"{form} not asked for", status == 200 and without_times(body) == without_times(expected), (status, body[:300]))
        check("nothing read again", server.pages_read() == read_before, server.pages_read())
        for form in ("pdf", "jsonl"):
            status, _, body = server.request("GET", f"/v1/documents/{job['id']}/result?format={form}")
            check(f"{form} not asked for", status == 400 and b"reread" in body, body)

        # Boxes are of the picture that is shown, though this page was straightened to be read: one shape, nothing outside of
        # it, and each region has its turned corners.
        status, job = server.upload([("skewed.pdf", (SAMPLES / "skewed.pdf").read_bytes())], formats="md")
        shown = [data for event, _, data in server.events(job["id"]) if event == "page"][0]
        _, _, body = server.request("GET", f"/v1/documents/{job['id']}/pages/1/image")
        (width, height), (w, h) = jpeg_size(body), (shown["width_px"], shown["height_px"])
        check("page image", abs(width * h - height * w) <= max(w, h), (width, height, w, h))  # a pixel of rounding
        boxes = [region["bbox_px"] for region in shown["regions"]]
        check("boxes", boxes and all(0 <= x0 < x1 <= w and 0 <= y0 < y1 <= h for x0, y0, x1, y1 in boxes), boxes)
        check("boxes", all(len(region["polygon_px"]) == 4 for region in shown["regions"]), shown["regions"])

        # Several files in one form.
        status, jobs = server.upload([("a.pdf", book(1)), ("b.png", (SAMPLES / "page.png").read_bytes())])
        check("several files", status == 202 and [j["name"] for j in jobs["data"]] == ["a.pdf", "b.png"], jobs)
        for job in jobs["data"]:
            check("several files", server.wait(job["id"])["status"] == "succeeded", job)

        # The synchronous APIs say what the jobs say.
        markdown = (tmp / "out" / "report" / "report.md").read_text()
        status, answer = server.json("POST", "/glmocr/parse", {"images": [uri]})
        blocks = json.loads((tmp / "out" / "report" / "report.json").read_text())
        check("glmocr/parse", status == 200 and answer["markdown_result"] + "\n" == markdown and answer["json_result"] == blocks,
              str(answer)[:500])
        check("glmocr/parse", answer["md_results"] == answer["markdown_result"] and answer["layout_details"] == blocks, "")
        status, answer = server.json("POST", "/glmocr/parse", {"images": uri}, {"Content-Type": "application/json; charset=utf-8"})
        check("glmocr/parse content type", status == 400 and "Content-Type" in answer["error"], answer)
        status, answer = server.json("POST", "/glmocr/parse", {"images": []})
        check("glmocr/parse without images", (status, answer) == (400, {"error": "No images provided"}), answer)
        status, answer = server.json("POST", "/glmocr/parse", {"images": ["file:///etc/passwd"]})
        check("glmocr/parse of a file", status == 400 and "root" not in str(answer), answer)
        paper = "data:application/pdf;base64," + base64.b64encode((SAMPLES / "paper.pdf").read_bytes()).decode()
        status, cloud = server.json("POST", "/api/paas/v4/layout_parsing", {
            "model": "glm-ocr", "file": paper, "return_crop_images": True, "need_layout_visualization": True,
            "request_id": "my-request", "user_id": "somebody", "end_page_id": 2})
        check("layout_parsing", status == 200 and cloud["request_id"] == "my-request", str(cloud)[:500])
        check("layout_parsing", len(cloud["layout_details"]) == len(cloud["data_info"]["pages"]) ==
              len(cloud["layout_visualization"]) == cloud["data_info"]["num_pages"], cloud["data_info"])
        sizes = cloud["data_info"]["pages"]
        boxes = [(n, b) for n, page in enumerate(cloud["layout_details"]) for b in page]
        check("layout_parsing boxes", all(0 <= b["bbox_2d"][0] < b["bbox_2d"][2] <= sizes[n]["width"] for n, b in boxes), boxes)
        pictures = [(n, b) for n, b in boxes if b["label"] == "image"]
        check("layout_parsing pictures", pictures and all(
            f"![](page={n},bbox={b['bbox_2d']})" in cloud["md_results"] and b["image_url"].startswith("data:image/jpeg")
            for n, b in pictures), pictures)
        # The cloud has no null there.
        check("layout_parsing contents", all(isinstance(b["content"], str) for _, b in boxes) and
              all(b["content"] == "" for _, b in pictures), boxes)
        for wrong, field in (({"file": uri, "user_id": "short"}, "user_id"), ({"file": uri, "start_page_id": 0}, "start_page_id"),
                             ({"file": uri, "start_page_id": 3, "end_page_id": 2}, "end_page_id"), ({}, "file"),
                             ({"file": 7}, "file"), ({"file": uri, "start_page_id": 99}, "99")):
            status, answer = server.json("POST", "/api/paas/v4/layout_parsing", wrong)
            check("layout_parsing error", status == 400 and field in answer["error"]["message"] and answer["request_id"],
                  (wrong.keys(), answer))
        status, ocr = server.json("POST", "/v1/ocr", {
            "model": "mistral-ocr-latest", "document": {"type": "document_url", "document_url": paper}, "pages": "0",
            "include_image_base64": True, "include_blocks": True, "confidence_scores_granularity": "page"})
        page = ocr["pages"][0] if status == 200 else {}
        check("ocr", status == 200 and len(ocr["pages"]) == 1 and ocr["usage_info"]["pages_processed"] == 1 and
              ocr["usage_info"]["doc_size_bytes"] == (SAMPLES / "paper.pdf").stat().st_size, str(ocr)[:500])
        check("ocr", all(f"![{i['id']}]({i['id']})" in page["markdown"] and i["image_base64"].startswith("data:image/jpeg")
                         for i in page["images"]) and page["blocks"], page)
        status, none = server.json("POST", "/v1/ocr", {"document": {"type": "document_url", "document_url": paper}, "image_limit": 0})
        check("ocr image_limit", status == 200 and not any(p["images"] or "![" in p["markdown"] for p in none["pages"]), status)
        for wrong, field in (({"document_annotation_format": {"type": "json_schema"}}, "document_annotation_format"),
                             ({"document": {"type": "file", "file_id": "x"}}, "document.type"), ({"pages": "1-x"}, "pages"),
                             ({"document": {"type": "document_url"}}, "document_url"), ({"table_format": "html"}, "table_format"),
                             ({"document": {"type": "document_url", "document_url": "https://example.org/a.pdf"}}, "web addresses")):
            status, answer = server.json("POST", "/v1/ocr", {"document": {"type": "document_url", "document_url": uri}, **wrong})
            check("ocr error", status == 400 and field in str(answer["error"]), (wrong, answer))

        # What this server cannot do is said before anything is read.
        for fields, word in (({"layout": "pp-doclayout-v3"}, "weights"), ({"task": "table"}, "lines of text"),
                             ({"formats": "docx"}, "formats"), ({"pages": "0"}, "pages"), ({"text_layer": "maybe"}, "text_layer"),
                             ({"dpi": "many"}, "dpi"), ({"dpi": "1e9"}, "dpi")):
            status, answer = server.upload([("a.pdf", book(1))], **fields)
            check("cannot", status == 400 and word in answer["error"]["message"], (fields, answer))

        # Hostile uploads.
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("report.pdf", (SAMPLES / "report.pdf").read_bytes())
        for name, data, word in (("zip.pdf", zipped.getvalue(), "neither a PDF"), ("empty.pdf", b"", "empty"),
                                 ("text.pdf", b"hello " * 100, "neither a PDF")):
            status, answer = server.upload([(name, data)])
            check("refused " + name, status == 400 and word in answer["error"]["message"], answer)
        for name, shown in (("../../x.pdf", "x.pdf"), ("..\\..\\x.pdf", None), ("/etc/passwd", "passwd"), ("..", "document"),
                            (b"nul\0name.pdf", None), ("n" * 4000 + ".pdf", "n" * 196 + ".pdf"), (b"bad\xffutf8.pdf", "bad\ufffdutf8.pdf"),
                            ("\u65e5\u672c.pdf", "\u65e5\u672c.pdf"), ("a\tb.pdf", None)):
            status, job = server.upload([(name, book(1))])
            check("name", status in (202, 400), (name, status))
            if status != 202:
                continue
            check("name", shown is None or job["name"] == shown, (name, job["name"]))
            check("name", "/" not in job["name"] and all(c >= " " for c in job["name"]), job["name"])
            check("name", server.wait(job["id"])["status"] == "succeeded", job)
            status, headers, _ = server.request("GET", f"/v1/documents/{job['id']}/result?format=md")
            check("name", status == 200 and re.fullmatch(r'attachment; filename="[ -~]+"', headers["Content-Disposition"]),
                  headers["Content-Disposition"])
        below = {p.name for p in data_dir.iterdir()}
        check("names on disk", all(re.fullmatch(r"[0-9a-f]{32}|jobs\.sqlite3(-wal|-shm)?|lock", n) for n in below), below)
        inner = {str(p.relative_to(data_dir)).partition("/")[2] for p in data_dir.rglob("*") if p.is_file()}
        check("names on disk", all(re.fullmatch(r"(input|out/result[._a-z0-9]*|out/imgs/[a-z0-9_.]+|pages/\d+\.(json|jpg)|read/(\d+|fingerprint)|made/[a-z-]+)?", n)
                                   for n in inner), inner)
        for body, kind in ((b"", "multipart/form-data"), (b"--x--\r\n", "multipart/form-data; boundary=x"),
                           (b"--x\r\n\r\nno name\r\n--x--", "multipart/form-data; boundary=x"),
                           (b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n%PDF-", "multipart/form-data; boundary=x"),
                           (b"\xff" * 5000, "multipart/form-data; boundary=x"), (b"--x\r\n" * 10000, "multipart/form-data; boundary=x"),
                           (b"a" * 100, "multipart/form-data; boundary=" + "b" * 5000), (b"{}", "application/json"),
                           (b"%PDF-", "application/pdf")):
            status, _, answer = server.request("POST", "/v1/documents", body, {"Content-Type": kind})
            check("malformed form", status in (400, 415) and b"error" in answer, (kind[:60], status, answer))
        damaged = b"%PDF-1.4\n" + bytes(range(256)) * 40
        status, job = server.upload([("damaged.pdf", damaged)])
        done = server.wait(job["id"])
        check("damaged", done["status"] == "failed" and "damaged.pdf" in done["error"] and str(tmp) not in done["error"], done)
        status, _, answer = server.request("GET", f"/v1/documents/{job['id']}/result?format=md")
        check("damaged", status == 404, answer)
        # A page whose stream inflates without end: the page fails or not, the server lives, the next page is read.
        packer = zlib.compressobj(9)
        bomb = b"".join([packer.compress(b" " * (1 << 20)) for _ in range(1024)] + [packer.flush()])
        bomb = zlib.compress(bomb, 9)
        objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                   b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>",
                   b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>\nstream\n%s\nendstream" % (len(bomb), bomb)]
        zip_pdf = b"%PDF-1.5\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, o) for n, o in enumerate(objects, 1)) + b"trailer<</Root 1 0 R>>\n%%EOF"
        status, job = server.upload([("zip-pdf.pdf", zip_pdf)])
        status, after = server.upload([("after.pdf", book(1))])
        check("zip-pdf", server.wait(after["id"])["status"] == "succeeded", after)
        check("zip-pdf", server.wait(job["id"])["status"] in ("failed", "succeeded", "partial"), job)
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        check("zip-pdf", resident < 1 << 30, f"{resident} bytes are resident")
        for path in ("/v1/documents/" + "0" * 32, "/v1/documents/..", f"/v1/documents/{job['id']}/pages/0/image",
                     f"/v1/documents/{job['id']}/files/imgs/..", f"/v1/documents/{job['id']}/files/imgs/..%2finput",
                     f"/v1/documents/{job['id']}/pages/99999999999999999999/image"):
            check("not found", server.request("GET", path)[0] == 404, path)

        # Cancel, a short document beside a long one, delete.
        status, long = server.upload([("long.pdf", book(120))])
        server.events(long["id"], until="page")
        status, _, answer = server.request("GET", f"/v1/documents/{long['id']}/result?format=md")
        check("not finished", status == 409, answer)
        status, short = server.upload([("short.pdf", book(1))])
        check("fair", server.wait(short["id"])["status"] == "succeeded", short)
        now = server.json("GET", f"/v1/documents/{long['id']}")[1]
        check("fair", now["status"] == "running" and now["pages_done"] < 120, now)
        status, answer = server.json("POST", f"/v1/documents/{long['id']}/cancel")
        check("cancel", status == 200 and answer["status"] == "cancelled", answer)
        check("cancel", server.events(long["id"])[-1][2]["status"] == "cancelled", "")
        check("delete", server.request("DELETE", f"/v1/documents/{long['id']}")[0] == 204, "")
        check("delete", server.request("GET", f"/v1/documents/{long['id']}")[0] == 404, "")
        end = time.monotonic() + 20
        while (data_dir / long["id"]).exists() and time.monotonic() < end:
            time.sleep(0.1)
        check("delete", not (data_dir / long["id"]).exists(), "files are left")
        # A client that goes ends its reading.
        connection = server.connect()
        gone = "data:application/pdf;base64," + base64.b64encode(book(200)).decode()
        connection.request("POST", "/glmocr/parse", json.dumps({"images": [gone]}), {"Content-Type": "application/json"})
        time.sleep(1)
        connection.close()
        begun = time.monotonic()
        status, _ = server.json("POST", "/glmocr/parse", {"images": ["data:application/pdf;base64," + base64.b64encode(book(1)).decode()]})
        check("client gone", status == 200 and time.monotonic() - begun < 15, time.monotonic() - begun)
        check("second server", Server("--data-dir", data_dir).process.wait(30) != 0, "two servers use one folder")

    # Killed while it reads: the next server goes on behind the pages that were read, and knows the finished ones.
    with Server("--data-dir", data_dir) as server:
        status, listed = server.json("GET", "/v1/documents?limit=1000")
        check("restart", any(j["name"] == "paper.pdf" and j["status"] == "succeeded" for j in listed["data"]), listed)
        job, kept = killed(server, data_dir, 30)
        check("before kill -9", 5 <= len(kept) < 30 and kept == list(range(1, len(kept) + 1)), kept)
        said = [json.loads((data_dir / job["id"] / "pages" / f"{page}.json").read_text()) for page in range(1, 6)]
    with Server("--data-dir", data_dir) as server:
        status, queued = server.upload([("next.pdf", book(2))], formats="text")
        for made, n_pages in ((job, 30), (queued, 2)):
            done = server.events(made["id"])[-1][2]
            check("after kill -9", done["status"] == "succeeded" and done["pages_done"] == n_pages, done)
            status, _, text = server.request("GET", f"/v1/documents/{made['id']}/result?format=text")
            check("after kill -9", status == 200 and text.count(b"\f") == n_pages - 1, text[:200])
        check("after kill -9: read once", server.pages_read() == 30 - len(kept) + 2, (server.pages_read(), kept))
        now = {data["page"]: data for event, _, data in server.events(job["id"]) if event == "page"}
        check("after kill -9: kept", all(now[page["page"]] == page for page in said), said)
        status, undisturbed = server.upload([("book.pdf", book(30))], formats=",".join(ALL_FORMATS) + ",jsonl")
        server.wait(undisturbed["id"])
        check("after kill -9: all files", *same_files(data_dir, job, undisturbed))
        # By another model all is read again.
        job, kept = killed(server, data_dir, 30)
    shutil.copytree(ROOT / "models" / "starter", tmp / "model", copy_function=shutil.copyfile)
    with open(tmp / "model" / "config.json", "a") as file:
        file.write("\n")  # another content, the same readings
    with Server("--data-dir", data_dir, "--model", tmp / "model") as server:
        done = server.events(job["id"])[-1][2]
        check("another model", done["status"] == "succeeded" and server.pages_read() == 30, (done, server.pages_read()))
        check("another model: all files", *same_files(data_dir, job, undisturbed))
        check("stop", server.stop() == 0, server.text()[-1000:])

    # A full disk: the job says so, the server lives and reads on. (The program ignores SIGXFSZ.)
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    full = tmp / "full"
    with Server("--data-dir", full, preexec_fn=small_files) as server:
        status, job = server.upload([("page.png", (SAMPLES / "report.pdf").read_bytes())], formats="md,pdf")
        done = server.wait(job["id"])
        check("full disk", done["status"] == "failed" and "disk" in done["error"] and str(full) not in done["error"], done)
        status, answer = server.upload([("large.pdf", book(2) + b"\n%" + b"x" * 200_000)])
        check("full disk", status == 507 and "disk" in answer["error"]["message"], answer)
        left = [p for p in full.rglob("*") if p.is_file() and p.stat().st_size >= 150_000]
        check("full disk", not left, left)
        status, answer = server.json("POST", "/glmocr/parse", {"images": ["data:application/pdf;base64," + base64.b64encode(book(1)).decode()]})
        check("full disk", status == 200 and "long book" in answer["markdown_result"], answer)

    # Keys see their own documents only; finished ones go when their time is over.
    keys = tmp / "keys"
    keys.write_text("alice:alice-0123456789abcdef\nbob:bob-0123456789abcdef\n")
    with Server("--api-key-file", keys, "--keep-jobs-s", "1") as server:
        server.key = "alice-0123456789abcdef"
        status, job = server.upload([("secret.pdf", book(1))])
        check("key", status == 202, job)
        server.key = "bob-0123456789abcdef"
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("DELETE", ""), ("POST", "/cancel"),
                             ("GET", "/pages/1/image")):
            check("other key", server.request(method, f"/v1/documents/{job['id']}{path}")[0] == 404, path)
        check("other key", server.json("GET", "/v1/documents")[1]["data"] == [], "")
        server.key = None
        check("no key", server.request("GET", "/v1/documents")[0] == 401, "")
        server.key = "alice-0123456789abcdef"
        server.wait(job["id"])
        end = time.monotonic() + 40
        while server.request("GET", f"/v1/documents/{job['id']}")[0] == 200 and time.monotonic() < end:
            time.sleep(0.5)
        check("expiry", server.request("GET", f"/v1/documents/{job['id']}")[0] == 404, "")
finally:
    shutil.rmtree(tmp)
sys.exit(failed)
