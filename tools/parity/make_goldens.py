"""Writes the committed goldens: tests/golden/models/CASE, for every case of configs.py with `golden=True`.

    python tools/parity/make_goldens.py [CASE ...]

Each directory is a loadable model with its pictures and request.json, plus reference.safetensors (the float64 truth stored as fp32)
and bounds.json: {"f32" | "bf16": {stage: {"max": largest absolute error allowed, "rms": root mean square error allowed}}}.
Long tensors keep only some rows; `STAGE.rows` [k] int64 then names the rows that reference[STAGE] [k, ...] holds.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from compare import bounds
from configs import CASES
from make_model import REPO, make_model
from reference import request_of, stored, trace

GOLDENS = REPO / "tests/golden/models"
MAX_ELEMENTS = 4000  # of one stored tensor: 16 kB


def kept_rows(value: np.ndarray) -> np.ndarray | None:
    """Row indices to store, spread from the first to the last, or None for all."""
    width = value[0].size
    if value.dtype.kind != "f" or value.size <= MAX_ELEMENTS:
        return None
    return np.unique(np.linspace(0, len(value) - 1, max(2, MAX_ELEMENTS // width)).astype(np.int64))


def make_golden(name: str, starter: Path) -> None:
    out = GOLDENS / name
    shutil.rmtree(out, ignore_errors=True)
    make_model(CASES[name], out, starter)
    request = request_of(out)
    traces = trace(out, request["images"], request["prompt"], request["new_tokens"])
    tensors = {}
    for stage, value in stored(traces["truth"]).items():
        rows = kept_rows(value)
        tensors[stage] = value if rows is None else np.ascontiguousarray(value[rows])
        if rows is not None:
            tensors[stage + ".rows"] = rows
    save_file(tensors, out / "reference.safetensors")
    limits = {compute: {stage: dict(max=float(f"{b.max:.4g}"), rms=float(f"{b.rms:.4g}"))
                        for stage, b in bounds(traces, compute).items()} for compute in ("f32", "bf16")}
    (out / "bounds.json").write_text(json.dumps(limits, indent=1) + "\n")
    print(f"{name}: {sum(f.stat().st_size for f in out.iterdir())} bytes, {len(tensors)} tensors")


def main() -> None:
    goldens = [n for n, c in CASES.items() if c.golden]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(goldens)}; default all")
    parser.add_argument("--starter", type=Path, default=REPO / "models/starter", help="where the tokenizer comes from")
    args = parser.parse_args()
    for name in args.cases or goldens:
        make_golden(name, args.starter)


if __name__ == "__main__":
    main()
