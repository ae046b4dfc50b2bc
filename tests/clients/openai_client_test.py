"""The official `openai` package, unmodified, against glm-ocr serve."""
import functools
import http.server
import json
import pathlib
import sys
import threading
import unittest

import openai

from documents import SAMPLES, program_markdown
from running_server import API_KEY, ROOT, RunningServer, data_uri, golden_line


def without_pictures(markdown):
    return "\n\n".join(block for block in markdown.split("\n\n") if not block.startswith("!["))


class OpenAiClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer().__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key=API_KEY, max_retries=0)
        cls.addClassCleanup(cls.client.close)
        cls.png, cls.text = golden_line(1)

    def messages(self, *pictures):
        parts = [{"type": "image_url", "image_url": {"url": data_uri(p)}} for p in pictures]
        return [{"role": "user", "content": parts + [{"type": "text", "text": "Text Recognition:"}]}]

    def chat(self, **more):
        return self.client.chat.completions.create(
            **{"model": "glm-ocr", "messages": self.messages(self.png), "max_tokens": 64, **more})

    def test_chat(self):
        answer = self.chat(temperature=0, extra_body={"top_k": 1, "repetition_penalty": 1.0})
        self.assertEqual(answer.choices[0].message.content, self.text)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens,
                         answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_text_without_pictures(self):
        answer = self.chat(messages=[{"role": "user", "content": "hello"}], max_tokens=10)
        self.assertIsInstance(answer.choices[0].message.content, str)

    def test_stream(self):
        text, usage = "", None
        for chunk in self.chat(stream=True, stream_options={"include_usage": True}):
            for choice in chunk.choices:
                text += choice.delta.content or ""
            usage = chunk.usage or usage
        self.assertEqual(text, self.text)
        self.assertGreater(usage.completion_tokens, 0)

    def test_stream_helper(self):
        with self.client.chat.completions.stream(
                model="glm-ocr", messages=self.messages(self.png), max_tokens=64) as stream:
            kinds = {event.type for event in stream}
            final = stream.get_final_completion()
        self.assertIn("content.delta", kinds)
        self.assertEqual(final.choices[0].message.content, self.text)

    def test_leaving_a_stream(self):
        with self.chat(stream=True) as stream:
            next(iter(stream))
        self.assertEqual(self.chat().choices[0].message.content, self.text)

    def test_several_pictures_and_choices(self):
        one = self.chat(max_tokens=1).usage.prompt_tokens
        answer = self.chat(messages=self.messages(self.png, self.png), n=2, seed=1, temperature=1.0)
        self.assertGreater(answer.usage.prompt_tokens, one + 10)
        self.assertEqual([c.index for c in answer.choices], [0, 1])
        for choice in answer.choices:
            self.assertEqual(choice.message.content.split("\n\n"), [self.text] * 2)

    def test_logprobs(self):
        tokens = self.chat(logprobs=True, top_logprobs=2).choices[0].logprobs.content
        self.assertEqual(b"".join(bytes(t.bytes) for t in tokens).decode(), self.text)
        self.assertEqual(len(tokens[0].top_logprobs), 2)

    def test_json_schema(self):
        # Bounded strings: the starter model was never taught to end one.
        schema = {"type": "object",
                  "properties": {"text": {"type": "string", "maxLength": 12},
                                 "page": {"type": "integer", "minimum": 1, "maximum": 99},
                                 "kind": {"enum": ["letter", "invoice"]}},
                  "required": ["text", "page", "kind"], "additionalProperties": False}
        wanted = {"type": "json_schema", "json_schema": {"name": "line", "strict": True, "schema": schema}}
        for answer in (self.chat(response_format=wanted), self.chat(response_format=wanted, temperature=1.0)):
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            value = json.loads(answer.choices[0].message.content)
            self.assertEqual(list(value), ["text", "page", "kind"])
            self.assertLessEqual(len(value["text"]), 12)
            self.assertIn(value["page"], range(1, 100))
            self.assertIn(value["kind"], ["letter", "invoice"])
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(response_format={"type": "json_schema", "json_schema": {
                "name": "x", "schema": {"type": "object", "patternProperties": {"^a": {}}}}})
        self.assertEqual(caught.exception.param, "response_format.json_schema.schema")

    def test_file_part(self):
        pdf = pathlib.Path(ROOT, "samples/letter.pdf").read_bytes()
        part = {"type": "file", "file": {"filename": "letter.pdf",
                                         "file_data": data_uri(pdf, "application/pdf")}}
        answer = self.chat(messages=[{"role": "user", "content": [part]}], max_tokens=4)
        self.assertGreater(answer.usage.prompt_tokens, 10)

    def test_file_is_read_as_the_program_reads_it(self):
        pdf = (SAMPLES / "report.pdf").read_bytes()
        part = {"type": "file", "file": {"filename": "report.pdf",
                                         "file_data": data_uri(pdf, "application/pdf")}}
        messages = [{"role": "user", "content": [part, {"type": "text", "text": "Read this."}]}]
        expected = without_pictures(program_markdown(SAMPLES / "report.pdf"))
        answer = self.client.chat.completions.create(model="glm-ocr", messages=messages)
        self.assertEqual(answer.choices[0].message.content, expected)
        pieces = [chunk.choices[0].delta.content or "" for chunk in
                  self.client.chat.completions.create(model="glm-ocr", messages=messages, stream=True)]
        self.assertEqual("".join(pieces), expected)
        self.assertGreater(len(pieces), 10)

    def test_stop_reason(self):
        stop = self.text[8:11]
        choice = self.chat(stop=[stop, "never seen"]).choices[0]
        self.assertEqual((choice.finish_reason, choice.stop_reason, choice.matched_stop), ("stop", stop, stop))
        self.assertIsNone(self.chat().choices[0].stop_reason)

    def test_unknown_model(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(model="gpt-4o")
        self.assertEqual((caught.exception.code, caught.exception.param), ("model_not_found", "model"))
        self.assertIn("zai-org/GLM-OCR", caught.exception.message)

    def test_responses(self):
        given = [{"role": "user", "content": [
            {"type": "input_image", "image_url": data_uri(self.png), "detail": "auto"},
            {"type": "input_text", "text": "Text Recognition:"}]}]
        answer = self.client.responses.create(model="glm-ocr", input=given, max_output_tokens=64)
        self.assertEqual(answer.output_text, self.text)
        self.assertEqual(answer.status, "completed")
        with self.client.responses.stream(model="glm-ocr", input=given,
                                          max_output_tokens=64) as stream:
            text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
            final = stream.get_final_response()
        self.assertEqual(text, self.text)
        self.assertEqual(final.output_text, self.text)
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.responses.create(model="glm-ocr", input="x", previous_response_id="resp_1")
        self.assertEqual(caught.exception.param, "previous_response_id")

    def test_completions(self):
        answer = self.client.completions.create(model="glm-ocr", prompt=["Hello", "Hi"], n=2,
                                                max_tokens=4, seed=1, temperature=1.0, logprobs=2)
        self.assertEqual([c.index for c in answer.choices], [0, 1, 2, 3])
        for choice in answer.choices:
            self.assertEqual(len(choice.logprobs.tokens), len(choice.logprobs.text_offset))
        pieces = self.client.completions.create(model="glm-ocr", prompt="Hello", echo=True,
                                                max_tokens=4, stream=True)
        self.assertTrue("".join(p.choices[0].text for p in pieces if p.choices)
                        .startswith("Hello"))

    def test_models(self):
        models = list(self.client.models.list())
        self.assertEqual(self.client.models.retrieve(models[0].id).id, models[0].id)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("no-such-model")

    def test_errors(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=9)
        self.assertEqual(caught.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(messages=[{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}]}])
        self.assertEqual(caught.exception.param, "messages[0].content[0].image_url.url")
        with self.assertRaises(openai.AuthenticationError):
            openai.OpenAI(base_url=self.server.url + "/v1", api_key="wrong",
                          max_retries=0).models.list()


