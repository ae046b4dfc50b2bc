"""curl: a form, the events, the result."""
import json
import subprocess
import sys
import unittest

from documents import SAMPLES, program_markdown
from running_server import API_KEY, RunningServer


class Curl(unittest.TestCase):
    def test_document(self):
        with RunningServer() as server:
            def curl(path, *args):
                return subprocess.run(["curl", "-sS", "--fail-with-body", "--max-time", "120", "-H", "Authorization: Bearer " + API_KEY,
                                       *args, server.url + path], capture_output=True, check=True, text=True).stdout

            job = json.loads(curl("/v1/documents", "-F", f"file=@{SAMPLES / 'report.pdf'}", "-F", "formats=md"))
            events = curl(f"/v1/documents/{job['id']}/events", "-N")
            self.assertEqual(events.count("event: page"), 3)
            self.assertTrue(events.rpartition("event: ")[2].startswith("done"), events[-500:])
            markdown = curl(f"/v1/documents/{job['id']}/result?format=md")
            self.assertEqual(markdown.rstrip("\n"), program_markdown(SAMPLES / "report.pdf"))
            curl(f"/v1/documents/{job['id']}", "-X", "DELETE")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
