"""Writes tests/golden/layout/small: a small random PP-DocLayoutV3 with a page, the float64 truth of every stage and its bounds.

    python tools/parity/make_layout_golden.py

reference.safetensors keeps some rows of long stages; `STAGE.rows` [k] int64 then names them. bounds.json: {stage: {"max", "rms"}}.
"""

import json
import shutil

import numpy as np
from safetensors.numpy import save_file

from layout import REPO
from layout_reference import SMALL, make_model, measured
from make_goldens import kept_rows

OUT = REPO / "tests/golden/layout/small"


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    make_model(OUT, SMALL, seed=3)
    truth, bounds = measured(OUT, draws=4)
    tensors = dict(queries=truth["queries"].astype(np.int64))
    for stage in bounds:
        value = np.ascontiguousarray(truth[stage], np.float32)
        rows = None if stage in ("reference_points", "enc_score_head") else kept_rows(value)
        tensors[stage] = value if rows is None else np.ascontiguousarray(value[rows])
        if rows is not None:
            tensors[stage + ".rows"] = rows
    save_file(tensors, OUT / "reference.safetensors")
    limits = {stage: {key: float(f"{value:.4g}") for key, value in bound.items()} for stage, bound in bounds.items()}
    (OUT / "bounds.json").write_text(json.dumps(limits, indent=1) + "\n")
    print(f"{sum(f.stat().st_size for f in OUT.iterdir())} bytes, {len(bounds)} stages")


if __name__ == "__main__":
    main()
