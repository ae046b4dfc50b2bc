"""The official `ollama` package, unmodified, against glm-ocr serve."""
import sys
import unittest

import ollama

from running_server import API_KEY, RunningServer, golden_line


class OllamaClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer().__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.client = ollama.Client(host=cls.server.url,
                                   headers={"Authorization": "Bearer " + API_KEY})
        cls.png, cls.text = golden_line(1)

    def test_generate(self):
        given = {"model": "glm-ocr", "prompt": "Text Recognition:", "images": [self.png],
                 "options": {"num_predict": 64, "temperature": 0}}
        answer = self.client.generate(**given)
        self.assertEqual(answer.response, self.text)
        self.assertEqual(answer.done_reason, "stop")
        self.assertGreater(answer.eval_count, 0)
        self.assertGreater(answer.total_duration, 0)
        pieces = list(self.client.generate(**given, stream=True))
        self.assertEqual("".join(p.response for p in pieces), self.text)
        self.assertGreaterEqual(len(pieces), 3)  # the first token, what came within stream_interval_s of it, the end
        self.assertTrue(pieces[-1].done)

    def test_chat(self):
        messages = [{"role": "user", "content": "Text Recognition:", "images": [self.png]}]
        self.assertEqual(self.client.chat("glm-ocr", messages).message.content, self.text)
        pieces = self.client.chat("glm-ocr", messages, stream=True)
        self.assertEqual("".join(p.message.content for p in pieces), self.text)

    def test_what_it_serves(self):
        self.assertEqual(self.client.list().models[0].model, "glm-ocr")
        self.assertEqual(self.client.ps().models[0].model, "glm-ocr")
        self.assertIn("vision", self.client.show("glm-ocr").capabilities)

    def test_errors(self):
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.generate(model="glm-ocr", prompt="x", options={"temperature": 9})
        self.assertEqual(caught.exception.status_code, 400)
        self.assertIn("options.temperature", caught.exception.error)
        with self.assertRaises(ollama.ResponseError) as caught:
            ollama.Client(host=self.server.url).list()
        self.assertEqual(caught.exception.status_code, 401)
        with self.assertRaises(ollama.ResponseError) as caught:
            self.client.show("llama")
        self.assertEqual(caught.exception.status_code, 404)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
