"""Every arm can be built, differs from its reference in what its name says, and costs what it states."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dpsims_hub.ablation.plan import Run, make_runs
from dpsims_hub.ablation.studies import STUDIES, find_study
from dpsims_hub.training.build import build_networks
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.cost_estimate import estimate_costs


def runs_of(name: str) -> dict[str, Run]:
    """One run of each arm at 128x96, with weights in a file that nobody opens."""
    study = find_study(name)
    words = ["--resolution", "128x96", "--backbone_weights", "file.safetensors"]
    runs = make_runs(study, study.arms, words, ("a", "b"), Path("out"), 10, 1)
    return {run.arm.name: run for run in runs}


def settings_of(run: Run) -> dict:
    return dataclasses.asdict(run.config)


@pytest.mark.parametrize("name", STUDIES)
def test_arms_are_different_runs_with_equal_steps(name):
    runs = runs_of(name)
    assert len({run.folder for run in runs.values()}) == len(STUDIES[name].arms) >= 2
    assert {run.config.max_train_steps for run in runs.values()} == {10}


def structure(config: TrainConfig) -> str:
    """What of the settings changes the networks."""
    names = ("preset", "generator_config", "discriminator_config", "backbone", "feature_conditioning")
    return str([getattr(config, name) for name in (*names, "instance_offsets")])


def test_every_small_arm_can_be_built():
    """Each different pair of networks once; large ones and those of the Hub are left out."""
    names = [name for name in STUDIES if name not in ("oasis-full", "backbones")]
    configs = {structure(run.config): run.config for name in names for run in runs_of(name).values()}
    assert len(configs) > 10
    for config in configs.values():  # with values: spectral norm is slow without them
        build_networks(dataclasses.replace(config, backbone_weights="random"), 11, 255)


@pytest.mark.parametrize(
    ("study", "differ"),
    [
        ("conditioning", {"feature_conditioning"}),
        ("gamma", {"focal_gamma"}),
        ("precision", {"backbone_precision"}),
        ("power-iterations", {"power_iterations"}),
        ("rates", {"learning_rate_g", "learning_rate_d", "augmentation", "label_smoothing"}),
        ("instances", {"instance_offsets"}),
        (
            "paper",
            {
                *("generator_config", "discriminator_config", "feature_conditioning", "contrastive_head"),
                *("contrastive_temperature", "contrastive_places", "diversity_distance"),
                *("contrastive_normalize", "contrastive_reduction"),
                *("diversity_threshold", "weight_diversity"),
            },
        ),
        ("losses", {"weight_contrastive", "weight_diversity", "weight_labelmix", "label_smoothing"}),
    ],
)
def test_arms_differ_in_nothing_else(study, differ):
    first, *others = map(settings_of, runs_of(study).values())
    found = {name for other in others for name in first if other[name] != first[name]}
    assert found - {"output_dir"} == differ


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "arm"),
    [
        ("oasis", "dpsims"),
        pytest.param("oasis", "oasis", marks=pytest.mark.minutes),
        pytest.param("precision", "bf16 backbone", marks=pytest.mark.minutes),
        pytest.param("paper", "paper", marks=pytest.mark.minutes),
        ("paper", "modulation by 1x1"),
    ],
)
def test_stated_cost_is_that_of_a_dry_run(study, arm):
    run = runs_of(study)[arm]
    counted = estimate_costs(dataclasses.replace(run.config, backbone_weights="random"), 11).multiply_adds
    assert run.arm.cost == pytest.approx(counted / 1e9, abs=0.06)


def test_oasis_arms_are_oasis_but_for_their_widths():
    runs = runs_of("oasis-parts")
    small, oasis = (runs[name].config for name in ("dpsims", "oasis"))
    no_file = {"backbone_weights": "random"}
    assert (oasis.backbone, oasis.focal_gamma, oasis.weight_labelmix) == ("none", 0.0, 10.0)
    assert (oasis.weight_contrastive, oasis.weight_diversity) == (0.0, 0.0)
    assert oasis.train_batch_size * oasis.samples_per_map == small.train_batch_size * small.samples_per_map
    assert oasis.generator_config["label_encoder"] == "none"
    crossed = runs["oasis generator"].config, runs["oasis discriminator and losses"].config
    assert (crossed[0].backbone, crossed[1].backbone) == (small.backbone, "none")
    sizes = [
        [sum(p.numel() for p in network.parameters()) for network in build_networks(config, 11, 255)[:2]]
        for config in (dataclasses.replace(one, **no_file) for one in (small, oasis, *crossed))
    ]
    assert sizes[2][0] == sizes[1][0]
    assert sizes[3] == [sizes[0][0], sizes[1][1]]


@pytest.mark.parametrize("name", ["oasis", "oasis-parts", "oasis-full"])
@pytest.mark.parametrize("words", [(), ("--max_zoom", "1.15", "--resize_mode", "stretch", "--no-ema_warmup")])
def test_arms_beside_oasis_have_equal_data_and_average(name, words):
    study = find_study(name)
    runs = make_runs(study, study.arms, ["--resolution", "128x96", *words], ("a", "b"), Path("out"), 10, 1)
    of_data = {f.name for f in dataclasses.fields(TrainConfig) if f.metadata["group"] == "data"}
    equal = [
        {key: settings_of(run)[key] for key in sorted(of_data | {"ema_warmup", "use_ema"})} for run in runs
    ]
    assert all(one == equal[0] for one in equal)
    found = (equal[0]["resize_mode"], equal[0]["max_zoom"], equal[0]["ema_warmup"])
    assert found == (("stretch", 1.15, False) if words else ("crop", 1.4, True))


def test_a_named_backbone_does_not_reach_the_baseline():
    study = find_study("oasis")
    words = ["--backbone", "resnet18", "--backbone_weights", "random"]
    runs = make_runs(study, study.arms, words, ("a", "b"), Path("out"), 10, 1)
    assert [run.config.backbone for run in runs] == ["resnet18", "none"]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown study 'colour'; choose from backbone, conditioning"):
        find_study("colour")
    with pytest.raises(ValueError, match="study gamma has no arm 'gamma 9'; it has gamma 2"):
        find_study("gamma").select(("gamma 0", "gamma 9"))


def test_selected_arms_keep_the_order_of_the_study():
    chosen = find_study("gamma").select(("gamma 5", "gamma 2"))
    assert [arm.name for arm in chosen] == ["gamma 2", "gamma 5"]
