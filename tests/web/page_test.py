#!/usr/bin/env python3
"""The web page in a real Chromium against a real server with the bundled model: scripts/test_web.sh runs it."""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

from axe_playwright_python.sync_playwright import Axe
from harness import ROOT, Browser, PageTest, READ_MS, Server

sys.path.insert(0, str(ROOT / "tests/e2e"))
from text_pdf import text_pdf  # noqa: E402

SAMPLES = ROOT / "samples"
REPORT = SAMPLES / "report.pdf"  # three pages, headings, three tables
LETTER = SAMPLES / "letter.pdf"


def setUpModule():
    PageTest.browser = Browser()
    unittest.addModuleCleanup(PageTest.browser.stop)


def document(**fields):
    return {"id": "doc_test", "object": "document", "status": "succeeded", "created_at": 1, "name": "test.pdf", "pages": 1,
            "pages_done": 1, "pages_failed": 0, "error": None, "formats": ["md", "json", "html", "pdf"], **fields}


def page_event(*regions, **fields):
    made = [{"index": i, "label": "text", "bbox_px": [10, 10 + 40 * i, 190, 40 + 40 * i], "polygon_px": [], "confidence": 0.9,
             "heading_level": 0, **region} for i, region in enumerate(regions)]
    return {"page": 1, "n_pages": 1, "width_px": 200, "height_px": 280, "regions": made, "markdown": "", **fields}


def sse(*events):
    return "".join(f"id: {i}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for i, (name, data) in enumerate(events, 1))


class Scripted:
    """Puts answers of our own in the place of the document API's: what a model would have to be forced to say."""

    def __init__(self, page, one, *events):
        self.one, self.events = one, events
        page.route("**/v1/documents?*", lambda route: route.fulfill(json={"object": "list", "data": [self.one]}))
        page.route(f"**/v1/documents/{one['id']}/events", lambda route: route.fulfill(
            body=sse(*self.events, ("done", self.one)), content_type="text/event-stream"))
        page.route(f"**/v1/documents/{one['id']}/pages/*/image", lambda route: route.fulfill(
            path=str(SAMPLES / "page.png"), content_type="image/png"))


class Reading(PageTest):
    def test_pages_appear_while_the_document_is_read(self):
        page = self.open()
        self.assertTrue(page.get_by_text("Drop a PDF or a picture here").is_visible())
        self.assertFalse(page.locator("#list").is_visible())
        page.evaluate("""window.seen = [];
            new MutationObserver(() => window.seen.push([document.querySelectorAll('.page').length,
              document.getElementById('doc-state').textContent, document.getElementById('announce').textContent]))
              .observe(document.body, {childList: true, subtree: true, characterData: true});""")
        self.upload(REPORT)
        self.wait_done()
        self.until("document.querySelectorAll('.page').length === 3")
        seen = page.evaluate("window.seen")
        self.assertTrue(any(n == 1 and state.startswith("Reading, 1 of 3") for n, state, _ in seen), seen)
        self.assertTrue(any(said == "Page 2 of 3 is read." for _, _, said in seen), seen)
        # An event that was sent before the list was asked may come after it.
        self.until("document.getElementById('doc-state').textContent.startsWith('Done')")
        self.assertRegex(page.locator("#doc-state").inner_text(), r"^Done, 3 pages in \d+(\.\d)? s \(\d+(\.\d)? pages/s\)$")
        self.assertEqual(page.locator(".page > h3").all_text_contents(), [f"Page {n} of 3" for n in (1, 2, 3)])
        self.assertEqual(page.locator(".block h4.title-1").first.text_content(), "Water in Harrowshire")
        self.assertEqual(page.locator(".block table").count(), 3)
        self.assertEqual(page.locator(".block table").first.locator("th[colspan='3']").count(), 1)
        self.assertEqual(page.title(), "report.pdf – GLM-OCR")
        picture = page.locator(".sheet img").first
        picture.wait_for()
        width, height = picture.evaluate("i => [i.naturalWidth, i.naturalHeight]")
        self.assertGreater(width, 800)
        self.assertAlmostEqual(width / height, 595 / 842, delta=0.01)

    def test_dropped_and_pasted_files_are_read(self):
        page = self.open()
        give = """([name, how]) => {
            const bytes = Uint8Array.from(atob(name.bytes), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name.name, {type: name.type}));
            const target = document.getElementById('upload');
            if (how === 'paste') {
              target.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
            } else {
              for (const type of ['dragenter', 'dragover', 'drop']) {
                target.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
              }
            }
          }"""
        for name, kind, how in (("letter.pdf", "application/pdf", "drop"), ("scan.png", "image/png", "paste")):
            bytes_ = base64.b64encode((SAMPLES / name).read_bytes()).decode()
            page.evaluate(give, [{"name": name, "type": kind, "bytes": bytes_}, how])
            self.until(f"document.querySelector('#documents li:last-child .name')?.textContent === '{name}'")
            self.wait_done()
            page.wait_for_selector(".block")
        self.assertNotIn("dropping", page.locator("body").get_attribute("class") or "")

    def test_cancel(self):
        page = self.open()
        many = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "many.pdf")
        subprocess.run(["qpdf", "--empty", "--pages", *[REPORT] * 8, "--", many], check=True)
        self.upload(many)
        page.wait_for_selector(".page", timeout=READ_MS)
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.wait_for_selector("#documents li:last-child .state.cancelled")
        self.assertIn("Cancelled", page.locator("#doc-state").inner_text())
        self.assertFalse(page.get_by_role("button", name="Cancel", exact=True).is_visible())
        self.assertLess(page.locator(".page").count(), 24)


