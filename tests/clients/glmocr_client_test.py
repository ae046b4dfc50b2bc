"""The official SDK `glmocr`, unmodified, in both of its modes.

Self-hosted it finds regions itself: GlmOcr(mode="selfhosted") loads PP-DocLayoutV3 with torch, and the switch
pipeline.enable_layout that its help names is read nowhere in 0.1.5. Without those weights its Pipeline takes a layout
detector of the caller's, which is what this test gives it: every input is one region.
"""
import json
import os
import sys
import unittest
import urllib.parse

for name in ("ZHIPU_API_KEY", "GLMOCR_API_KEY", "GLMOCR_MODE"):
    os.environ.pop(name, None)

from glmocr import GlmOcr
from glmocr.config import load_config
from glmocr.layout import BaseLayoutDetector
from glmocr.pipeline import Pipeline

from documents import SAMPLES, program_markdown
from running_server import API_KEY, ROOT, RunningServer, golden_line


class WholePicture(BaseLayoutDetector):
    batch_size = 1

    def start(self):
        pass

    def stop(self):
        pass

    def process(self, images, *_, **__):
        corners = [[0, 0], [1000, 0], [1000, 1000], [0, 1000]]
        region = {"index": 0, "label": "text", "score": 1.0, "bbox_2d": [0, 0, 1000, 1000], "polygon": corners, "task_type": "text"}
        return [[dict(region)] for _ in images], {}


class GlmOcrClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer().__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.cloud_url = cls.server.url + "/api/paas/v4/layout_parsing"

    def cloud(self, key=API_KEY):
        sdk = GlmOcr(api_key=key, api_url=self.cloud_url, mode="maas")
        self.addCleanup(sdk.close)
        return sdk

    def test_cloud_mode(self):
        sdk = self.cloud()
        for sample in (SAMPLES / "paper.pdf", SAMPLES / "report.pdf"):
            result = sdk.parse(str(sample), return_crop_images=True)
            self.assertFalse(getattr(result, "_error", None))
            # The SDK has put its own crops' names in the place of our boxes.
            markdown = program_markdown(sample)
            self.assertEqual(result.markdown_result, markdown)
            self.assertEqual(bool(result.image_files), "![" in markdown)
            self.assertEqual(len(result.json_result), len(result._data_info["pages"]))
            self.assertEqual(len(result.json_result), len(result._layout_visualization))
            boxes = [region["bbox_2d"] for page in result.json_result for region in page]
            self.assertTrue(boxes and all(0 <= v <= 1000 for box in boxes for v in box), boxes)

    def test_cloud_mode_pages_and_bytes(self):
        sdk = self.cloud()
        raw = sdk.parse_maas(str(SAMPLES / "report.pdf"), start_page_id=2, end_page_id=2, user_id="client-test")
        self.assertEqual(len(raw["layout_details"]), 1)
        self.assertGreater(raw["usage"]["completion_tokens"], 0)
        result = sdk.parse((SAMPLES / "page.png").read_bytes())
        self.assertEqual(result.markdown_result, program_markdown(SAMPLES / "page.png"))

    def test_cloud_mode_wrong_key(self):
        result = self.cloud("no-key-of-this-server").parse(str(SAMPLES / "page.png"))
        self.assertIn("401", result._error)

    def test_self_hosted_mode(self):
        address = urllib.parse.urlparse(self.server.url)
        config = load_config(mode="selfhosted", ocr_api_host=address.hostname, ocr_api_port=address.port)
        config.pipeline.ocr_api.api_key = API_KEY
        pipeline = Pipeline(config.pipeline, layout_detector=WholePicture(config.pipeline.layout))
        # Below some 450 pixels of width the SDK enlarges lines of 28, to sizes this model was not trained on.
        known = json.loads((ROOT / "tests/golden/lines/document_clean.json").read_text())["lines"]
        lines = [golden_line(i) for i, line in enumerate(known) if line["width_px"] >= 450]
        pipeline.start()  # its "hello" must be answered
        try:
            content = [{"type": "image_bytes", "data": png} for png, _ in lines]
            results = list(pipeline.process({"messages": [{"role": "user", "content": content}]}))
        finally:
            pipeline.stop()
        read = [result.json_result[0][0]["content"].strip() for result in results]
        self.assertEqual(len(read), len(lines))
        self.assertGreater(len(lines), 5)
        # The SDK sends JPEG of quality 75 where the model was trained on clean pixels, and formats lists its own way.
        differ = [(a, b) for a, (_, b) in zip(read, lines) if a != b.strip()]
        self.assertLessEqual(len(differ), 0.3 * len(lines), differ)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
