"""Weights are looked through for NaN and infinity, whatever their sum."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dpsims_hub.storage.weight_files import check_numbers

NAN, INFINITY = float("nan"), float("inf")
CASES = {
    "sum overflows": (torch.full((10,), 3e38), True),
    "half, sum overflows": (torch.full((100_000,), 60_000.0).half(), True),
    "bfloat16": (torch.full((10,), 3e38).bfloat16(), True),
    "whole numbers": (torch.arange(10), True),
    "NaN": (torch.tensor([1.0, NAN]), False),
    "infinities that cancel": (torch.tensor([INFINITY, -INFINITY, 1.0]), False),
    "one infinity": (torch.tensor([INFINITY, 1.0]).half(), False),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_that_are_none_are_found(tmp_path: Path, case: str) -> None:
    tensor, fine = CASES[case]
    path = tmp_path / "weights.safetensors"
    save_file({"first": torch.zeros(3), "own": tensor}, path)
    if fine:
        check_numbers(path)
    else:
        with pytest.raises(ValueError, match="tensor own holds NaN"):
            check_numbers(path)