class Result(PageTest):
    """What can be done with a document that is read."""

    keep_documents = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reader = cls.browser.chromium.new_page()
        reader.goto(cls.server.url + "/")
        reader.wait_for_selector("#opt-text_layer option[value=off]", state="attached")
        reader.evaluate("document.getElementById('opt-text_layer').value = 'off'")  # the model's words, with its confidence
        reader.set_input_files("#files", REPORT)
        reader.wait_for_selector("#documents .state.succeeded", timeout=READ_MS)
        reader.context.close()

    def open(self, page=None):
        page = super().open(page)
        self.until("document.querySelectorAll('.page').length === 3", page)
        page.locator(".sheet img").first.wait_for()
        return page

    def lit(self):
        return self.page.evaluate("[...document.querySelectorAll('.lit')].map((e) => [e.localName, e.dataset.region, "
                                  "e.closest('.page').querySelector('h3').textContent])")

    def test_a_block_and_its_region_light_up_together(self):
        page = self.open()
        first = page.locator(".page").first
        block = first.locator(".block", has_text="Two events will be remembered")
        region = block.get_attribute("data-region")
        outline = first.locator(f"polygon[data-region='{region}']")
        both = [["polygon", region, "Page 1 of 3"], ["div", region, "Page 1 of 3"]]
        block.hover()
        self.assertEqual(self.lit(), both)
        page.mouse.move(2, 2)
        self.assertEqual(self.lit(), [])
        outline.hover()
        self.assertEqual(self.lit(), both)
        page.mouse.move(2, 2)
        # The outline lies where the paragraph is on the sheet: below the first, above the table, 3 lines high.
        sheet, box = first.locator(".sheet").bounding_box(), outline.bounding_box()
        self.assertAlmostEqual((box["y"] - sheet["y"]) / sheet["height"], 0.26, delta=0.03)
        self.assertAlmostEqual(box["height"] / sheet["height"], 0.05, delta=0.02)
        self.assertAlmostEqual(box["width"] / sheet["width"], 0.78, delta=0.05)
        # A click leads to the text.
        outline.click()
        self.assertEqual(page.evaluate("document.activeElement.dataset.region"), region)
        self.assertEqual(self.lit(), both)

    def test_confidence(self):
        page = self.open()
        block = page.locator(".block", has_text="Two events will be remembered")
        number = block.locator(".sure")
        self.assertFalse(number.is_visible())
        plain = block.evaluate("e => getComputedStyle(e).backgroundColor")
        page.get_by_label("Confidence", exact=True).check()
        self.assertRegex(number.inner_text(), r"^\d+ %$")
        # Not the paragraph is shaded but the words that the model doubted.
        self.assertEqual(block.evaluate("e => getComputedStyle(e).backgroundColor"), plain)
        marks = page.locator("mark.doubt")
        self.assertGreater(marks.count(), 0)
        self.assertTrue(marks.evaluate_all("all => all.every((e) => /^\\S+$/.test(e.textContent) && /^\\d+ %$/.test(e.title) && "
                                           "getComputedStyle(e).backgroundColor !== 'rgba(0, 0, 0, 0)')"))
        words = page.evaluate("document.querySelector('.text').innerText.split(/\\s+/).length")
        self.assertLess(page.locator(".page").first.locator("mark").count(), 0.5 * words)
        self.assertTrue(all(page.locator(".block:has(p)").evaluate_all("all => all.map((e) => e.classList.contains('by-word'))")))
        self.assertRegex(block.get_attribute("aria-label"), r"^Text, confidence \d+ %$")
        self.assertTrue(page.get_by_text("Words are shaded where the model was less sure").is_visible())
        page.get_by_label("Confidence", exact=True).uncheck()
        self.assertEqual(marks.first.evaluate("e => getComputedStyle(e).backgroundColor"), "rgba(0, 0, 0, 0)")

    def test_raw_markdown_and_json(self):
        page = self.open()
        page.get_by_role("tab", name="Markdown").click()
        self.assertEqual(page.locator(".raw").count(), 3)
        self.assertTrue(page.locator(".raw").first.inner_text().startswith("# Water in Harrowshire\n\n"))
        self.assertIn("<table>", page.locator(".raw").first.inner_text())
        self.assertFalse(page.locator(".text").first.is_visible())
        self.assertTrue(page.locator(".sheet img").first.is_visible())
        page.keyboard.press("ArrowRight")
        self.assertEqual(page.get_by_role("tab", name="JSON").get_attribute("aria-selected"), "true")
        self.until("document.querySelectorAll('.raw')[1].textContent.startsWith('{')")
        raw = json.loads(page.locator(".raw").nth(1).text_content())
        self.assertEqual(raw["page"], 2)
        self.assertGreater(len(raw["regions"]), 3)
        page.keyboard.press("Home")
        self.assertTrue(page.locator(".text").first.is_visible())
        self.assertEqual(page.locator(".raw").count(), 0)

    def test_page_jump_and_zoom(self):
        page = self.open()
        number = page.get_by_label("Page", exact=True)
        self.assertEqual(number.input_value(), "1")
        self.assertEqual(page.locator("#page-count").inner_text(), "of 3")
        number.fill("3")
        number.press("Enter")
        top = "document.querySelectorAll('.page')[{}].getBoundingClientRect().top - document.querySelector('#bar').getBoundingClientRect().bottom"
        self.until(f"Math.abs({top.format(2)}) < 8")
        page.get_by_role("button", name="Page before").click()
        self.until(f"Math.abs({top.format(1)}) < 8")
        number.blur()
        self.until("document.getElementById('page-number').value === '2'")
        page.evaluate("scrollTo(0, 0)")
        self.until("document.getElementById('page-number').value === '1'")
        width = page.locator(".sheet").first.bounding_box()["width"]
        self.assertTrue(page.get_by_role("button", name="Smaller").is_disabled())
        page.get_by_role("button", name="Larger").click()
        page.get_by_role("button", name="Larger").click()
        self.assertEqual(page.locator("#zoom-now").inner_text(), "200 %")
        self.assertAlmostEqual(page.locator(".sheet").first.bounding_box()["width"], 2 * width, delta=2)
        scan = page.locator(".scan").first
        self.assertTrue(scan.evaluate("e => (e.scrollLeft = 50, e.scrollTop = 50, e.scrollLeft === 50 && e.scrollTop === 50)"))
        # Regions stay where their text is.
        picture, overlay = page.locator(".sheet img").first.bounding_box(), page.locator(".overlay").first.bounding_box()
        self.assertEqual(picture, overlay)
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 1280)

    def test_documents_of_one_name_differ_by_their_time(self):
        page = self.open()
        self.assertRegex(page.locator("#documents .state").first.inner_text(), r"^Done, 3 pages · \d\d:\d\d$")

    def test_the_shown_document_is_shown_after_a_reload(self):
        page = self.open()
        self.upload(SAMPLES / "page.png")
        self.wait_done()
        page.get_by_role("button", name="report.pdf Done").click()
        page.reload()
        self.until("document.getElementById('doc-title').textContent === 'report.pdf'")
        page.get_by_role("button", name="page.png Done").click()
        page.get_by_role("button", name="Remove page.png").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        self.until("document.querySelectorAll('#documents li').length === 1")

    def test_copy(self):
        page = self.open()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy Markdown").click()
        page.get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        self.assertIn("# Water in Harrowshire\n\nAnnual report", copied)
        self.assertEqual(copied.count("<table>"), 3)

    def test_downloads(self):
        page = self.open()
        for button, name, begin, inside in (
                ("Markdown", "report.md", b"# Water in Harrowshire", b"<table>"),
                ("JSON", "report.json", b'{"schema":"glm-ocr.document/1"', b'"bbox_2d"'),
                ("HTML", "report.html", b"<!", b"Harrowshire"),
                ("Searchable PDF", "report.pdf", b"%PDF-", b"%%EOF"), ("All (ZIP)", "report.zip", b"pk\3\4", b"report/report.md")):
            with page.expect_download() as waiting:
                page.get_by_role("button", name=button, exact=True).click()
            self.assertEqual(waiting.value.suggested_filename, name)
            data = pathlib.Path(waiting.value.path()).read_bytes()
            self.assertEqual(data[:len(begin)].lower(), begin.lower(), name)
            self.assertIn(inside, data)
        with zipfile.ZipFile(waiting.value.path()) as archive:
            self.assertIsNone(archive.testzip())
            endings = {pathlib.PurePath(name).suffix for name in archive.namelist()}
            self.assertLessEqual({".md", ".json", ".html", ".txt", ".hocr", ".xml", ".pdf"}, endings)

    def test_phone_width(self):
        for theme in ("light", "dark"):
            page = self.open(self.new_page(viewport={"width": 360, "height": 740}, color_scheme=theme))
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
            scan, text = page.locator(".scan").first.bounding_box(), page.locator(".text").first.bounding_box()
            self.assertGreaterEqual(text["y"], scan["y"] + scan["height"])
            self.assertGreater(scan["width"], 300)
            # A wide table scrolls in itself.
            table = page.locator(".table").first
            self.assertLessEqual(table.bounding_box()["width"], 360)
            self.assertTrue(table.evaluate("e => (e.scrollLeft = 1e4, e.scrollWidth > e.clientWidth && "
                                           "e.scrollLeft + e.clientWidth >= e.scrollWidth - 1)"))
            for button in page.locator("button:visible").all():
                box = button.bounding_box()
                self.assertLessEqual(box["x"] + box["width"], 360, button.inner_text())

    def test_on_a_phone_the_result_comes_first(self):
        page = self.open(self.new_page(viewport={"width": 375, "height": 740}))
        self.assertFalse(page.locator("#documents").is_visible())
        self.assertFalse(page.get_by_text("Drop a PDF or a picture here").is_visible())
        self.assertTrue(page.locator("#choose").is_visible())
        self.assertLess(page.locator("#doc-title").bounding_box()["y"], 300)
        page.locator("#list summary").click()
        self.assertTrue(page.locator("#documents").is_visible())
        page.locator("#documents .open").first.click()
        self.assertFalse(page.locator("#documents").is_visible())
        reader_on_top = "Math.abs(document.getElementById('reader').getBoundingClientRect().top) < 2"
        self.until(reader_on_top, page)
        # And so does a document that is added.
        page.evaluate("scrollTo(0, 0)")
        self.upload(LETTER, page=page)
        self.until("document.getElementById('doc-title').textContent === 'letter.pdf'", page)
        self.until(reader_on_top, page)
        self.wait_done(page)
        page.locator("#list summary").click()
        page.get_by_role("button", name="Remove letter.pdf").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        self.until("document.querySelectorAll('#documents li').length === 1", page)

    def test_keyboard_alone(self):
        page = self.open()
        stops = []
        for _ in range(60):
            page.keyboard.press("Tab")
            stop = page.evaluate("""(() => {
                const e = document.activeElement, shown = e.id === 'files' ? e.nextElementSibling : e;
                const style = getComputedStyle(shown);
                return {tag: e.localName, id: e.id, name: e.textContent.trim(), block: e.classList.contains('block'),
                        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};
              })()""")
            if stop["tag"] == "body":
                break
            self.assertTrue(stop["ring"], stop)
            stops.append(stop)
        ids = [stop["id"] for stop in stops]
        for wanted in ("skip", "theme", "files", "show-confidence", "copy", "tab-text", "page-number", "page-on", "zoom-in"):
            self.assertIn(wanted, ids)
        self.assertTrue(all(any(stop["name"] == name for stop in stops) for name in ("Markdown", "JSON", "HTML", "Searchable PDF", "All (ZIP)")))
        self.assertEqual(sum(stop["block"] for stop in stops), 3)  # one for each page; arrows do the rest
        # The skip link.
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.locator("#skip").focus()
        page.keyboard.press("Enter")
        self.assertEqual(page.evaluate("document.activeElement.id"), "reader")
        # From block to block.
        page.locator(".block").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        self.assertEqual([name for name, _, _ in self.lit()], ["polygon", "div"])
        self.assertEqual(page.evaluate("document.activeElement.dataset.region"), "2")
        page.keyboard.press("Home")
        self.assertEqual(page.evaluate("document.activeElement.dataset.region"), "0")
        # Choosing files.
        page.locator("#files").focus()
        with page.expect_file_chooser():
            page.keyboard.press("Space")

    def test_themes(self):
        brightness = "sum(...getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number))".replace(
            "sum(", "((...v) => v[0] + v[1] + v[2])(")
        light = self.open(self.new_page(color_scheme="light"))
        dark = self.open(self.new_page(color_scheme="dark"))
        self.assertGreater(light.evaluate(brightness), 600)
        self.assertLess(dark.evaluate(brightness), 150)
        light.get_by_label("Theme").select_option("dark")
        self.assertLess(light.evaluate(brightness), 150)
        light.reload()
        self.assertLess(light.evaluate(brightness), 150)
        self.assertEqual(light.get_by_label("Theme").input_value(), "dark")
        light.get_by_label("Theme").select_option("auto")
        self.assertGreater(light.evaluate(brightness), 600)

    def test_reduced_motion(self):
        page = self.open(self.new_page(reduced_motion="reduce"))
        moving = page.evaluate("document.getAnimations().length")
        self.assertEqual(moving, 0)
        self.assertEqual(page.locator(".text").first.evaluate("e => getComputedStyle(e).animationName"), "none")

    def test_a_document_is_removed_only_when_confirmed(self):
        page = self.open()
        self.upload(SAMPLES / "page.png")
        self.wait_done()
        remove = page.get_by_role("button", name="Remove page.png")
        remove.click()
        page.get_by_role("button", name="Keep").click()
        self.assertEqual(page.locator("#documents li").count(), 2)
        remove.click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        self.until("document.querySelectorAll('#documents li').length === 1")
        self.assertEqual(page.locator("#doc-title").inner_text(), "report.pdf")
        page.reload()
        page.wait_for_selector("#documents li")
        self.assertEqual(page.locator("#documents li").count(), 1)


