#!/usr/bin/env python3
"""Plants one bug after the other into the program and sees whether the unit tests notice.

    scripts/mutants.py                      # all of MUTANTS, in a work tree of its own below build/mutants
    scripts/mutants.py --only NAME ...      # some
    scripts/mutants.py --resume             # without those that a stopped run of the same sources has decided
    scripts/mutants.py --list | --check     # names; does every mutant still apply? (nothing is built)

Each is a small mistake as people make them. Its nearest test program is built with it and runs the tests
of one filter: they must fail, or run into the time limit. A mutant that survives is a promise of the code
that no test keeps. Exit code 1 when more than LIMIT survive; 2 when the experiment itself fails.
"""

import argparse
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from mutant_table import MUTANTS, Mutant

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutants"
TREE = WORK / "tree"
STATE = WORK / "state.json"
LIMIT = 5
TIMEOUT_S = 120  # of a test run; the slowest of these filters takes some 10 s

KILLED, SURVIVED, NOT_BUILT = "killed", "survived", "does not build"


class Trouble(Exception):
    """The experiment cannot go on: says nothing about any mutant."""


def run(command: list[str], cwd: pathlib.Path, timeout: float | None = None) -> tuple[int, str]:
    """Exit code (124: took too long) and output. What the command started ends with it."""
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            return 124, end(process)
        except BaseException:
            end(process)
            raise