class Pages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Cookbook(unittest.TestCase):
    """GLM-OCR's recipe for vLLM and SGLang, word for word but for the addresses."""

    @classmethod
    def setUpClass(cls):
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=SAMPLES))
        cls.addClassCleanup(web.server_close)
        cls.addClassCleanup(web.shutdown)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        port = web.server_address[1]
        cls.url = f"http://127.0.0.1:{port}/page.png"
        cls.server = RunningServer(key=None, fetch_enabled="true", fetch_allowed_hosts="127.0.0.1", fetch_allow_http="true",
                                   fetch_allowed_ports=str(port), fetch_allowed_networks="127.0.0.0/8").__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.client = openai.OpenAI(api_key="EMPTY", base_url=cls.server.url + "/v1", timeout=3600)
        cls.addClassCleanup(cls.client.close)
        cls.expected = program_markdown(SAMPLES / "page.png")

    def ask(self, url, words):
        messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": words}]}]
        response = self.client.chat.completions.create(model="zai-org/GLM-OCR", messages=messages)
        return response.choices[0].message.content

    def test_extract_text(self):
        for url in (self.url, data_uri((SAMPLES / "page.png").read_bytes())):
            self.assertEqual(self.ask(url, "Please extract all text from this image."), self.expected)

    def test_extract_table(self):
        words = "Please extract the table content from this document and format it as markdown."
        for url in (self.url, data_uri((SAMPLES / "page.png").read_bytes())):
            self.assertEqual(self.ask(url, words), self.expected)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
