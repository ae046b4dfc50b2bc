"""A server with the bundled model and a real Chromium, for the tests of the web page."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("GLMOCR_BINARY", str(ROOT / "build/release/src/cli/glm-ocr"))
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
READ_MS = 120_000  # for a document of three pages, on a busy machine


class Server:
    """`glm-ocr serve` on a free port."""

    def __init__(self, *options, key=None):
        self.key = key
        self.home = tempfile.TemporaryDirectory()
        environment = dict(os.environ, HOME=self.home.name, TMPDIR=self.home.name)
        environment.pop("GLMOCR_API_KEY", None)
        if key:
            environment["GLMOCR_API_KEY"] = key
        self.log = open(pathlib.Path(self.home.name, "log"), "w+", encoding="utf8")
        self.process = subprocess.Popen([BINARY, "serve", "--port", "0", *options], stderr=subprocess.PIPE, stdout=self.log,
                                        text=True, env=environment, cwd=ROOT)
        seen = []
        self.url = None
        for line in self.process.stderr:
            seen.append(line)
            if match := re.search(r"listening on (http://\S+?)/?$", line.strip()):
                self.url = match[1]
                break
        if self.url is None:
            raise RuntimeError("the server did not start: " + "".join(seen))
        # What it says later must not fill the pipe.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def call(self, method, path):
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method, headers=headers), timeout=30) as answer:
            return answer.read()

    def remove_documents(self):
        for one in json.loads(self.call("GET", "/v1/documents"))["data"]:
            self.call("DELETE", f"/v1/documents/{one['id']}")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.drain.wait(10)
        self.process.stderr.close()
        self.log.close()
        self.home.cleanup()


class Browser:
    """One Chromium for all tests of a run."""

    def __init__(self):
        path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
        if path is None:
            raise RuntimeError("no Chromium: scripts/install_deps.sh web installs one")
        self.playwright = sync_playwright().start()
        # Chromium's own sandbox needs what containers and root have not; the pages are ours.
        self.chromium = self.playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])

    def stop(self):
        self.chromium.close()
        self.playwright.stop()


class PageTest(unittest.TestCase):
    """A fresh browser context for each test; fails on any error in the console, violation of the page's policy or
    request to another host that the test did not announce."""

    server = None
    browser = None  # set by the module
    keep_documents = False  # of one test for the next

    @classmethod
    def setUpClass(cls):
        cls.server = cls.start_server()

    @classmethod
    def start_server(cls):
        return Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        if not self.keep_documents:
            self.server.remove_documents()
        self.expected_errors = []  # patterns of console errors that belong to the test
        self.page = self.new_page()

    def new_page(self, **options):
        context = self.browser.chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        self.addCleanup(context.close)
        page = context.new_page()
        page.set_default_timeout(20_000)
        host = urllib.parse.urlsplit(self.server.url).netloc
        page.problems = []
        page.on("console", lambda message: page.problems.append(f"console: {message.text} ({message.location.get('url', '')})") if message.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(f"exception: {error}"))

        def check_host(request):
            where = urllib.parse.urlsplit(request.url)
            if where.scheme in ("http", "https", "ws", "wss") and where.netloc != host:
                page.problems.append(f"another host: {request.url}")
        page.on("request", check_host)
        page.add_init_script("""
            window.violations = [];
            document.addEventListener('securitypolicyviolation', (event) => {
              window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
            });""")
        # Last in, first out: looked at before the context is closed.
        self.addCleanup(self.check_problems, page)
        return page

    def check_problems(self, page):
        problems = [p for p in page.problems if not any(re.search(e, p) for e in self.expected_errors)]
        self.assertEqual(problems, [])
        self.assertEqual(page.evaluate("window.violations ?? []"), [])

    def open(self, page=None):
        page = page or self.page
        page.goto(self.server.url + "/")
        return page

    def until(self, expression, page=None, timeout_ms=20_000):
        """Waits for a JavaScript expression to hold. Playwright's own wait_for_function needs eval, which the page's
        policy forbids."""
        page, end = page or self.page, time.monotonic() + timeout_ms / 1000
        while not page.evaluate(expression):
            self.assertLess(time.monotonic(), end, f"never true: {expression}")
            page.wait_for_timeout(50)

    def upload(self, *files, page=None):
        (page or self.page).set_input_files("#files", list(files))

    def wait_done(self, page=None):
        # Attached: on a phone the list may be folded away.
        (page or self.page).wait_for_selector("#documents li:last-child .state.succeeded", state="attached", timeout=READ_MS)