class Errors(PageTest):
    def test_a_text_file(self):
        page = self.open()
        self.expected_errors = [r"status of 400"]
        self.upload({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a document"})
        problem = page.locator(".problem")
        problem.wait_for()
        self.assertIn("neither a PDF nor a picture", problem.inner_text())
        self.assertEqual(page.locator("#problem").get_attribute("role"), "alert")
        self.assertIn("Choose another file", problem.inner_text())
        self.assertEqual(problem.get_by_role("button").all_inner_texts(), ["Remove"])  # no "Try again"
        self.assertEqual(page.locator("#doc-state").inner_text(), "Failed")
        page.get_by_role("button", name="Remove notes.txt").click()
        page.get_by_text("Drop a PDF or a picture here").wait_for()
        self.assertEqual(page.locator("#documents li").count(), 0)

    def test_a_file_that_is_too_large(self):
        page = self.open()
        most = page.evaluate("fetch('capabilities').then((r) => r.json()).then((c) => c.limits.max_upload_bytes)")
        self.assertGreater(most, 0)
        page.route("**/capabilities", lambda route: route.fulfill(json={"limits": {"max_upload_bytes": 1000}}))
        page.reload()
        page.wait_for_load_state("networkidle")
        self.upload({"name": "large.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4" + bytes(3 << 20)})
        page.locator(".problem").wait_for()
        self.assertIn("This file has 3.0 MB; the server takes 0.0 MB.", page.locator(".problem").inner_text())
        # What the page does not know it is told.
        self.expected_errors = [r"status of 413"]
        page.unroute("**/capabilities")
        page.route("**/capabilities", lambda route: route.fulfill(json={}))
        page.route("**/v1/documents", lambda route: route.fulfill(
            status=413, json={"error": {"message": "The file is too large.", "code": None}}))
        page.reload()
        page.wait_for_load_state("networkidle")
        self.upload(LETTER)
        page.locator(".problem").wait_for()
        self.assertIn("The file is too large.", page.locator(".problem").inner_text())
        self.assertIn("Split the document", page.locator(".problem").inner_text())

    def test_wrong_options_can_be_mended(self):
        page = self.open()
        self.expected_errors = [r"status of 400"]
        page.locator(".options summary").click()
        page.get_by_label("Pages", exact=True).fill("two")
        self.upload(REPORT)
        page.locator(".problem").wait_for()
        self.assertIn("pages", page.locator(".problem").inner_text())
        page.get_by_label("Pages", exact=True).fill("2")
        page.get_by_role("button", name="Try again").click()
        self.wait_done()
        self.until("document.querySelectorAll('.page').length === 1")
        self.assertIn("Done, 1 page", page.locator("#doc-state").inner_text())
        self.assertEqual(page.locator(".page > h3").text_content()[:6], "Page 2")

    def test_an_encrypted_pdf_is_read_with_its_password(self):
        page = self.open()
        locked = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "locked.pdf")
        subprocess.run(["qpdf", "--encrypt", "open sesame", "owner", "256", "--", LETTER, locked], check=True)
        self.upload(locked)
        problem = page.locator(".problem")
        problem.wait_for(timeout=READ_MS)
        self.assertIn("needs a password", problem.inner_text())
        self.assertNotIn("--", problem.inner_text())  # no option of the command line
        problem.get_by_label("Password").fill("wrong")
        problem.get_by_role("button", name="Try again").click()
        self.until("document.querySelector('.problem')?.textContent.includes('does not open')", timeout_ms=READ_MS)
        problem.get_by_label("Password").fill("open sesame")
        page.keyboard.press("Enter")
        self.wait_done()
        self.assertEqual(page.locator("#documents li").count(), 1)
        self.assertFalse(problem.is_visible())

    def test_a_locked_pdf_is_read_after_a_reload(self):
        page = self.open()
        locked = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "locked.pdf")
        subprocess.run(["qpdf", "--encrypt", "open sesame", "owner", "256", "--", LETTER, locked], check=True)
        self.upload(locked)
        page.locator(".problem").wait_for(timeout=READ_MS)
        page.reload()
        problem = page.locator(".problem")
        problem.get_by_label("Password").fill("open sesame")
        problem.get_by_role("button", name="Try again").click()
        self.wait_done()
        self.assertEqual(page.locator("#documents li").count(), 1)
        page.locator(".block").first.wait_for()

    def test_files_keep_the_order_in_which_they_were_added(self):
        page = self.open()
        self.expected_errors = [r"status of 400"]
        self.upload(LETTER, SAMPLES / "form.pdf", SAMPLES / "page.png")
        self.until("document.querySelectorAll('#documents .state.succeeded').length === 3", timeout_ms=READ_MS)
        names = ["letter.pdf", "form.pdf", "page.png"]
        self.assertEqual(page.locator("#documents .name").all_inner_texts(), names)
        self.assertEqual(page.locator("#doc-title").inner_text(), "letter.pdf")  # the first of them
        page.set_input_files("#files", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a document"})
        page.locator("#documents .state.failed").wait_for()
        self.assertEqual(page.locator("#documents .name").all_inner_texts(), [*names, "notes.txt"])
        page.reload()
        self.until("document.querySelectorAll('#documents .name').length === 3")
        self.assertEqual(page.locator("#documents .name").all_inner_texts(), names)

    def test_warnings(self):
        page = self.page
        unsure = "The mean confidence is 48 %: the page may be turned, or in a script that this model does not know."
        Scripted(page, document(pages=2, pages_done=2, warnings=[
            {"kind": "pages_missing", "page": 0, "message": "There are no pages 3 to 9 (see --pages)."},
            {"kind": "low_confidence", "page": 2, "message": unsure}]),
            ("page", page_event({"content": "first"}, n_pages=2)),
            ("page", page_event({"content": "second"}, page=2, n_pages=2,
                                warnings=[{"kind": "low_confidence", "page": 2, "message": unsure}])))
        self.open()
        page.locator("#warnings").wait_for()
        self.assertEqual(page.locator("#warnings summary").inner_text(), "2 warnings")  # each once
        self.assertEqual(page.locator("#warnings li").all_inner_texts(), ["There are no pages 3 to 9.", f"Page 2: {unsure}"])
        self.assertEqual(page.get_by_role("list", name="Warnings of page 2").inner_text(), unsure)
        self.assertIn("Done, 2 pages, 2 warnings", page.locator("#documents .state").inner_text())
        page.locator("#warnings").get_by_role("button", name="Page 2").click()
        self.assertEqual(page.get_by_label("Page", exact=True).input_value(), "2")

    def test_text_of_the_pdf_itself_is_said(self):
        page = self.page
        Scripted(page, document(pages=2, pages_done=2), ("page", page_event({"content": "first", "from_text_layer": True}, n_pages=2)),
                 ("page", page_event({"content": "second"}, page=2, n_pages=2)))
        self.open()
        page.get_by_text("second").wait_for()
        self.assertEqual(page.locator(".own-text").all_inner_texts(), ["The PDF’s own text, not read by the model."])

    def test_a_page_without_text_says_so(self):
        page = self.page
        Scripted(page, document(), ("page", page_event({"label": "image", "content": "", "confidence": 0, "bbox_px": [2, 2, 198, 278]})))
        self.open()
        page.get_by_text("No text was found on this page.").wait_for()
        page.locator(".sheet img").wait_for()
        self.assertEqual(page.locator(".crop canvas").count(), 0)  # not the page a second time
        self.assertTrue(page.get_by_text("Picture, the whole page").is_visible())

    def test_a_server_that_does_not_answer(self):
        page = self.open()
        self.expected_errors = [r"ERR_CONNECTION_REFUSED|ERR_FAILED"]
        page.route("**/v1/documents", lambda route: route.abort("connectionrefused"))
        self.upload(LETTER)
        page.locator(".problem").wait_for()
        self.assertIn("The server does not answer.", page.locator(".problem").inner_text())
        self.assertIn("Check that the server runs", page.locator(".problem").inner_text())
        page.unroute("**/v1/documents")
        page.get_by_role("button", name="Try again").click()
        self.wait_done()

    def test_a_busy_server(self):
        page = self.open()
        self.expected_errors = [r"status of 429"]
        page.route("**/v1/documents", lambda route: route.fulfill(
            status=429, json={"error": {"message": "Too many requests are waiting.", "code": "queue_full"}}))
        self.upload(LETTER)
        page.locator(".problem").wait_for()
        self.assertIn("Wait a moment, then try again.", page.locator(".problem").inner_text())

    def test_a_stream_that_breaks_is_taken_up_again(self):
        page = self.page
        calls = []

        def events(route):
            calls.append(route.request.headers.get("last-event-id"))
            first = [("page", page_event({"content": "first"}, n_pages=2))]
            if len(calls) == 1:
                route.fulfill(body=sse(*first), content_type="text/event-stream")
            else:
                route.fulfill(body="id: 2\n" + sse(("page", page_event({"content": "second"}, page=2, n_pages=2)))[6:]
                              + sse(("done", document(pages=2, pages_done=2))), content_type="text/event-stream")

        Scripted(page, document(status="running", pages=2))
        page.unroute("**/v1/documents/doc_test/events")
        page.route("**/v1/documents/doc_test/events", events)
        self.open()
        page.get_by_text("second").wait_for()
        self.assertEqual(page.get_by_text("first").count(), 1)
        self.assertEqual(calls[:2], [None, "1"])

    def test_a_page_that_failed(self):
        page = self.page
        Scripted(page, document(status="partial", pages=1, pages_failed=1),
                 ("page", page_event(error="the page is damaged", width_px=0, height_px=0)))
        self.open()
        page.get_by_text("This page could not be read: the page is damaged").wait_for()
        self.assertIn("1 of 1 page not fully read", page.locator("#doc-state").inner_text())


class Keys(PageTest):
    KEY = "sk-web-0123456789abcdef"

    @classmethod
    def start_server(cls):
        return Server(key=cls.KEY)

    def test_the_page_asks_for_the_key(self):
        page = self.open()
        self.expected_errors = [r"status of 401"]
        dialog = page.get_by_role("dialog", name="API key")
        dialog.wait_for()
        dialog.get_by_label("Key", exact=True).fill("sk-wrong-key-0123456789")
        page.keyboard.press("Enter")
        page.get_by_text("The server refused that key").wait_for()
        dialog.get_by_label("Key", exact=True).fill(self.KEY)
        page.keyboard.press("Enter")
        dialog.wait_for(state="hidden")
        self.upload(LETTER)
        self.wait_done()
        page.locator(".sheet img").wait_for()
        page.reload()
        page.wait_for_selector(".page")
        self.assertFalse(dialog.is_visible())
        self.assertEqual(page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]"),
                         [[self.KEY], [], ""])
        # The key stands in no address.
        urls = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
        self.assertEqual([url for url in urls if self.KEY in url], [])

    def test_without_a_key_the_page_says_what_to_do(self):
        page = self.open()
        self.expected_errors = [r"status of 401"]
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Escape")
        page.locator(".notice").wait_for()
        self.assertIn("A valid API key is needed", page.locator(".notice").inner_text())
        self.assertTrue(page.get_by_role("button", name="API key").is_visible())


