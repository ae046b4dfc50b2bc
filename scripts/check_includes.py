#!/usr/bin/env python3
"""Fails on an include that points the wrong way between the folders of src/.

    python3 scripts/check_includes.py            checks this repository
    python3 scripts/check_includes.py --self-test checks that the rules can fail

A folder may include itself and every folder of a lower layer, of some of them only the files in NARROW. Folders of one
layer do not see each other. Quoted includes are written relative to src/ and must exist there; include/ holds the public headers.
"""
import pathlib
import re
import sys
import tempfile

# The rules, lowest layer first.
LAYERS = [
    ["base"],
    ["tensor"],
    ["weights", "tokenizer", "media", "fetch"],
    ["document"],
    ["kernels"],
    ["ops"],
    ["models"],
    ["engine", "layout", "pdf"],
    ["format"],
    ["grammar"],
    ["pipeline"],
    ["jobs"],
    ["bench", "eval"],
    ["api"],
    ["server"],
    ["cli"],
]
# Of these lower folders only the named files may be seen: (folder, lower folder): files.
NARROW = {
    # The engine knows what a model does for it, never a model.
    ("engine", "models"): {"models/model_runner.h"},
    # A grammar fills token masks, whoever samples.
    ("grammar", "engine"): {"engine/token_mask.h"},
}

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
SUFFIXES = {".h", ".hpp", ".cc", ".cpp", ".inc", ".cu"}


def problems(root):
    layer_of = {folder: i for i, layer in enumerate(LAYERS) for folder in layer}
    src = root / "src"
    for path in sorted(p for p in src.rglob("*") if p.suffix in SUFFIXES):
        where = path.relative_to(root).as_posix()
        folder = path.relative_to(src).parts[0]
        if folder not in layer_of:
            yield f"{where}: folder '{folder}' has no place in LAYERS of scripts/check_includes.py; give it one"
            continue
        for included in INCLUDE.findall(path.read_text(encoding="utf8")):
            if (root / "include" / included).exists():
                if layer_of[folder] < layer_of["api"]:
                    yield f'{where}: includes the public header "{included}"; only api and above may'
                continue
            if not (src / included).exists() and not (src / (included + ".in")).exists():  # .in: configured by CMake
                yield f'{where}: "{included}" is not a file under src/ (includes are written relative to src/)'
                continue
            target = included.split("/")[0]
            if target == folder:
                continue
            if included not in NARROW.get((folder, target), {included}):
                yield f'{where}: includes "{included}", but of {target} {folder} may see only {sorted(NARROW[folder, target])}'
                continue
            if layer_of.get(target, len(LAYERS)) >= layer_of[folder]:
                yield f'{where}: includes "{included}", but {folder} may not see {target}'
    public = root / "include"
    for path in sorted(public.rglob("*.h")) if public.exists() else []:
        for included in INCLUDE.findall(path.read_text(encoding="utf8")):
            if not (public / included).exists():
                yield f'{path.relative_to(root).as_posix()}: a public header includes "{included}", which is not installed'


def self_test():
    cases = [  # files, number of problems
        ({"src/base/a.h": "", "src/tensor/b.cc": '#include "base/a.h"\n'}, 0),
        ({"src/base/a.cc": '#include "tensor/b.h"\n', "src/tensor/b.h": ""}, 1),
        ({"src/media/a.cc": '#include "weights/b.h"\n', "src/weights/b.h": ""}, 1),
        ({"src/engine/a.h": '#include "models/model_runner.h"\n', "src/models/model_runner.h": ""}, 0),
        ({"src/engine/a.h": '#include "models/b.h"\n', "src/models/b.h": ""}, 1),
        ({"src/grammar/a.h": '#include "engine/token_mask.h"\n', "src/engine/token_mask.h": ""}, 0),
        ({"src/grammar/a.h": '#include "engine/engine.h"\n', "src/engine/engine.h": ""}, 1),
        ({"src/models/a.h": '#include "engine/b.h"\n', "src/engine/b.h": ""}, 1),
        ({"src/models/a.h": '#  include "engine/engine.h"\n', "src/engine/engine.h": ""}, 1),
        ({"src/base/a.cc": '#include "missing.h"\n'}, 1),
        ({"src/nowhere/a.cc": ""}, 1),
        ({"include/glmocr/x.h": '#include "base/a.h"\n', "src/base/a.h": ""}, 1),
    ]
    for files, want in cases:
        with tempfile.TemporaryDirectory() as d:
            for name, text in files.items():
                path = pathlib.Path(d, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            got = list(problems(pathlib.Path(d)))
            assert len(got) == want, (files, got)
    print(f"{len(cases)} cases ok")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        found = list(problems(ROOT))
        print("\n".join(found) if found else "include order ok")
        sys.exit(bool(found))
