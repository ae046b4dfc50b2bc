"""The official `mistralai` package, unmodified: client.ocr.process."""
import base64
import sys
import unittest

from mistralai.client import Mistral, errors

from documents import SAMPLES, program_markdown
from running_server import API_KEY, RunningServer


def uri(sample, kind):
    return f"data:{kind};base64," + base64.b64encode(sample.read_bytes()).decode()


def without_pictures(markdown):
    return [line for line in markdown.splitlines() if not line.startswith("![")]


class MistralClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer().__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.client = Mistral(api_key=API_KEY, server_url=cls.server.url)
        cls.paper = {"type": "document_url", "document_url": uri(SAMPLES / "paper.pdf", "application/pdf")}

    def test_document(self):
        answer = self.client.ocr.process(model="mistral-ocr-latest", document=self.paper, include_image_base64=True)
        images = [image for page in answer.pages for image in page.images]
        self.assertTrue(images)
        text = "\n\n".join(page.markdown for page in answer.pages)
        for n, image in enumerate(images):
            self.assertEqual(image.id, f"img-{n}.jpeg")
            self.assertIn(f"![{image.id}]({image.id})", text)
            self.assertEqual(base64.b64decode(image.image_base64.removeprefix("data:image/jpeg;base64,"))[:2], b"\xff\xd8")
            self.assertLess(image.top_left_x, image.bottom_right_x)
            self.assertLess(image.top_left_y, image.bottom_right_y)
        # Pictures have other names here; all else is what the program writes.
        self.assertEqual(without_pictures(text), without_pictures(program_markdown(SAMPLES / "paper.pdf")))
        self.assertEqual(answer.model, "mistral-ocr-latest")
        self.assertEqual(answer.usage_info.pages_processed, len(answer.pages))
        self.assertEqual(answer.usage_info.doc_size_bytes, (SAMPLES / "paper.pdf").stat().st_size)
        self.assertEqual([page.index for page in answer.pages], list(range(len(answer.pages))))
        self.assertTrue(all(page.dimensions.width > 0 and page.blocks for page in answer.pages))

    def test_picture(self):
        document = {"type": "image_url", "image_url": uri(SAMPLES / "page.png", "image/png")}
        answer = self.client.ocr.process(model="glm-ocr", document=document, pages=[0], confidence_scores_granularity="page")
        self.assertEqual(answer.pages[0].markdown, program_markdown(SAMPLES / "page.png"))
        self.assertGreater(answer.pages[0].confidence_scores.average_page_confidence_score, 0.5)

    def test_what_cannot_be_done_is_an_error(self):
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        with self.assertRaises(errors.SDKError) as caught:
            self.client.ocr.process(model="glm-ocr", document=self.paper, document_annotation_format=schema)
        self.assertEqual(caught.exception.status_code, 400)
        self.assertIn("document_annotation_format", caught.exception.body)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