HOSTILE = [
    "<img src=x onerror=window.pwned=1>",
    "before <script>window.pwned=1</script> after",
    "[click me](javascript:window.pwned=1) and [data](data:text/html,<script>window.pwned=1</script>)",
    "![x](https://attacker.example/pixel.png) <https://attacker.example>",
    "<table onclick='window.pwned=1'><tr><td onmouseover='window.pwned=1'><img src=x onerror='window.pwned=1'>cell</td>"
    "<td style='position:fixed;inset:0'><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>"
    "<a href='javascript:window.pwned=1'>link</a><svg><script>window.pwned=1</script></svg>"
    "<style>body{display:none}</style></td></tr></table>",
    "<table><td><math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.pwned=1&gt;'>",
    "<svg onload=window.pwned=1><animate onbegin=window.pwned=1 attributeName=x dur=1s></svg>",
    "<form action='https://attacker.example'><input name=q></form><base href='https://attacker.example/'>"
    "<meta http-equiv=refresh content='0;url=https://attacker.example'><link rel=stylesheet href='https://attacker.example/a.css'>",
    r"$\href{javascript:window.pwned=1}{x}$ and $\htmlStyle{position:fixed}{x}$ and $\includegraphics{https://attacker.example/p.png}$",
    r"$$\def\a{\a\a}\a$$ and $$" + "{" * 500 + "x" + "}" * 500 + "$$",
    "&lt;img src=x onerror=window.pwned=1&gt; &#60;b&#62;",
    "`<img src=x onerror=window.pwned=1>`\n\n```\n</code><img src=x onerror=window.pwned=1>\n```",
    "> " * 3000 + "deep", "* " * 3000 + "deep", "[" * 5000, "**" * 5000, "<b>" * 3000, "|" * 3000 + "\n" + "|-" * 3000,
]