def end(process: subprocess.Popen) -> str:
    """Asked first: ninja ends its compilers, which are in groups of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:
            continue
    return ""


def must(command: list[str], cwd: pathlib.Path) -> str:
    code, output = run(command, cwd)
    if code != 0:
        raise Trouble(f"{' '.join(command)} failed:\n{output[-4000:]}")
    return output.strip()


def planted(mutant: Mutant, text: str) -> str:
    found = text.count(mutant.old)
    if found != 1:
        raise Trouble(f"{mutant.name}: its text stands {found} times in {mutant.file}, not once: adapt MUTANTS in scripts/mutants.py")
    return text.replace(mutant.old, mutant.new)


def check() -> None:
    names = [m.name for m in MUTANTS]
    if len(set(names)) != len(names):
        raise Trouble("two mutants have one name")
    for mutant in MUTANTS:
        path = ROOT / mutant.file
        if not path.is_file():
            raise Trouble(f"{mutant.name}: there is no {mutant.file}: adapt MUTANTS in scripts/mutants.py")
        if planted(mutant, path.read_text()) == path.read_text():
            raise Trouble(f"{mutant.name} changes nothing")


def snapshot() -> str:
    """A commit of the work tree as it is, changes and new files included."""
    with tempfile.TemporaryDirectory() as folder:
        index = pathlib.Path(folder) / "index"
        shutil.copy(must(["git", "rev-parse", "--git-path", "index"], ROOT), index)
        env = ["env", f"GIT_INDEX_FILE={index}"]
        must([*env, "git", "add", "--all"], ROOT)
        tree = must([*env, "git", "write-tree"], ROOT)
    name = ["-c", "user.name=mutants", "-c", "user.email=mutants@localhost"]  # whoever runs it may have none
    return must(["git", *name, "commit-tree", tree, "-p", "HEAD", "-m", "for mutants"], ROOT)


class Tree:
    """The work tree that the bugs are planted in; gone afterwards."""

    def __init__(self, jobs: int):
        self.jobs = jobs
        self.dirty: pathlib.Path | None = None
        self.original = ""

    def __enter__(self) -> "Tree":
        WORK.mkdir(parents=True, exist_ok=True)
        self.lock = (WORK / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble("another run has not ended yet") from None
        self.remove()  # what a killed run left
        try:
            self.make()
        except BaseException:
            self.remove()
            raise
        return self

    def make(self) -> None:
        must(["git", "worktree", "add", "--quiet", "--detach", str(TREE), snapshot()], ROOT)
        if (ROOT / "build" / "deps").is_dir():  # what the build would download once more
            (TREE / "build").mkdir()
            shutil.copytree(ROOT / "build" / "deps", TREE / "build" / "deps")
        must(["cmake", "--preset", "release", "-DGLMOCR_TESTS=ON"], TREE)

    def __exit__(self, *_) -> None:
        self.remove()

    def remove(self) -> None:
        if TREE.exists():
            subprocess.run(["git", "worktree", "remove", "--force", "--force", str(TREE)], cwd=ROOT, check=False)
            shutil.rmtree(TREE, ignore_errors=True)
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=False)

    def restore(self) -> None:
        if self.dirty:
            self.dirty.write_text(self.original)
            self.dirty = None

    def plant(self, mutant: Mutant) -> None:
        self.restore()  # built together with what comes now
        path = TREE / mutant.file
        original = path.read_text()
        text = planted(mutant, original)
        self.dirty, self.original = path, original
        path.write_text(text)

    def build(self, target: str) -> tuple[int, str]:
        return run(["cmake", "--build", "build/release", "-j", str(self.jobs), "--target", target], TREE)

    def test(self, target: str, tests: str) -> tuple[int, str]:
        program = TREE / "build" / "release" / target
        return run([str(program), f"--gtest_filter={tests}", "--gtest_brief=1"], TREE, TIMEOUT_S)


def baseline(tree: Tree, target: str, filters: set[str]) -> None:
    """Without a bug every test passes, and every filter has tests."""
    tree.restore()
    code, output = tree.build(target)
    if code != 0:
        raise Trouble(f"without a mutant {target} does not build:\n{output[-4000:]}")
    for tests in sorted(filters):
        code, output = tree.test(target, tests)
        if code != 0:
            raise Trouble(f"without a mutant {target} --gtest_filter={tests} fails ({code}):\n{output[-4000:]}")
        if "[  PASSED  ] 0 tests" in output:
            raise Trouble(f"{target} has no test {tests}")


def judge(tree: Tree, mutant: Mutant) -> str:
    tree.plant(mutant)
    code, _ = tree.build(mutant.target)
    if code != 0:
        return NOT_BUILT
    code, _ = tree.test(mutant.target, mutant.filter)
    return SURVIVED if code == 0 else KILLED


def state_key() -> str:
    """Of sources and mutants: what was decided about others says nothing."""
    tree = must(["git", "rev-parse", snapshot() + "^{tree}"], ROOT)
    return hashlib.sha256((tree + repr(MUTANTS)).encode()).hexdigest()


def experiment(mutants: list[Mutant], jobs: int, resume: bool) -> int:
    key = state_key()
    state = {"key": key, "results": {}}
    if resume and STATE.exists():
        before = json.loads(STATE.read_text())
        if before.get("key") == key:
            state = before
    results = state["results"]
    todo = sorted((m for m in mutants if m.name not in results), key=lambda m: (m.target, m.file))
    if todo:
        with Tree(jobs) as tree:
            for i, mutant in enumerate(todo):
                if i == 0 or todo[i - 1].target != mutant.target:
                    baseline(tree, mutant.target, {m.filter for m in todo if m.target == mutant.target})
                begin = time.monotonic()
                results[mutant.name] = judge(tree, mutant)
                STATE.write_text(json.dumps(state, indent=1))
                print(f"[{i + 1}/{len(todo)}] {results[mutant.name]:<14} {mutant.name} ({time.monotonic() - begin:.0f} s)", flush=True)
    of = {word: [m for m in mutants if results[m.name] == word] for word in (KILLED, SURVIVED, NOT_BUILT)}
    for word in (SURVIVED, NOT_BUILT):
        for mutant in of[word]:
            print(f"{word}: {mutant.name} in {mutant.file}; {mutant.target} --gtest_filter={mutant.filter}")
    print(f"{len(of[KILLED])} killed, {len(of[SURVIVED])} survived (at most {LIMIT}), {len(of[NOT_BUILT])} do not build")
    if of[NOT_BUILT]:
        return 2
    return 1 if len(of[SURVIVED]) > LIMIT else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the mutants")
    parser.add_argument("--check", action="store_true", help="does every mutant still apply?")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these mutants")
    parser.add_argument("--resume", action="store_true", help="keep what a stopped run of the same sources has decided")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of the build")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    try:
        check()
        if args.check:
            print(f"all {len(MUTANTS)} mutants apply")
            return 0
        mutants = MUTANTS
        if args.only:
            unknown = set(args.only) - {m.name for m in MUTANTS}
            if unknown:
                raise Trouble("there is no mutant " + ", ".join(sorted(unknown)))
            mutants = [m for m in MUTANTS if m.name in args.only]
        if args.list:
            for m in mutants:
                print(f"{m.name:<44} {m.file:<40} {m.target} {m.filter}")
            return 0
        return experiment(mutants, args.jobs, args.resume)
    except Trouble as trouble:
        print(f"mutants: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mutants: stopped; --resume goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
