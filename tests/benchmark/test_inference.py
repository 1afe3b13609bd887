"""The benchmark of inference: counts, shares and photos are right, whatever the clock says."""

from __future__ import annotations

import json

import pytest
import torch

from dpsims_hub.benchmark.inference import benchmark_inference, count_calls, make_inputs
from dpsims_hub.benchmark.inference_report import draw_inference, format_inference
from dpsims_hub.benchmark.variants import FORMS, Variant, list_variants, random_network
from dpsims_hub.models.costs import count_parameters, tensor_bytes
from tests.ablation.tiny_study import size_of
from tests.tiny import SIZE, tiny_generator

CPU = torch.device("cpu")
MACHINE = {"device": "cpu", "processor": "P", "cores": 2, "torch_threads": 1, "load_of_last_minute": 0.5}


def make():
    return tiny_generator(spectral_norm=False)


@pytest.fixture(scope="module")
def report() -> dict:
    """Of one tiny network in every form but the compiled one, with batches of 3 and 4 photos of a map."""
    forms = ("plain", "optimized", "optimized_bf16", "bf16", "graph", "pipeline")
    ticks: list[int] = []
    variants = list_variants(["tiny"], forms, [1, 3], 4)
    measured = benchmark_inference({"tiny": make}, variants, SIZE, CPU, 3, 1, ticks.append)
    return measured | {"ticks": ticks, "machine": MACHINE, "versions": {"torch": "2.15.0"}}


def row(report: dict, form: str, maps: int = 1, photos: int = 1, calls: int = 1) -> dict:
    wanted = {"form": form, "maps": maps, "photos": photos, "calls": calls}
    (found,) = [one for one in report["variants"] if wanted.items() <= one.items()]
    return found


def test_every_variant_is_timed_in_every_round_with_the_ceilings(report):
    working = [one for one in report["variants"] if "seconds" in one]
    assert len(working) == 5 * 2 + 2  # forms and batches, photos in one call and in four
    assert all(one["seconds"]["n"] == 3 for one in working)
    # Plain photo, first call, a call to warm up, memory; then a ceiling in each of two precisions.
    assert len(report["ticks"]) == (4 + 3) * len(working) + 2 + 3 * 2  # the plain photos of the graphs
    variants = [Variant(one["network"], one["form"]) for one in working]
    assert count_calls(variants, 3, 1) == len(report["ticks"]) - 2


def test_rates_and_shares_follow_from_the_median(report):
    for one in report["variants"]:
        if "seconds" not in one:
            continue
        photos, median = one["maps"] * one["photos"], one["seconds"]["median"]
        assert one["photos_per_second"] * median == pytest.approx(photos)
        assert one["milliseconds_per_photo"]["median"] == pytest.approx(1000 * median / photos)
        ceiling = report["ceiling"]["multiply_adds_per_second"][str(FORMS[one["form"]].dtype)[6:]]
        share = one["multiply_adds_per_photo"] * photos / (median * ceiling)
        assert one["share_of_ceiling"] == pytest.approx(share)


def test_multiply_adds_of_a_photo_are_those_of_the_layers(report):
    network, counted = make(), 0

    def count(module, inputs, result):
        nonlocal counted
        counted += result.numel() * module.weight[0].numel()

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    label_map, latents = make_inputs(network, Variant("tiny", "plain"), SIZE, CPU)
    with torch.no_grad():
        network(label_map, latents)
    assert hooks
    single = row(report, "plain")["multiply_adds_per_photo"]
    # Layers called as functions and attention come on top of what the hooks see.
    assert counted <= single < 3 * counted
    assert row(report, "optimized", maps=3)["multiply_adds_per_photo"] == pytest.approx(single)
    assert row(report, "optimized", photos=4)["multiply_adds_per_photo"] < single  # the map is encoded once


def test_forms_make_the_same_photos_up_to_rounding(report):
    for form in ("plain", "optimized"):
        assert row(report, form)["largest_difference_levels"] < 0.01
    assert row(report, "optimized", photos=4, calls=4)["largest_difference_levels"] < 0.01
    for form in ("bf16", "optimized_bf16"):
        assert 0.01 < row(report, form)["largest_difference_levels"] < 60


def test_memory_holds_at_least_the_weights_and_grows_with_the_batch(report):
    network = make()
    assert row(report, "plain")["peak_memory_bytes"] > tensor_bytes(network)
    assert "peak_memory_bytes" not in row(report, "pipeline")  # its copy of the network is not counted
    assert row(report, "bf16")["peak_memory_bytes"] < row(report, "plain")["peak_memory_bytes"]
    one, three = (row(report, "optimized", maps=maps)["peak_memory_bytes"] for maps in (1, 3))
    assert 1.5 < (three - tensor_bytes(network)) / (one - tensor_bytes(network)) < 3.5
    assert report["networks"]["tiny"]["parameters"] == count_parameters(network)


