"""GET /openapi.json is valid OpenAPI 3.1, and schemathesis finds nothing that breaks it: requests made from the schemas,
right and wrong ones, get documented answers, and the server answers correctly afterwards.

    python tests/clients/openapi_test.py GLM_OCR SOURCE_DIR
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from openapi_spec_validator import validate

program, source = sys.argv[1:3]
sys.path.insert(0, os.path.join(source, "tests", "server"))
from server_process import Server, line_question  # noqa: E402

KEY = "test-key-0123456789"
# Whether wrong requests are refused is checked where the schema says so; where a field is looser than its type
# (what is unknown is ignored, null is as good as nothing) the server decides, so these checks are left out:
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

with Server(program, "--model", os.path.join(source, "models", "starter"), "--request-timeout-s", "20", "--max-tokens", "64",
            "--log-level", "warning", key=KEY) as server:
    status, _, document = server.request("GET", "/openapi.json")
    assert status == 200, status
    validate(json.loads(document))
    print("openapi.json: valid,", sum(map(len, json.loads(document)["paths"].values())), "operations")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "openapi.json")
        path.write_bytes(document)
        run = subprocess.run([os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", str(path),
                              "--url", f"http://127.0.0.1:{server.port}", "--header", f"Authorization: Bearer {KEY}",
                              "--checks", CHECKS, "--max-examples", "60", "--seed", "20261121", "--request-timeout", "60",
                              "--phases", "examples,coverage,fuzzing", "--no-color"],
                             cwd=folder, capture_output=True, text=True, timeout=1500)
    print(run.stdout[-6000:])
    question, line = line_question(source)
    assert run.returncode == 0, run.stderr[-2000:]
    assert server.chat(question) == (200, line), "the server does not answer as before"
    assert server.stop() == 0
print("ok")
