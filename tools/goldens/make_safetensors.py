#!/usr/bin/env python3
"""Cross-checks our safetensors reader and writer with the reference library.

  make_safetensors.py write FOLDER    writes FOLDER/python.safetensors with the reference library
                                      (weights_test reads it and knows the values)
  make_safetensors.py check FILE      loads FILE, which our writer made, and compares every value

Needs the packages safetensors, torch and numpy. The committed files lie in tests/golden/weights.
"""
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def expected():
    f32 = torch.arange(15, dtype=torch.float32) * 0.25 - 1.5
    return {
        "f32": f32.reshape(3, 5),
        "bf16": (torch.arange(8, dtype=torch.float32) - 4).to(torch.bfloat16).reshape(2, 4),
        "i64": torch.arange(7, dtype=torch.int64) * 1_000_000_007 - 3,
        "empty": torch.zeros(0, 3),
        "scalar": f32[0].clone(),
    }


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    if sys.argv[1] == "write":
        save_file(expected(), sys.argv[2] + "/python.safetensors", metadata={"format": "pt"})
        return
    got, want = load_file(sys.argv[2]), expected()
    assert sorted(got) == sorted(want), sorted(got)
    for name, tensor in want.items():
        assert got[name].dtype == tensor.dtype and got[name].shape == tensor.shape, name
        assert torch.equal(got[name], tensor), name
    with safe_open(sys.argv[2], "pt") as file:
        assert file.metadata() == {"format": "pt"}, file.metadata()
    print(f"{sys.argv[2]}: {len(got)} tensors equal")


if __name__ == "__main__":
    main()