class Hostile(PageTest):
    def harmless(self, page):
        self.assertEqual(page.evaluate("""[window.pwned ?? null,
            document.querySelectorAll('#reader img:not(.sheet img), #reader script, #reader iframe, #reader style, #reader form form, '
              + '#reader a, #reader base, #reader meta, #reader link, #reader object, #reader embed, #reader [src]:not(.sheet img)').length,
            [...document.querySelectorAll('#reader *, #documents *')].filter((e) => [...e.attributes].some((a) =>
              /^on/i.test(a.name) || /javascript:/i.test(a.value))).length,
            [...document.querySelectorAll('#reader .text *')].filter((e) => getComputedStyle(e).position === 'fixed').length]"""),
            [None, 0, 0, 0])

    def test_recognised_text_is_never_markup(self):
        page = self.page
        regions = [{"content": text, "label": label} for text in HOSTILE for label in ("text", "paragraph_title", "table")]
        Scripted(page, document(name=HOSTILE[0] + ".pdf"), ("page", page_event(*regions, height_px=40000)))
        self.open()
        self.until(f"document.querySelectorAll('.block').length === {len(regions)}", timeout_ms=60_000)
        page.locator(".sheet img").wait_for()
        page.wait_for_timeout(300)
        self.harmless(page)
        # It is shown as the text that it is.
        blocks = page.locator(".block")
        self.assertIn(HOSTILE[0], blocks.nth(0).inner_text())
        self.assertIn("javascript:window.pwned=1", blocks.nth(6).inner_text())
        self.assertIn("https://attacker.example", blocks.nth(9).inner_text())
        self.assertEqual(page.locator("#doc-title").inner_text(), HOSTILE[0] + ".pdf")

    def test_a_hostile_name_and_text_through_the_server(self):
        from_pdf = "<img src=x onerror=window.pwned=1> [a]<script>window.pwned=1</script>"
        page = self.open()
        page.locator(".options summary").click()
        page.get_by_label("Text inside PDFs").select_option("prefer")
        name = "<img src=x onerror=window.pwned=1>.pdf"
        self.upload({"name": name, "mimeType": "application/pdf", "buffer": text_pdf([[from_pdf, "A second line of text."]])})
        self.wait_done()
        page.locator(".sheet img").wait_for()
        self.harmless(page)
        self.assertIn("onerror=window.pwned=1", page.locator(".text").inner_text())
        self.assertIn("<img src=x onerror=window.pwned=1>", page.locator("#doc-title").inner_text())

    def test_an_error_message_is_never_markup(self):
        page = self.page
        Scripted(page, document(status="failed", error=HOSTILE[0], pages=0, pages_done=0))
        self.open()
        page.locator(".problem").wait_for()
        self.harmless(page)
        self.assertIn(HOSTILE[0], page.locator(".problem").inner_text())


