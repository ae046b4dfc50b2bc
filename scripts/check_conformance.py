#!/usr/bin/env python3
"""Fails when docs/conformance.md or docs/security.md names something that is not there, so that their tables cannot rot.

    python3 scripts/check_conformance.py             every row has a test or a reason; every test, golden and planted bug named exists
    python3 scripts/check_conformance.py --self-test checks that each rule can fail

In the table's third column, `Suite.Name` is a test of the sources (TEST, TEST_F or TEST_P; without the parameters that ctest adds),
a plain `name` a folder of tests/golden/models; other names (stages, files) are not checked. The fourth column holds names of MUTANTS
in tools/parity/mutants.py, which must be of the same row; each mutant of a row must be named there.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
MUTANT = re.compile(r'^ {4}"([^"]+)": Mutant\("(\w*)"', re.M)
ROW = re.compile(r"^\| ((?:[VMNPTLS]\d+)(?:, [VMNPTLS]\d+)*) \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)


def tests_of(root):
    found = set()
    for folder in ("src", "tests"):
        for path in (root / folder).rglob("*_test.cc"):
            found |= {".".join(m.groups()) for m in TEST.finditer(path.read_text(encoding="utf8"))}
    return found


def is_test(name):
    return re.fullmatch(r"[A-Z]\w*\.[A-Z]\w*", name)


def problems(text, tests, goldens, mutants, wanted_rows):
    """mutants: name -> row."""
    seen, planted = [], set()
    for rows, _, covered, plants in ROW.findall(text):
        rows = rows.split(", ")
        seen += rows
        names = re.findall(r"`([^`]+)`", covered)
        if not any(map(is_test, names)) and "not built" not in covered:
            yield f"{rows[0]}: neither a test nor 'not built'"
        for name in names:
            if is_test(name) and name not in tests:
                yield f"{rows[0]}: no such test: {name}"
            elif re.fullmatch(r"\w+", name) and name not in goldens:
                yield f"{rows[0]}: no such golden model: {name}"
        for name in filter(None, (p.strip() for p in plants.split(";"))):
            planted.add(name)
            if mutants.get(name) not in rows:
                yield f"{rows[0]}: tools/parity/mutants.py plants no '{name}' for this row"
    for row in wanted_rows:
        if seen.count(row) != 1:
            yield f"{row}: in the table {seen.count(row)} times"
    for row in set(seen) - set(wanted_rows):
        yield f"{row}: no such row"
    for name, row in mutants.items():
        if row and name not in planted:
            yield f"{row}: the planted bug '{name}' is not in the table"


INCIDENTS = """ssrf-basic ssrf-parser ssrf-redirect ssrf-rebind file-read bomb-header tiny-image video-flood decoder-leak gguf-offset
safetensors-header template-exec auth-route cors-star health-blocked huge-json slowloris zip-pdf path-name log-inject key-timing chunk-extensions
transfer-encoding silent-bodies all-connections unread-results no-memory json-values options-routes fair-shares
sandbox-holes killed-worker job-database mapped-model""".split()


def security_problems(text, tests):
    """Every incident has a row, and every row a test that exists; at least one bears the incident's name."""
    rows = dict(re.findall(r"^\| ([a-z-]+) \|[^|]*\|([^|]*)\|$", text, re.M))
    rows.pop("id", None)
    for incident in INCIDENTS:
        names = re.findall(r"`([^`]+)`", rows.get(incident, ""))
        if not any(incident.replace("-", "") in name.lower() for name in names):
            yield f"docs/security.md: {incident}: no test by that name"
        for name in names:
            if name not in tests:
                yield f"docs/security.md: {incident}: no such test: {name}"
    for incident in set(rows) - set(INCIDENTS):
        yield f"docs/security.md: no such incident: {incident}"


def self_test():
    cases = [
        ("| V1 | x | `A.B` on `tiny` | |", None, 0), ("| V1 | x | not built: y | |", None, 0), ("", None, 1),
        ("| V1 | x | somewhere | |", None, 1), ("| V1 | x | `A.C` | |", None, 1), ("| V1 | x | `A.B`, `huge` | |", None, 1),
        ("| V1 | x | `A.B` | |\n| V1 | x | `A.B` | |", None, 1), ("| V1, V2 | x | `A.B` | |", None, 1),
        ("| V1 | x | `A.B` | bug |", {"bug": "V1"}, 0), ("| V1 | x | `A.B` | bug |", {"bug": "V2"}, 1),
        ("| V1 | x | `A.B` | bug |", None, 1), ("| V1 | x | `A.B` | |", {"bug": "V1"}, 1), ("| V1 | x | `A.B` | |", {"bug": ""}, 0),
    ]
    for text, mutants, want in cases:
        got = list(problems(text, {"A.B"}, {"tiny"}, mutants or {}, ["V1"]))
        assert len(got) == want, (text, mutants, got)
    good = "".join(f"| {i} | x | `A.{i.replace('-', '').capitalize()}` |\n" for i in INCIDENTS)
    known = {f"A.{i.replace('-', '').capitalize()}" for i in INCIDENTS}
    assert not list(security_problems(good, known))
    assert len(list(security_problems(good.replace("A.Filereadx", ""), known - {"A.Fileread"}))) == 1
    assert len(list(security_problems(good.replace("`A.Fileread`", "`A.Zippdf`"), known))) == 1
    assert len(list(security_problems(good.replace("| file-read |", "| other |"), known))) == 2
    print(f"{len(cases) + 4} cases ok")


def main():
    text = (ROOT / "docs/conformance.md").read_text(encoding="utf8")
    tests = tests_of(ROOT)
    goldens = {p.name for p in (ROOT / "tests/golden/models").iterdir() if p.is_dir()}
    mutants = dict(MUTANT.findall((ROOT / "tools/parity/mutants.py").read_text(encoding="utf8")))
    wanted = [f"{group}{i}" for group, n in (("V", 12), ("M", 9), ("N", 4), ("P", 6), ("T", 5), ("L", 3), ("S", 5)) for i in range(1, n + 1)]
    found = list(problems(text, tests, goldens, mutants, wanted))
    found += security_problems((ROOT / "docs/security.md").read_text(encoding="utf8"), tests)
    print("\n".join(found) if found else f"{len(wanted)} rows, {len(tests)} tests known: the conformance table holds")
    return bool(found)


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        sys.exit(main())
