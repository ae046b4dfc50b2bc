"""Man page and completions hold every command and option of --help, and bash completes with them.

    python3 tests/e2e/manual_test.py GLM_OCR
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

GLM = os.path.abspath(sys.argv[1])


def output(*args):
    return subprocess.run([GLM, *args], capture_output=True, text=True, check=True, timeout=60).stdout


def commands():
    text = output("--help").split("Subcommands:")[1].split("Examples:")[0]
    return re.findall(r"(?m)^  (\w+) ", text)


def flags(command):
    """Every -x and --xyz that begins an option's line of --help."""
    found = set()
    for line in output(command, "--help").split("Examples:")[0].splitlines():
        names = re.match(r"  ((?:-{1,2}[\w-]+,?)+)", line)
        if names:
            found.update(re.findall(r"--?[\w-]+", names.group(1)))
    return found


def complete(*words):
    """What bash offers for the last word."""
    script = output("manual", "bash") + """
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glm_ocr; printf '%s\\n' "${COMPREPLY[@]}"
"""
    run = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True, cwd="/")
    return set(run.stdout.split())


class Manual(unittest.TestCase):
    def test_every_option_is_in_every_form(self):
        man = output("manual", "man").replace("\\-", "-")
        shells = {shell: output("manual", shell) for shell in ("bash", "zsh", "fish")}
        self.assertIn("parse", commands())
        for command in commands():
            self.assertIn(f"\n.SH {command.upper()}\n", man)
            self.assertIn("--help", flags(command), command)
            for flag in flags(command):
                self.assertRegex(man, rf"\\fB{flag}\\fR", f"{command} {flag}")
                self.assertRegex(shells["bash"], rf"{command}\) flags='[^']*{flag}[ ']", f"{command} {flag}")
                self.assertIn(f"'{flag}[", shells["zsh"])
                self.assertRegex(shells["fish"], rf"from {command}'.* -[sl] {flag.lstrip('-')} ", f"{command} {flag}")

    def test_the_page_is_roff_without_warnings(self):
        if not shutil.which("groff"):
            self.skipTest("no groff")
        run = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=output("manual", "man"), capture_output=True, text=True)
        self.assertEqual((run.returncode, [w for w in run.stderr.splitlines() if "break" not in w and "adjust" not in w]), (0, []))

    def test_bash_completes(self):
        self.assertEqual(complete("glm-ocr", "pa"), {"parse"})
        self.assertEqual(complete("glm-ocr", "parse", "--layout", "geo"), {"geometric"})
        self.assertEqual(complete("glm-ocr", "parse", "--text-la"), {"--text-layer"})
        self.assertEqual(complete("glm-ocr", "serve", "--drafts", "o"), {"off"})
        self.assertIn("etc", complete("glm-ocr", "parse", "--model", "et"))
        self.assertIn("etc", complete("glm-ocr", "parse", "et"))

    def test_scripts_are_well_formed(self):
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                run = subprocess.run([shell, "-n"], input=output("manual", shell), capture_output=True, text=True)
                self.assertEqual((run.returncode, run.stderr), (0, ""), shell)

    def test_other_kinds_are_refused(self):
        run = subprocess.run([GLM, "manual", "tcsh"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
