"""Compares a trace with the truth, stage by stage, within bounds derived from the oracle's own errors.

For every floating stage the bound on the largest absolute error is
    C * max(error of transformers, error of plain fp32 chains) + 2 u * max |truth|
where the errors are largest absolute differences from the float64 truth on the same input (reference.py, exact.py; the chains
are drawn several times), u = 2^-24 covers storing the values as fp32 twice, and C = 4: those errors and ours are samples of about
the same distribution, and the largest of several samples is rarely exceeded by a factor of 4. In bf16 mode the first term is
transformers' bf16 error. The root mean square error is bound in the same way with C = 2 (means of many elements vary less) and
catches errors that are many and small. Nothing here is tuned to glm-ocr's results. A wrong formula shows 10 to 10^5 times larger
(mutants.py measures that).

pixel_values have no error of the oracle's own: (x / 255 - mean) / std and (x - 255 mean) / (255 std) are both right. Each has three
roundings of values below 1, scaled by 1 / std < 3.9, and one of a value below 2.7: together under 15 u; two of them, 30 u.

Integers must be equal. A generated id may differ only where the truth's logits of the two ids are closer than two bounds of
`step_logits`; steps after that have another history and are not compared. Drafts likewise; they continue the first generated id, and
are compared only where that one is the truth's.
"""

from dataclasses import dataclass

import numpy as np

UNIT = 2.0**-24
C_MAX, C_RMS = 4.0, 2.0
PIXEL_BOUND = 30 * UNIT
OPTIONAL = ("mtp.drafts_raw", "mtp.draft_logits", "mtp.draft_logits_raw")  # a trace may leave these out
EXACT = ("input_ids", "position_ids", "image_grid_thw")
# Chosen ids and the logits that chose them.
CHAINS = {"generated_ids": "step_logits", "mtp.drafts": "mtp.draft_logits", "mtp.drafts_raw": "mtp.draft_logits_raw"}


@dataclass(frozen=True)
class Bound:
    max: float
    rms: float


@dataclass(frozen=True)
class Row:
    """One stage of one comparison; ratio > 1 is a failure, `note` says what else is wrong or remarkable."""

    stage: str
    max_error: float = 0.0
    rms_error: float = 0.0
    rms: float = 0.0
    bound: float = 0.0
    ratio: float = 0.0
    note: str = ""


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0


def bounds(traces: dict[str, dict], compute: str = "f32") -> dict[str, Bound]:
    """Stage -> bound, from the truth and the runs of lower precision (reference.trace)."""
    truth, out = traces["truth"], {}
    wanted = ("float32", "chain") if compute == "f32" else ("bfloat16",)
    lower = [t for precision, t in traces.items() if precision.startswith(wanted)]
    for stage, value in truth.items():
        if value.dtype.kind != "f":
            continue
        if stage == "pixel_values":
            out[stage] = Bound(PIXEL_BOUND, PIXEL_BOUND)
            continue
        floor = 2 * UNIT * float(np.abs(value).max(initial=0))
        out[stage] = Bound(C_MAX * max(float(np.abs(t[stage] - value).max(initial=0)) for t in lower) + floor,
                           C_RMS * max(rms(t[stage] - value) for t in lower) + floor)
    return out


def first_difference(truth: dict, got: dict, ids: str, limits: dict[str, Bound]) -> tuple[int, str]:
    """(number of leading steps with the same history, error text or note)."""
    logits, want, have = CHAINS[ids], truth[ids], got[ids].reshape(-1)
    n = min(len(want), len(have))
    different = np.nonzero(want[:n] != have[:n])[0]
    if not len(different):
        return n, "" if n else "!no ids"
    i = int(different[0])
    gap = float(truth[logits][i, want[i]] - truth[logits][i, have[i]])
    if gap <= 2 * limits[logits].max:
        return i + 1, f"step {i}: {have[i]} for {want[i]}, truth's gap {gap:.1e} is a tie"
    return i + 1, f"!step {i}: {have[i]} for {want[i]}, truth's gap {gap:.1e}"


def compare_stage(stage: str, want: np.ndarray, have: np.ndarray, limit: Bound) -> Row:
    if want.shape != have.shape:
        return Row(stage, ratio=np.inf, note=f"shape {have.shape}, not {want.shape}")
    if not np.isfinite(have).all():
        return Row(stage, ratio=np.inf, note="not finite")
    error = have.astype(np.float64) - want
    biggest, mean = float(np.abs(error).max(initial=0)), rms(error)
    return Row(stage, biggest, mean, rms(want), limit.max, max(biggest / limit.max, mean / limit.rms))


def compare(truth: dict, got: dict, limits: dict[str, Bound]) -> list[Row]:
    """One row per stage of `truth`."""
    rows, steps = [], {}
    # The drafts continue the first generated id: where that one is a tie that fell the other way, they answer another question.
    same_start = "generated_ids" not in got or int(got["generated_ids"].reshape(-1)[0]) == int(truth["generated_ids"][0])
    for ids, logits in CHAINS.items():
        if ids in truth and ids in got:
            if ids != "generated_ids" and not same_start:
                steps[logits] = 0
                rows.append(Row(ids, note="not compared: the first generated id is another"))
                continue
            steps[logits], note = first_difference(truth, got, ids, limits)
            rows.append(Row(ids, ratio=np.inf if note.startswith("!") else 0.0, note=note.lstrip("!")))
    for stage, want in truth.items():
        if stage in CHAINS and stage in got or stage not in got and stage in OPTIONAL:
            continue
        if stage not in got:
            rows.append(Row(stage, ratio=np.inf, note="missing"))
        elif stage in EXACT:
            same = want.shape == got[stage].shape and bool((want == got[stage]).all())
            rows.append(Row(stage, ratio=0.0 if same else np.inf, note="" if same else "not equal"))
        else:
            n = steps.get(stage, len(want))
            rows.append(compare_stage(stage, want[:n], got[stage][:n], limits[stage]))
    order = {stage: i for i, stage in enumerate(truth)}
    return sorted(rows, key=lambda r: order[r.stage])


def group_of(stage: str) -> str:
    """The stage without its layer's number."""
    head, _, tail = stage.rpartition(".")
    return head if tail.isdigit() else stage


def table(rows: list[Row], all_layers: bool) -> str:
    """Rows as text; without all_layers, of the numbered layers only the worst is shown."""
    groups: dict[str, Row] = {}
    for row in rows:
        key = row.stage if all_layers else group_of(row.stage)
        if key not in groups or row.ratio > groups[key].ratio:
            groups[key] = row
    lines = [f"  {'stage':<22}{'max error':>11}{'/ rms':>10}{'bound':>11}{'of bound':>10}"]
    for row in groups.values():
        line = f"  {row.stage:<22}"
        if row.bound:
            line += f"{row.max_error:>11.2e}{row.max_error / max(row.rms, 1e-30):>10.1e}{row.bound:>11.2e}{row.ratio:>10.3f}"
        elif row.ratio == 0:
            line += f"{'equal' if not row.note else '':>11}"
        lines.append(line + ("   FAIL" if row.ratio > 1 else "") + (f"  {row.note}" if row.note else ""))
    return "\n".join(lines)
