import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from dpsims_hub.ablation.plan import _CHANGES_NOTHING, as_flags, fingerprint, make_runs
from dpsims_hub.ablation.studies import find_study
from dpsims_hub.ablation.study import Arm, Study
from dpsims_hub.training.command_line import parse_config

STUDY = Study(
    "s",
    "?",
    "-",
    (Arm("a"), Arm("b", {"focal_gamma": 0.0, "generator_config": {"noise_fields": 4}})),
    settings={"focal_gamma": 1.0, "flip": False, "contrastive_strides": (8,)},
)


def runs(*words, study=STUDY, steps=10, seeds=2):
    return make_runs(study, study.arms, words, ("train", "val"), Path("out"), steps, seeds)


def test_one_seed_of_every_arm_comes_before_the_next():
    assert [run.name for run in runs()] == ["a, seed 0", "b, seed 0", "a, seed 1", "b, seed 1"]
    assert [run.config.seed for run in runs()] == [0, 0, 1, 1]


def test_an_arm_outweighs_the_user_who_outweighs_the_study():
    plain, changed = (run.config for run in runs("--label_smoothing", "0.2", "--flip", seeds=1))
    assert (plain.focal_gamma, plain.label_smoothing, plain.flip) == (1.0, 0.2, True)
    assert (changed.focal_gamma, changed.label_smoothing, changed.contrastive_strides) == (0.0, 0.2, (8,))


def test_objects_are_merged():
    words = ("--generator_config", '{"noise_fields": 1, "latent_dim": 6}')
    plain, changed = (run.config.generator_config for run in runs(*words, seeds=1))
    assert plain == {"noise_fields": 1, "latent_dim": 6}
    assert changed == {"noise_fields": 4, "latent_dim": 6}


def test_flags_say_what_settings_say():
    settings = {
        "flip": False,
        "use_ema": True,
        "diversity_strides": (),
        "generator_config": {"latent_dim": 3},
    }
    config = parse_config(as_flags(settings | {"focal_gamma": 1e-7, "resolution": "96x64"}))
    assert (config.flip, config.use_ema, config.diversity_strides) == (False, True, ())
    assert (config.generator_config, config.focal_gamma) == ({"latent_dim": 3}, 1e-7)
    assert config.size == (64, 96)


def test_studies_share_the_run_of_equal_settings():
    shared = find_study("conditioning"), find_study("gamma"), find_study("oasis")
    folders = [{run.folder for run in runs(study=study, seeds=1)} for study in shared]
    assert len(set.intersection(*folders)) == 1  # raw features, gamma 2: the preset small


def test_a_fingerprint_forgets_only_what_changes_no_model():
    config = runs(seeds=1)[0].config
    same = {"max_train_steps": 99, "checkpointing_steps": 7, "dataloader_num_workers": 2, "output_dir": "x"}
    other = {"seed": 5, "focal_gamma": 3.0, "train_data_dir": "y", "train_batch_size": 9, "resolution": "64"}
    assert fingerprint(dataclasses.replace(config, **same)) == fingerprint(config)
    for name, value in other.items():
        assert fingerprint(dataclasses.replace(config, **{name: value})) != fingerprint(config)
    falling = dataclasses.replace(config, lr_decay_steps=5)
    assert fingerprint(dataclasses.replace(falling, max_train_steps=99)) != fingerprint(falling)


def test_settings_that_are_new_keep_the_names_of_finished_runs():
    config = runs(seeds=1)[0].config
    new = {"contrastive_normalize": False, "contrastive_reduction": "sum", "power_iterations": "pass"}
    before = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in _CHANGES_NOTHING and name not in new
    }
    assert fingerprint(config) == hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()[:10]
    for name, value in new.items():
        assert getattr(config, name) != value
        assert fingerprint(dataclasses.replace(config, **{name: value})) != fingerprint(config)


def test_a_saved_model_counts_only_with_its_steps(tmp_path):
    study = Study("s", "?", "-", STUDY.arms)
    run = make_runs(study, study.arms, [], ("train", "val"), tmp_path, 10, 1)[0]
    assert (run.steps_done(), run.is_trained()) == (0, False)
    (run.folder / "pipeline").mkdir(parents=True)
    (run.folder / "run.json").write_text(json.dumps({"steps": 10}))
    assert not run.is_trained()
    (run.folder / "pipeline" / "model_index.json").write_text("{}")
    assert run.is_trained()
    (run.folder / "run.json").write_text('{"steps": 1')  # cut off
    assert not run.is_trained()
    (run.folder / "run.json").write_text(json.dumps({"steps": 11}))
    with pytest.raises(ValueError, match="has 11 steps already; give --steps 11"):
        run.check()


@pytest.mark.parametrize("words", [("--seed", "3"), ("--max-train-steps=4",), ("--output_dir", "x")])
def test_what_a_study_decides_cannot_be_given(words):
    with pytest.raises(ValueError, match="a study sets this itself"):
        runs(*words)


@pytest.mark.parametrize(("steps", "seeds"), [(0, 1), (1, 0)])
def test_nothing_to_run_is_refused(steps, seeds):
    with pytest.raises(ValueError, match="at least 1 step and 1 seed"):
        runs(steps=steps, seeds=seeds)
