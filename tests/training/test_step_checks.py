"""Checks of a training step: unknown maps, infinite values, one wait for the device."""

from __future__ import annotations

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from dpsims_hub import losses
from dpsims_hub.commands import train
from dpsims_hub.training.step import NonFiniteLossError, TrainingStep
from tests.training.tiny_step import batch, clones, same


@pytest.mark.parametrize("unknown", [(0,), (0, 1)])
def test_a_map_without_a_known_pixel_is_one_sentence_and_no_update_of_the_generator(make_trainer, unknown):
    trainer = make_trainer()
    generator, examples = clones(trainer.networks.generator), batch(trainer)
    examples["label_map"][list(unknown)] = 255
    with pytest.raises(ValueError, match=rf"^{len(unknown)} label map\(s\) of the batch have no known pixel"):
        trainer.step_function(examples)
    assert same(generator, trainer.networks.generator)
    examples["label_map"][:, 0, 0] = 1
    trainer.step_function(examples)


def test_a_gradient_that_overflows_stops_the_run_before_it_changes_a_weight(make_trainer):
    trainer = make_trainer("--weight_contrastive", 1e30)
    before = clones(trainer.networks.generator)
    with pytest.raises(NonFiniteLossError, match=r"grad_norm_g is (inf|nan)"):
        trainer.step_function(batch(trainer))
    assert same(before, trainer.networks.generator)


@pytest.mark.parametrize("term", ["loss_d_real", "loss_g_contrastive"])
def test_one_look_finds_a_term_that_is_not_finite_and_leaves_the_generator(make_trainer, term, monkeypatch):
    trainer = make_trainer()
    name = {"loss_d_real": "class_pixel_loss", "loss_g_contrastive": "patch_contrastive_loss"}[term]
    original = getattr(losses, name)
    monkeypatch.setattr(losses, name, lambda *a, **k: original(*a, **k) * float("nan"))
    before = clones(trainer.networks.generator)
    with pytest.raises(NonFiniteLossError, match=f"^{term} is nan"):
        trainer.step_function(batch(trainer))
    assert same(before, trainer.networks.generator)


class Waits(TorchDispatchMode):
    """Counts operations for which a host has to wait for its device."""

    NAMES = ("_local_scalar_dense", "nonzero", "bincount", "unique", "masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if any(part in name for part in self.NAMES):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_the_host_waits_for_the_device_once_a_step(make_trainer, monkeypatch):
    trainer = make_trainer("--weight_labelmix", 1, "--augmentation", "color,cutout")
    inputs = batch(trainer)
    # Only on a CPU are ids looked at, and only there does Adam keep its step as a tensor that it reads.
    monkeypatch.setattr("dpsims_hub.models.generator.check_label_map", lambda *_: None)
    monkeypatch.setattr(TrainingStep, "_update", lambda self, optimizer: optimizer.zero_grad())
    with Waits() as waits:
        trainer.step_function(inputs)
    assert waits.found == ["_local_scalar_dense"]


@pytest.mark.parametrize("error", [NonFiniteLossError("step 3: loss is nan."), ZeroDivisionError("a fault")])
def test_the_script_tells_of_a_loss_that_is_not_finite_and_of_no_other_arithmetic(error, monkeypatch, capsys):
    def fail(config: object) -> None:
        raise error

    monkeypatch.setattr(train, "train", fail)
    if isinstance(error, ZeroDivisionError):
        pytest.raises(ZeroDivisionError, train.main, ["--train_data_dir", "x"])
    else:
        assert train.main(["--train_data_dir", "x"]) == 2
        assert capsys.readouterr().err == "train_accelerate.py: step 3: loss is nan.\n"
