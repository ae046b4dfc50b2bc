"""`glm-ocr doctor`: what works is ok, what is broken is named with what to do, and the exit code says which.

    python3 tests/e2e/doctor_test.py GLM_OCR SOURCE_DIR
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

GLM, ROOT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
STARTER = os.path.join(ROOT, "models/starter")
SCORES = json.loads(pathlib.Path(__file__).with_name("sample_scores.json").read_text())


def doctor(*args, **environment):
    run = subprocess.run([GLM, "doctor", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
                         env=os.environ | environment)
    return run.returncode, run.stdout, run.stderr


def findings(*args, expect=0, **environment):
    code, out, err = doctor("--json", *args, **environment)
    assert code == expect, (code, out, err)
    report = json.loads(out)
    assert report["schema"] == "glm-ocr.doctor/1", report
    return {f["part"]: f for f in report["findings"]}, report["health"]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_a_working_installation(self):
        parts, health = findings()
        self.assertEqual(set(parts), {"program", "processor", "kernels", "gpu", "model", "memory", "layout", "pdf", "pictures", "confinement",
                                      "temporary files", "reading"})
        self.assertNotEqual(health, "failed")
        self.assertEqual(parts["model"]["reads"], "lines")
        self.assertIn("demonstration", parts["model"]["advice"])
        self.assertFalse(parts["gpu"]["used"])
        self.assertGreater(parts["reading"]["seconds_per_page"], 0)
        page = SCORES["pages"]["page"]  # the page that it reads
        self.assertLess(parts["reading"]["character_error_rate"],
                        page["character_error_rate"] + SCORES["margin"]["character_error_rate"])
        self.assertLessEqual(parts["processor"]["threads"], len(os.sched_getaffinity(0)))

    def test_text_names_every_part(self):
        code, out, err = doctor()
        self.assertEqual(code, 0, err)
        for part in ("kernels", "model", "pdf", "reading"):
            self.assertRegex(out, rf"(?m)^(ok|note|warning) +{part} ")
        self.assertIn("reading a sample page", err)

    def test_quick_reads_nothing(self):
        self.assertNotIn("reading", findings("--quick")[0])

    def test_a_missing_model(self):
        parts, health = findings("--model", "zai-org/GLM-OCR", expect=1)
        self.assertEqual(health, "failed")
        self.assertIn("hf download zai-org/GLM-OCR", parts["model"]["text"])
        self.assertEqual(parts["pdf"]["health"], "ok")  # the rest is looked at all the same

    def test_a_model_that_does_not_read(self):
        model = pathlib.Path(self.folder, "broken")
        shutil.copytree(STARTER, model)
        weights = model / "model.safetensors"
        data = bytearray(weights.read_bytes())
        begin = 8 + int.from_bytes(data[:8], "little")
        tensors = json.loads(data[8:begin])
        first, end = tensors["model.language_model.norm.weight"]["data_offsets"]
        data[begin + first:begin + end] = bytes(end - first)  # every token is as likely as any other
        weights.write_bytes(data)
        parts, _ = findings("--model", str(model), expect=1)
        self.assertEqual(parts["reading"]["health"], "failed")
        self.assertGreater(parts["reading"]["character_error_rate"], 0.2)

    def test_pdfium_and_worker(self):
        for name in ("GLMOCR_PDFIUM", "GLMOCR_WORKER"):
            parts, _ = findings("--quick", expect=1, **{name: os.path.join(self.folder, "nothing")})
            self.assertEqual(parts["pdf"]["health"], "failed", name)
            self.assertTrue(parts["pdf"]["advice"], name)

    def test_temporary_files(self):
        parts, _ = findings("--quick", expect=1, TMPDIR=os.path.join(self.folder, "nothing"))
        self.assertEqual(parts["temporary files"]["health"], "failed")
        self.assertIn("TMPDIR", parts["temporary files"]["advice"])

    def test_kernels(self):
        parts, _ = findings("--quick", GLMOCR_KERNELS="reference")
        self.assertEqual(parts["kernels"]["health"], "warning")
        parts, _ = findings("--quick", expect=1, GLMOCR_KERNELS="nothing")
        self.assertEqual(parts["kernels"]["health"], "failed")

    def test_layout_model(self):
        parts, _ = findings("--quick", "--layout-model", self.folder, expect=1)
        self.assertEqual(parts["layout"]["health"], "failed")

    def test_version_names_commit_and_kernels(self):
        out = subprocess.run([GLM, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(out, r"\Aglm-ocr \d+\.\d+\.\d+( \([0-9a-f]{10}\+?\))?\nkernels: .*\breference\n\Z")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