def capabilities(**model):
    return {"model": {"id": "glm-ocr", "reads": "pages", "max_image_pixels": 9633792, "parameters": 1_100_000_000, "demonstration": False, **model},
            "tasks": ["auto", "text", "table", "formula"], "layouts": ["auto", "geometric", "lines", "none", "pp-doclayout-v3"],
            "text_layers": ["auto", "off", "prefer", "compare", "replace"], "limits": {}}


class Model(PageTest):
    """What the page says of the model, and what it offers."""

    def options(self, label):
        return self.page.get_by_label(label).locator("option").all_inner_texts()

    def test_the_starter_model_says_what_it_is(self):
        page = self.open()
        banner = page.locator("#demonstration")
        banner.wait_for()
        self.assertRegex(banner.inner_text(), r"^Starter model, 7 M parameters: a demonstration .* --model to use GLM-OCR\.$")
        self.assertFalse(page.locator("#model").is_visible())
        page.locator(".options summary").click()
        self.assertFalse(page.get_by_label("Read everything as").is_visible())  # it reads text, nothing else
        self.assertEqual(self.options("Parts of the page"), ["Find them", "One column of lines"])
        for jargon in ("geometric", "none", "lines", "auto"):
            self.assertNotIn(jargon, self.options("Parts of the page"))

    def test_another_model_is_named(self):
        page = self.page
        page.route("**/capabilities", lambda route: route.fulfill(json=capabilities()))
        self.open()
        self.until("document.getElementById('model').textContent === 'glm-ocr, 1.1 B parameters'")
        self.assertFalse(page.locator("#demonstration").is_visible())
        page.locator(".options summary").click()
        self.assertEqual(self.options("Read everything as"), ["What it is", "Text", "A table", "A formula"])
        self.assertEqual(self.options("Parts of the page"), [
            "Find them", "Find them without the layout model", "One column of lines", "Read the page in one piece"])
        self.assertEqual(page.get_by_label("Text inside PDFs").locator("option").evaluate_all("all => all.map((e) => e.value)"),
                         ["", "off", "prefer", "compare", "replace"])

    def test_a_sample_to_try(self):
        page = self.open()
        page.get_by_role("button", name="Try a sample").click()
        self.wait_done()
        self.until("document.querySelectorAll('.page').length === 3")
        self.assertEqual(page.locator(".block h4.title-1").first.text_content(), "Water in Harrowshire")
        self.assertFalse(page.get_by_role("button", name="Try a sample").is_visible())


