"""The profile by stages: with a clock that counts operators, shares are those of the layers called alone."""

from __future__ import annotations

import itertools
import re
import runpy
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dpsims_hub.models.inference_form import inference_form
from tests.models.generator_kinds import KINDS, some_latents, some_maps
from tests.tiny import tiny_generator

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "profile_stages.py"))


class Counted(TorchDispatchMode):
    """Counts operators."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += 1
        return func(*args, **(kwargs or {}))


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["noise at modulation", "oasis"])
@pytest.mark.parametrize("optimized", [False, True])
def test_every_operator_belongs_to_one_stage(kind, optimized, monkeypatch):
    network = tiny_generator(**KINDS[kind])
    network = inference_form(network) if optimized else network
    inputs, image = (some_maps(1), some_latents(1)), torch.zeros(1, 8, 8, 12)
    network(*inputs)
    with Counted() as everything:
        network(*inputs)
    with Counted() as output:
        torch.tanh(network.to_rgb(image))
    monkeypatch.setattr(time, "process_time", itertools.count().__next__)  # each operator takes 1
    with TOOL["StageClock"](network) as clock:
        for _ in range(2):
            network(*inputs)
    stages = {stage: count for (stage, operator), count in clock.seconds.items() if operator == "all"}
    assert stages.pop("all") == sum(stages.values()) == 2 * everything.number
    assert sum(own for (stage, operator), own in clock.seconds.items() if "all" not in (stage, operator)) == (
        2 * everything.number
    )
    assert stages["output"] == 2 * output.number
    assert set(stages) - {"encoder", "attention"} == {"modulation", "picture network", "output"}
    assert ({"encoder", "attention"} <= set(stages)) == (kind != "oasis")
    if kind != "oasis":
        embedding = network.encoder.embed(inputs[0], None, None)
        with Counted() as encoder:
            network.encoder.stem(inputs[0])
            network.encoder(embedding)
        assert stages["encoder"] == 2 * encoder.number


def test_prints_shares_of_operators_and_stages(capsys):
    threads = torch.get_num_threads()
    start = time.process_time()
    TOOL["main"](["--network", "small", "--resolution", "32"])
    spent = time.process_time() - start
    torch.set_num_threads(threads)
    title, _, header, _, *lines = capsys.readouterr().out.splitlines()
    (photo,) = re.fullmatch(r"small, optimized, 32x32: (\d+) ms of one thread a photo", title).groups()
    assert 1 <= int(photo) <= 1000 * spent / TOOL["CALLS"]
    stages = [cell.strip() for cell in header.split("|")[2:-1]]
    assert set(stages) == {"encoder", "attention", "modulation", "picture network", "output", "all"}
    shares = np.array([[float(cell.strip(" %")) for cell in line.split("|")[2:-1]] for line in lines])
    assert shares[0, 0] == 100
    assert (shares[1:].sum(0) <= shares[0] + 0.05 * len(lines)).all()
    assert shares[1:, 0].sum() > 85  # small operators have no row
    np.testing.assert_allclose(shares[:, 1:].sum(1), shares[:, 0], atol=0.06 * len(stages))
    assert (np.diff(shares[1:, 0]) <= 0).all()
