"""`markitdown` with its plug-in `markitdown-glmocr`, both unmodified; the address comes from the SDK's environment."""
import os
import sys
import unittest
from unittest import mock

from documents import SAMPLES, program_markdown
from running_server import API_KEY, RunningServer


class MarkItDownClient(unittest.TestCase):
    def test_convert(self):
        with RunningServer() as server:
            path = "/api/paas/v4/layout_parsing"
            environment = {"ZHIPU_API_KEY": API_KEY, "GLMOCR_API_URL": server.url + path, "GLMOCR_MODE": "maas"}
            with mock.patch.dict(os.environ, environment):
                from markitdown import MarkItDown

                converter = MarkItDown(enable_plugins=True)
                # skewed.pdf has no text layer: all of it goes to the server.
                for sample in (SAMPLES / "page.png", SAMPLES / "skewed.pdf"):
                    self.assertEqual(converter.convert(str(sample)).markdown.strip(), program_markdown(sample).strip())
        self.assertGreaterEqual(sum(path in line for line in server.log), 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