@pytest.mark.skipif(torch.cuda.is_available(), reason="graphs work here")
def test_what_does_not_work_is_said(report):
    assert row(report, "graph")["failure"] == "CUDA graphs need a CUDA device."
    assert "- tiny, graph, 1 x 1 does not work here: CUDA graphs need" in format_inference(report)


@pytest.mark.parametrize("at", [1, 2, 5, 6, 9, 11, 13])
def test_ctrl_c_prints_what_is_finished(at, tmp_path):
    """Of two forms: 4 calls before the timing each, then rounds of 2 calls and a ceiling."""
    ticks: list[int] = []

    def advance(count: int) -> None:
        ticks.append(count)
        if len(ticks) == at:
            raise KeyboardInterrupt

    variants = list_variants(["tiny"], ["plain", "optimized"], [1], 1)
    arguments = {"tiny": make}, variants, SIZE, CPU, 5, 1, advance
    if at == 1:  # nothing is finished
        with pytest.raises(KeyboardInterrupt):
            benchmark_inference(*arguments)
        return
    report = benchmark_inference(*arguments) | {"machine": MACHINE, "versions": {}}
    assert report["interrupted"]
    first, *others = report["variants"]
    assert len(others) == (at > 5)
    assert first["first_call_seconds"] > 0
    timed = [one.get("seconds", {"n": 0})["n"] for one in report["variants"]]
    calls = "pococpcpo"[: max(0, at - 8)]  # plain, optimized, ceiling
    assert timed == [calls.count(name) for name in "po"[: len(timed)]]
    assert report["rounds"] == len(calls) // 3
    assert ("share_of_ceiling" in first) == (at >= 11)
    text = format_inference(report)
    assert "interrupted" in text
    assert ("not timed" in text) == (at < 11)
    assert text.count("(calls: 1)") == timed.count(1)
    pytest.importorskip("matplotlib")
    draw_inference(report, tmp_path / "plot.png")


def test_text_and_plot_show_the_numbers(report, tmp_path):
    text = format_inference(report)
    for one in report["variants"]:
        if "seconds" in one:
            assert f"{one['milliseconds_per_photo']['median']:.1f} (" in text
    assert "1 x 4 in 4 calls" in text
    assert "cpu, P, 2 cores, 1 threads, load 0.5" in text
    assert json.loads(json.dumps(report))["variants"] == report["variants"]
    pytest.importorskip("matplotlib")
    draw_inference(report, tmp_path / "new" / "plot.png")
    assert min(size_of(tmp_path / "new" / "plot.png")) > 200
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_times_oasis_is_the_ratio_of_the_times_of_a_photo():
    variants = list_variants(["oasis", "other"], ["plain", "optimized"], [1], 2)
    assert [one.name for one in variants if one.network == "oasis"] == ["oasis, plain, 1 x 1"]
    measured = benchmark_inference({"oasis": make, "other": make}, variants, SIZE, CPU, 2, 0)
    medians = {one["name"]: one["milliseconds_per_photo"]["median"] for one in measured["variants"]}
    assert len(medians) == 1 + 2 + 2
    for one in measured["variants"]:
        expected = medians["oasis, plain, 1 x 1"] / medians[one["name"]]
        assert one["times_as_fast_as_oasis"] == pytest.approx(expected)


def test_variants_are_listed_once():
    names = [variant.name for variant in list_variants(["n"], ["optimized"], [1, 2], 1)]
    assert names == ["n, optimized, 1 x 1", "n, optimized, 2 x 1"]


def test_batches_are_timed_in_every_form_and_oasis_in_its_published_ones():
    listed = [one.name for one in list_variants(["oasis", "n"], ["plain", "optimized", "graph"], [1, 16], 1)]
    published = [f"oasis, {form}, {maps} x 1" for maps in (1, 16) for form in ("plain", "graph")]
    own = [f"n, {form}, {maps} x 1" for maps in (1, 16) for form in ("plain", "optimized", "graph")]
    assert listed == published + own


def test_oasis_computes_on_planes_as_published_and_others_look_up():
    with torch.device("meta"):
        planes, lookup = (random_network(name, 11, (64, 64)) for name in ("oasis", "small"))
    assert (planes.config.label_convolution, lookup.config.label_convolution) == ("plain", "lookup")


BAD = {
    "one round": ({"rounds": 1}, "at least 2 rounds"),
    "size": ({"size": (17, 24)}, "24x17 .* must be multiples of 4"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_settings_are_refused(fault):
    changes, words = BAD[fault]
    settings = {"size": SIZE, "device": CPU, "rounds": 2} | changes
    with pytest.raises(ValueError, match=words):
        benchmark_inference({"tiny": make}, [Variant("tiny", "plain")], **settings)


@pytest.mark.parametrize(
    ("forms", "batches", "words"), [(["fast"], [1], "unknown form 'fast'"), (["bf16"], [0], "from 1")]
)
def test_bad_variants_are_refused(forms, batches, words):
    with pytest.raises(ValueError, match=words):
        list_variants(["n"], forms, batches, 1)