class Words(PageTest):
    """Which words are shaded."""

    def marks(self, *regions):
        page = self.page
        Scripted(page, document(), ("page", page_event(*regions)))
        self.open()
        page.wait_for_selector(".block")
        page.get_by_label("Confidence", exact=True).check()
        return page.locator("mark.doubt").evaluate_all("all => all.map((e) => [e.textContent, e.title])")

    @staticmethod
    def words(text, **doubted):
        return [{"text": word, "confidence": doubted.get(word.strip("*.,-"), 0.995)} for word in text.split()]

    def test_words_find_their_places(self):
        text = "A **bold** exam- ple of the 184 sheep, the end."
        self.assertEqual(self.marks(
            {"content": "A **bold** example of the 184 sheep, the end.", "words": self.words(text, bold=0.5, ple=0.6, sheep=0.7)}),
            [["bold", "50 %"], ["example", "60 %"], ["sheep,", "70 %"]])

    def test_what_was_left_out_or_put_in_shifts_nothing(self):
        self.assertEqual(self.marks(
            {"content": "one two NEW three four five", "words": self.words("zero one two three lost four five", three=0.5, five=0.6, lost=0.1)}),
            [["three", "50 %"], ["five", "60 %"]])

    def test_tables_and_titles(self):
        self.assertEqual(self.marks(
            {"label": "paragraph_title", "content": "The year 1849", "words": self.words("The year 1849", **{"1849": 0.4})},
            {"label": "table", "content": "<table><tr><td>North</td><td>12 &amp; 3</td></tr><tr><td></td><td>North</td></tr></table>",
             "words": [{"text": "North", "confidence": 0.99}, {"text": "12", "confidence": 0.3}, {"text": "&", "confidence": 0.99},
                       {"text": "3", "confidence": 0.99}, {"text": "North", "confidence": 0.2}]}),
            [["1849", "40 %"], ["12", "30 %"], ["North", "20 %"]])
        self.assertEqual(self.page.locator("td mark").count(), 2)

    def test_a_block_without_words_is_shaded_as_a_whole(self):
        self.assertEqual(self.marks({"content": "other text", "words": self.words("nothing alike", alike=0.1)}, {"content": "none told", "confidence": 0.5}), [])
        for i in (0, 1):
            self.assertNotEqual(self.page.locator(".block").nth(i).evaluate("e => getComputedStyle(e).backgroundColor"), "rgba(0, 0, 0, 0)")


