#!/usr/bin/env python3
"""Makes the pictures of docs/images from a real server with the bundled model:

    scripts/install_deps.sh web && build/web-venv/bin/python tests/web/screenshots.py
"""
from harness import ROOT, READ_MS, Browser, Server

OUT = ROOT / "docs/images"
SAMPLES = ROOT / "samples"


def main():
    OUT.mkdir(exist_ok=True)
    server, browser = Server(), Browser()
    desktop = {"viewport": {"width": 1180, "height": 740}}
    page = browser.chromium.new_page(**desktop)

    def shot(name, of=None):
        (of or page).wait_for_timeout(600)
        (of or page).screenshot(path=OUT / f"web_{name}.png")

    page.goto(server.url)
    page.locator("#demonstration").wait_for()
    shot("upload")
    page.set_input_files("#files", SAMPLES / "report.pdf")
    page.wait_for_selector(".sheet img", timeout=READ_MS)
    page.wait_for_timeout(200)
    page.screenshot(path=OUT / "web_reading.png")
    page.wait_for_selector("#documents .state.succeeded", timeout=READ_MS)
    page.get_by_role("tab", name="Markdown").click()
    shot("markdown")
    page.get_by_role("tab", name="Text").click()
    page.set_input_files("#files", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Not a document."})
    page.locator(".problem").wait_for()
    shot("error")
    page.get_by_role("button", name="Remove notes.txt").click()
    page.set_input_files("#files", SAMPLES / "skewed.pdf")
    page.wait_for_selector("#documents li:last-child .state.succeeded", timeout=READ_MS)
    page.locator(".sheet img").wait_for()
    page.locator(".block", has_text="We ask for patience").hover()
    shot("skewed")
    page.locator("#documents .open").first.click()
    page.locator(".sheet img").first.wait_for()
    dark = browser.chromium.new_page(**desktop, color_scheme="dark")
    dark.goto(page.url)
    dark.wait_for_selector(".page >> nth=2", state="attached", timeout=READ_MS)
    dark.get_by_label("Confidence", exact=True).check()
    dark.locator(".sheet img").first.wait_for()
    shot("dark", dark)
    phone = browser.chromium.new_page(viewport={"width": 375, "height": 760}, device_scale_factor=1.5)
    phone.goto(page.url)
    phone.locator(".sheet img").first.wait_for()
    phone.locator("#reader").evaluate("e => e.scrollIntoView()")
    shot("phone", phone)
    browser.stop()
    server.stop()
    for path in sorted(OUT.glob("web_*.png")):
        print(path.relative_to(ROOT), path.stat().st_size)


if __name__ == "__main__":
    main()
