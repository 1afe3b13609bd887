"""Label maps without a known pixel are left out of the update, and counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.sources.layouts import list_pairs
from dpsims_hub.labels.sources.shards import ShardOptions, write_shards
from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator
from dpsims_hub.training.data import TrainingPairs
from dpsims_hub.training.transform import PairTransform
from tests.tiny import tiny_generator
from tests.training.tiny_run import log_lines, tiny_flags
from train_accelerate import main


def make_unknown(root: Path, numbers: range) -> None:
    for number in numbers:
        Image.new("L", (64, 48), 255).save(root / "labels" / f"{number:03}.png")


@pytest.fixture
def half_unknown(pairs_dir, tmp_path) -> Path:
    """Twelve pairs, the first six of which are unknown altogether."""
    root = Path(shutil.copytree(pairs_dir, tmp_path / "half"))
    make_unknown(root, range(6))
    return root


@pytest.fixture
def all_unknown(pairs_dir, tmp_path) -> Path:
    root = Path(shutil.copytree(pairs_dir, tmp_path / "all"))
    make_unknown(root, range(12))
    return root


def gradient_norm(label_map: torch.Tensor) -> float:
    torch.manual_seed(0)
    network = DPSIMSGenerator(num_classes=3, sample_size=(64, 64), **GENERATOR_PRESETS["small"]).train()
    photos = network(label_map, torch.randn(len(label_map), network.config.latent_dim)).sample
    photos.mul(torch.randn(photos.shape)).mean().backward()
    return float(sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None).sqrt())


def test_why_one_known_pixel_is_enough():
    """Group norms of features that are exactly 0 each divide by sqrt(eps); one known pixel ends that."""
    unknown = torch.full((1, 64, 64), 255)
    touched = unknown.clone()
    touched[0, 30, 30] = 1
    assert gradient_norm(touched) < 10
    assert gradient_norm(torch.ones_like(unknown)) < 10
    assert not gradient_norm(unknown) < 1e9
    assert not gradient_norm(torch.cat([unknown, touched])) < 1e9  # nor does company help


def gradient_and_variance(network: DPSIMSGenerator, label_map: torch.Tensor) -> tuple[float, float]:
    """Norm of the gradient behind a random one of the photo; the largest variance before a batch norm."""
    variances = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(
                lambda norm, given, made: variances.append(float(given[0].detach().var(dim=(0, 2, 3)).max()))
            )
    torch.manual_seed(1)
    kind = next(network.parameters()).dtype
    photos = network(label_map, torch.randn(len(label_map), network.config.latent_dim, dtype=kind)).sample
    photos.mul(torch.randn(photos.shape, dtype=kind)).mean().backward()
    squares = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None)
    return float(squares.sqrt()), max(variances)


def test_crops_of_one_class_are_constant_without_noise_fields_or_zero_padding():
    """Batch norms of constant features each divide by sqrt(eps): the cause that docs/training.md names."""
    one_class = torch.ones(1, 16, 24, dtype=torch.long)
    two_classes = one_class.clone()
    two_classes[0, 4:9, 5:12] = 2
    plain = {
        count: gradient_and_variance(tiny_generator(3).train().double(), label_map)
        for count, label_map in ((1, one_class), (2, two_classes))
    }
    assert plain[1][1] < 1e-15
    assert plain[2][1] > 0.1
    assert plain[1][0] > 20 * plain[2][0]
    for settings in ({"noise_fields": 2}, {"padding_mode": "zeros"}):
        norm, variance = gradient_and_variance(tiny_generator(3, **settings).train().double(), one_class)
        assert variance > 1e-3
        assert norm < 1


@pytest.mark.slow
def test_crops_of_one_class_in_the_preset_base():
    maps = torch.ones(2, 64, 64, dtype=torch.long)
    maps[1] = 2
    regions = maps[:1].clone()
    regions[0, 20:30, 15:35] = 2
    norms = []
    for given in (maps[:1], maps, regions):
        torch.manual_seed(0)
        network = DPSIMSGenerator(num_classes=3, sample_size=(64, 64), **GENERATOR_PRESETS["base"]).train()
        norms.append(gradient_and_variance(network, given)[0])
    assert norms[0] > 100
    assert norms[1] > 100
    assert norms[2] < 5


def numbers_of(items: list[dict]) -> list[int]:
    return [round(float(item["real_images"][2].float().mean()) / 20) for item in items]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_no_example_is_unknown_and_every_pair_left_out_is_named(half_unknown, skip_bad):
    transform = PairTransform((24, 32), latent_dim=3)
    pairs = TrainingPairs(FolderDataset(half_unknown), transform, 5, skip_bad)
    items = [pairs[position] for position in range(36)]
    assert all((item["label_map"] < 3).sum() > 0 for item in items)
    assert set(numbers_of(items)) == set(range(6, 12))
    named = [name for item in items for name in item["left_out"]]
    assert set(named) == {f"{number:03}" for number in range(6)}
    assert len(named) >= 18  # each of the six in each of three epochs
    assert all(item["skipped"] == [] for item in items)
    again = [pairs[position] for position in range(36)]
    assert all(torch.equal(a["latents"], b["latents"]) for a, b in zip(items, again, strict=True))


def test_a_crop_counts_not_the_map(half_unknown):
    """One pair, known in its left quarter only: crops of the rest are drawn again."""
    shutil.rmtree(half_unknown / "labels")
    shutil.rmtree(half_unknown / "images")
    for name in ("images", "labels"):
        (half_unknown / name).mkdir()
    ids = np.full((48, 256), 255, np.uint8)
    ids[:, :64] = 1
    Image.fromarray(ids).save(half_unknown / "labels" / "a.png")
    Image.new("RGB", (256, 48)).save(half_unknown / "images" / "a.png")
    pairs = TrainingPairs(FolderDataset(half_unknown), PairTransform((24, 32)), 5)
    items = [pairs[position] for position in range(20)]
    assert all((item["label_map"] == 1).any() for item in items)
    assert sum(len(item["left_out"]) for item in items) > 5


def open_source(root: Path, source_kind: str) -> tuple[str, ...]:
    if source_kind == "folder":
        return ("--train_data_dir", str(root))
    out = root.parent / "shards"
    listing = list_pairs(root)
    write_shards(listing, listing.spec(), out, ShardOptions(num_shards=1))
    return ("--train_data_dir", "", "--dataset_name", str(out), "--streaming")


@pytest.mark.slow
@pytest.mark.parametrize("source_kind", ["folder", "stream"])
def test_a_run_leaves_them_out_of_every_update(half_unknown, tmp_path, capsys, source_kind):
    source = open_source(half_unknown, source_kind)
    often = ("--train_batch_size", 1, "--checkpointing_steps", 6)
    flags = tiny_flags(half_unknown, tmp_path / "out", *source, *often, steps=6)
    assert main(flags) == 0
    lines = log_lines(tmp_path / "out")
    assert all(line["grad_norm_g"] < 1000 for line in lines)
    assert all(line["loss_g_adversarial"] > 0 for line in lines)
    counts = [line["maps_left_out"] for line in lines]
    assert counts == sorted(counts)
    assert counts[-1] > 0
    assert capsys.readouterr().out.count("Left out of the update") == 1
    further = tiny_flags(
        half_unknown, tmp_path / "out", *source, *often, "--resume_from_checkpoint", "latest", steps=7
    )
    assert main(further) == 0
    assert log_lines(tmp_path / "out")[-1]["maps_left_out"] >= counts[-1]


@pytest.mark.parametrize("source_kind", ["folder", "stream"])
def test_data_without_a_known_pixel_end_in_one_sentence(all_unknown, tmp_path, capsys, source_kind):
    flags = tiny_flags(all_unknown, tmp_path / "out", *open_source(all_unknown, source_kind))
    capsys.readouterr()
    assert main(flags) == 2
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert "100 label maps in a row have no known pixel" in printed
    assert "dpsims check-data" in printed


def test_a_run_says_before_its_first_step_that_masks_are_black_and_white(pairs_dir, tmp_path, capsys):
    root = Path(shutil.copytree(pairs_dir, tmp_path / "masks"))
    for number, path in enumerate(sorted((root / "labels").iterdir())):
        Image.fromarray(np.eye(48, 64, dtype=np.uint8) * (1 if number else 255)).save(path)
    assert main(tiny_flags(root, tmp_path / "out", steps=1)) == 0
    printed = capsys.readouterr().out
    said = printed.index("1 map(s) hold only 0 and 255, and 11 hold classes without it")
    assert said < printed.index("12 pairs of 3 classes")