class Rendering(PageTest):
    def show(self, *regions):
        Scripted(self.page, document(), ("page", page_event(*regions)))
        self.open()
        self.page.wait_for_selector(".block")
        return self.page.locator(".block")

    def test_markdown(self):
        blocks = self.show({"content": "One **bold** and *slanted* `code` H<sub>2</sub>O<br>next &amp; last"},
                           {"content": "- a\n- b\n  1. c"}, {"content": "| a | b |\n|---|--:|\n| 1 | 2 |"},
                           {"content": "Costs $5 and $6, a_1 b_2, x < y > z"},
                           {"label": "paragraph_title", "heading_level": 3, "content": "3.1 Why <b>"})
        self.assertEqual(blocks.nth(0).locator("p").evaluate("e => e.innerHTML"),
                         "One <strong>bold</strong> and <em>slanted</em> <code>code</code> H<sub>2</sub>O<br>next &amp; last")
        self.assertEqual(blocks.nth(1).locator("ul > li").count(), 2)
        self.assertEqual(blocks.nth(1).locator("ol > li").inner_text(), "c")
        self.assertEqual(blocks.nth(2).locator("tbody td.align-right").inner_text(), "2")
        self.assertEqual(blocks.nth(3).locator("p").inner_text(), "Costs $5 and $6, a_1 b_2, x < y > z")
        self.assertEqual(blocks.nth(4).locator("h6.title-3").count(), 1)

    def test_formulas(self):
        blocks = self.show({"label": "display_formula", "content": r"\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}"},
                           {"label": "display_formula", "content": r"$$\vec{F} = m\vec{a}, \quad \phase{-78^\circ} \overrightarrow{AB}$$"},
                           {"content": r"With $a_1 < b_2$ and \(\alpha\) in a line."}, {"content": r"Broken: $\frac{1}$."},
                           {"label": "table", "content": "<table><tr><td>$x^2$</td><td colspan=2>\\(y\\)</td></tr></table>"})
        self.assertEqual(blocks.nth(0).locator(".katex-display").count(), 1)
        self.assertGreater(blocks.nth(0).locator(".katex").bounding_box()["height"], 20)
        self.assertEqual(blocks.nth(1).locator(".katex").count(), 1)
        self.assertEqual(blocks.nth(2).locator(".katex").count(), 2)
        self.assertEqual(blocks.nth(3).locator("code.formula-source").inner_text(), r"\frac{1}")
        self.assertEqual(blocks.nth(4).locator("td .katex").count(), 2)
        self.assertEqual(blocks.nth(4).locator("td[colspan='2']").count(), 1)
        # The fonts are there, and for screen readers there is MathML.
        self.page.evaluate("document.fonts.ready")
        fonts = self.page.evaluate("[...document.fonts].filter((f) => f.status === 'loaded').map((f) => f.family)")
        self.assertIn("KaTeX_Main", [name.strip('"') for name in fonts])
        self.assertEqual(blocks.nth(0).locator("math annotation").text_content(), r"\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}")

    def test_pictures_are_cut_from_the_page(self):
        blocks = self.show({"label": "image", "content": "", "bbox_px": [20, 20, 120, 70]})
        canvas = blocks.nth(0).locator("canvas")
        canvas.wait_for()
        width, height = canvas.evaluate("c => [c.width, c.height]")
        self.assertAlmostEqual(width / height, 2, delta=0.1)


class Accessibility(PageTest):
    """axe-core finds nothing against WCAG 2.2 A and AA, nor against its best practices. Headings of a document are as
    their author ordered them."""

    RULES = {"resultTypes": ["violations"], "rules": {"heading-order": {"enabled": False}}}

    def check(self, page):
        result = Axe().run(page, options=self.RULES)
        self.assertEqual([(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in result.response["violations"]], [])

    # axe is put into the page as a script, which the page's own policy would refuse.
    def open_for_axe(self, **options):
        return self.new_page(bypass_csp=True, **options)

    def test_every_state(self):
        regions = [{"label": "doc_title", "content": "Title", "heading_level": 1},
                   {"content": "Text with $x^2$", "confidence": 0.6, "words": [{"text": "Text", "confidence": 0.6}, {"text": "with", "confidence": 0.5}]},
                   {"label": "table", "content": "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"},
                   {"label": "header", "content": "Running head"}, {"label": "display_formula", "content": r"\sum_i x_i"}]
        for scheme in ("light", "dark"):
            for width in (1280, 360):
                with self.subTest(scheme=scheme, width=width):
                    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
                    page = self.open(self.open_for_axe(**options))
                    page.locator(".options summary").click()
                    self.check(page)
                    page = self.open_for_axe(**options)
                    warnings = [{"kind": "low_confidence", "page": 1, "message": "The page may be turned."}]
                    Scripted(page, document(pages=2, pages_done=2, warnings=warnings),
                             ("page", page_event(*regions, n_pages=2, markdown="# Title", warnings=warnings)),
                             ("page", page_event(*regions, n_pages=2, page=2)))
                    page.route("**/v1/documents/doc_test/result?format=json", lambda route: route.fulfill(json={"pages": [{"page": 1}]}))
                    self.open(page)
                    page.wait_for_selector(".sheet img")
                    self.check(page)
                    page.get_by_role("button", name="Larger").click()
                    for tab in ("Markdown", "JSON", "Text"):
                        page.get_by_role("tab", name=tab).click()
                        self.check(page)
                    if width < 800:
                        page.locator("#list summary").click()
                    page.get_by_label("Confidence", exact=True).check()
                    self.check(page)
                    page.get_by_role("button", name="Remove test.pdf").click()
                    self.check(page)
                    page = self.open_for_axe(**options)
                    Scripted(page, document(status="failed", error="The PDF is damaged."))
                    self.open(page)
                    page.locator(".problem").wait_for()
                    self.check(page)
                    page = self.open_for_axe(**options)
                    Scripted(page, document(status="running", pages=3, pages_done=1))
                    self.open(page)
                    page.locator("#doc-progress").wait_for()
                    self.check(page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
