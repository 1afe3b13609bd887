"""What a whole run leaves behind."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from dpsims_hub import DPSIMSDiscriminator, DPSIMSPipeline
from dpsims_hub.training.checkpoint import list_checkpoints
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from tests.training.tiny_run import copy_checkpoint, forget_accelerators, log_lines, write_pairs
from train_accelerate import main

MAPS = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (2, 24, 32)))
LATENTS = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))


def test_a_run_leaves_checkpoints_sheets_logs_and_the_model(finished):
    out = finished.output_dir
    assert [step for step, _ in list_checkpoints(out)] == [2, 4]
    assert sorted(path.name for path in out.glob("sheets/*")) == ["step-000002.png", "step-000004.png"]
    assert list(out.glob("logs/dpsims/events.out.tfevents.*"))
    told = json.loads((out / "run.json").read_text())
    assert told["steps"] == 4
    assert told["ema_horizon"] == pytest.approx(1 / (1 - 5 / 14), abs=0.05)  # decay (1 + 4) / (10 + 4)
    assert {path.name for path in out.iterdir()} == {
        "checkpoint-2", "checkpoint-4", "config.json", "discriminator", "log.jsonl", "logs", "pipeline",
        "run.json", "sheets",
    }  # fmt: skip
    assert f"Model: {out / 'pipeline'}" in finished.printed


def test_log_lines_hold_finite_losses_of_every_step(finished):
    lines = log_lines(finished.output_dir)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    wanted = {"loss_d_real", "loss_d_fake", "loss_g_adversarial", "loss_g_contrastive", "loss_g_diversity"}
    for line in lines:
        assert wanted <= line.keys()
        assert all(np.isfinite(value) for value in line.values())
        assert line["grad_norm_g"] > 0
        assert line["grad_norm_d"] > 0


def test_the_sheet_has_twelve_previews_in_two_groups(finished):
    with Image.open(finished.output_dir / "sheets" / "step-000004.png") as sheet:
        assert sheet.width > 8 * 32
        assert sheet.height > 6 * 24
        assert sheet.height < 8 * 24 + 100


def test_the_pipeline_makes_the_photos_of_the_averaged_generator(finished, tmp_path, capsys):
    pipe = DPSIMSPipeline.from_pretrained(finished.output_dir / "pipeline")
    photos = pipe(MAPS, latents=LATENTS, output_type="pt").images
    copy_checkpoint(finished.output_dir / "checkpoint-4", tmp_path)
    again = [*finished.flags, "--output_dir", str(tmp_path), "--resume_from_checkpoint", "latest"]
    trainer = Trainer(parse_config(again))
    trainer.run()  # loads the average and has no step left
    with trainer.averaged_model() as model, torch.no_grad():
        expected = model(MAPS, LATENTS).sample / 2 + 0.5
    torch.testing.assert_close(photos, expected, rtol=0, atol=1e-6)
    with torch.no_grad():
        unaveraged = trainer.generator.eval()(MAPS, LATENTS).sample / 2 + 0.5
    assert not torch.allclose(photos, unaveraged, atol=1e-3)


def test_the_exported_generator_is_plain_and_knows_its_size_and_classes(finished):
    pipe = DPSIMSPipeline.from_pretrained(finished.output_dir / "pipeline")
    assert list(pipe.generator.config.sample_size) == [24, 32]
    assert pipe.generator.config.spectral_norm is False
    assert not [name for name in pipe.generator.state_dict() if "parametrizations" in name]
    assert [pipe.id2label[i] for i in range(3)] == ["road", "sky", "car"]


def test_the_exported_batch_norm_is_refreshed_not_averaged(finished):
    state = DPSIMSPipeline.from_pretrained(finished.output_dir / "pipeline").generator.state_dict()
    checkpoint = finished.output_dir / "checkpoint-4" / "custom_checkpoint_0.pkl"
    averaged = torch.load(checkpoint, weights_only=False)["model"]
    norms = [name.rpartition(".")[0] for name in state if name.endswith("running_mean")]
    assert len(norms) == 6
    for norm in norms:
        assert state[f"{norm}.num_batches_tracked"] == 16
        assert averaged[f"{norm}.num_batches_tracked"] == 4
        assert not torch.allclose(state[f"{norm}.running_var"], averaged[f"{norm}.running_var"], rtol=0.01)


def test_the_discriminator_folder_loads(finished):
    folder = finished.output_dir / "discriminator"
    discriminator = DPSIMSDiscriminator.from_pretrained(folder)
    features = [torch.randn(1, c, -(-24 // s), -(-32 // s)) for c, s in zip(
        discriminator.config.feature_channels, discriminator.config.feature_strides, strict=True
    )]  # fmt: skip
    assert discriminator(features, (24, 32)).shape == (1, 4, 24, 32)


def test_log_lines_come_every_log_steps(flags, tmp_path):
    assert main(flags("--log_steps", 2, "--report_to", "none", steps=3)) == 0
    assert [line["step"] for line in log_lines(tmp_path / "out")] == [2]
    assert not (tmp_path / "out" / "logs").exists()


def test_the_time_limit_ends_a_run_with_a_checkpoint_and_the_model(flags, tmp_path, capsys):
    assert main(flags("--max_train_minutes", 0.0001, steps=1000)) == 0
    out = tmp_path / "out"
    ((step, _),) = list_checkpoints(out)
    assert 1 <= step < 100
    assert f"Stopped at step {step}" in capsys.readouterr().out
    assert json.loads((out / "run.json").read_text())["steps"] == step
    assert DPSIMSPipeline.from_pretrained(out / "pipeline").generator.config.num_classes == 3


def test_one_map_of_the_smallest_size_is_a_batch(flags):
    assert main(flags("--resolution", 4, "--train_batch_size", 1, steps=1)) == 0


def test_learning_rates_fall_linearly_over_the_last_steps(finished):
    rates = {}
    for step in (2, 4):
        state = torch.load(finished.output_dir / f"checkpoint-{step}" / "optimizer.bin", weights_only=False)
        rates[step] = state["param_groups"][0]["lr"]
    # 4 steps, the last 3 of them decaying: the rates of steps 1 to 4 are 1, 1, 2/3 and 1/3 of 2e-4.
    assert rates == pytest.approx({2: 2e-4, 4: 2e-4 / 3})


def test_without_validation_pairs_the_sheets_show_training_pairs_whole(flags, pairs_dir, capsys):
    trainer = Trainer(parse_config(flags()))
    assert "sheets show training pairs" in capsys.readouterr().out
    assert len(trainer.previews) == 12
    numbers = set()
    for pair in trainer.previews:
        number = round(float(pair["real_images"][2].float().mean()) / 20)
        numbers.add(number)
        with Image.open(pairs_dir / "images" / f"{number:03}.png") as photo:
            whole = np.asarray(photo.resize((32, 24), Image.Resampling.LANCZOS))
        assert np.array_equal(pair["real_images"].permute(1, 2, 0).numpy(), whole)
    assert numbers == set(range(12))


def test_validation_pairs_of_other_proportions_show_always_the_same_part(flags, tmp_path, capsys):
    wide = write_pairs(tmp_path / "wide", count=1, height=48, width=128)
    first, second = (Trainer(parse_config(flags("--validation_data_dir", wide))).previews for _ in range(2))
    assert "training pairs" not in capsys.readouterr().out
    assert len(first) == 1
    assert first[0]["real_images"].shape == (3, 24, 32)
    assert torch.equal(first[0]["real_images"], second[0]["real_images"])


def test_one_validation_pair_is_enough(flags, tmp_path):
    single = write_pairs(tmp_path / "single", count=1)
    assert main(flags("--validation_data_dir", single, steps=1)) == 0
    with Image.open(tmp_path / "out" / "sheets" / "step-000001.png") as sheet:
        assert 4 * 32 < sheet.width < 6 * 32


def test_the_oasis_baseline_trains_with_label_mix(pairs_dir, tmp_path):
    tiny = {"image_widths": [12, 12, 8, 8], "modulation_widths": [8], "latent_dim": 4}
    argv = ["--preset", "oasis", "--train_data_dir", pairs_dir, "--output_dir", tmp_path]
    argv += ["--resolution", "32x24", "--train_batch_size", 2, "--max_train_steps", 2, "--log_steps", 1]
    argv += ["--generator_config", json.dumps(tiny)]
    argv += ["--discriminator_config", '{"image_encoder_widths": [8, 8, 8], "decoder_widths": [8, 8, 8]}']
    assert main([str(word) for word in argv]) == 0
    lines = log_lines(tmp_path)
    assert len(lines) == 2
    for line in lines:
        assert line["loss_labelmix"] > 0
        assert not {"loss_g_contrastive", "loss_g_diversity", "pair_distance"} & line.keys()
    generator = DPSIMSPipeline.from_pretrained(tmp_path / "pipeline").generator
    assert generator.config.noise_injection == "spatial"


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("DPSIMS_TEST_COMPILE"), reason="slow; DPSIMS_TEST_COMPILE=1 runs it")
def test_compiled_networks_train_as_others_do(flags, tmp_path):
    losses = {}
    for name, more in {"plain": (), "compiled": ("--compile",)}.items():
        forget_accelerators()
        out = tmp_path / name
        assert main(flags("--report_to", "none", *more, "--output_dir", out, steps=2)) == 0
        losses[name] = [value for line in log_lines(out) for key, value in line.items() if "loss" in key]
    forget_accelerators()
    assert len(losses["plain"]) > 6
    assert losses["compiled"] == pytest.approx(losses["plain"], rel=1e-3)
