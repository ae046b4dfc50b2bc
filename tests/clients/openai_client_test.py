"""The official `openai` package, unmodified, against glm-ocr serve."""
import json
import pathlib
import sys
import unittest

import openai

from running_server import API_KEY, ROOT, RunningServer, data_uri, golden_line


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
        answer = self.chat(messages=self.messages(self.png, self.png), n=2, max_tokens=4, seed=1,
                           temperature=1.0)
        self.assertGreater(answer.usage.prompt_tokens, one + 10)
        self.assertEqual([c.index for c in answer.choices], [0, 1])

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
