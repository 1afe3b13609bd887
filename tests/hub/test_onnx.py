"""The ONNX file makes PyTorch's photos, for every kind of network, at sizes it was not traced at."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dpsims_hub import DPSIMSPipeline, bundled_model
from dpsims_hub.hub import ExportOptions, Source, export
from dpsims_hub.hub.onnx_file import write_onnx
from dpsims_hub.labels import ClassSpec
from tests.hub.run_folder import CLASSES
from tests.models.generator_kinds import KINDS
from tests.tiny import tiny_generator

onnx = pytest.importorskip("onnx", reason="needs dpsims_hub[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs dpsims_hub[onnx]")

SPEC = ClassSpec.from_dict(CLASSES)


def draw(path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["photos"], inputs)[0]


def some_inputs(generator, count: int, height: int, width: int) -> dict[str, torch.Tensor]:
    config, random = generator.config, np.random.default_rng(count * height)
    ids = random.integers(0, config.num_classes, (count, height, width))
    ids[:, : height // 4] = config.ignore_index
    inputs = {
        "label_map": torch.from_numpy(ids),
        "latents": torch.from_numpy(random.standard_normal((count, config.latent_dim), dtype=np.float32)),
    }
    if config.use_instance_offsets:
        offsets = random.uniform(-1, 1, (count, 2, height, width)).astype(np.float32)
        inputs["instance_offsets"] = torch.from_numpy(offsets)
    return inputs


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "instance offsets"])
def test_every_kind_of_network_at_several_sizes_and_batch_sizes(kind, tmp_path):
    generator = tiny_generator(spectral_norm=False, **KINDS.get(kind, {"use_instance_offsets": True}))
    path = tmp_path / "generator.onnx"
    assert write_onnx(generator, SPEC, path) < 1e-4
    names = [item.name for item in onnx.load(path).graph.input]
    for size in ((1, 16, 24), (3, 8, 8), (2, 32, 12)):
        inputs = some_inputs(generator, *size)
        with torch.no_grad():
            wanted = generator(**inputs).sample.numpy()
        fed = {name: inputs[name].numpy() for name in names}
        np.testing.assert_allclose(draw(path, fed), wanted, rtol=0, atol=1e-3)
        assert np.abs(wanted - wanted.mean()).max() > 0.01, "a blank photo would prove nothing"


@pytest.mark.slow
def test_photos_of_the_bundled_model_and_what_the_file_says_of_itself(tmp_path):
    pipe = DPSIMSPipeline.from_pretrained(bundled_model())
    folder = export(Source("camvid", pipe), tmp_path / "out", ExportOptions(onnx=True), lambda line: None)
    path = folder / "onnx" / "generator.onnx"
    facts = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert json.loads(facts["classes"]) == list(pipe.spec.names)
    assert (int(facts["stride"]), int(facts["ignore_index"])) == (pipe.generator.stride, 255)
    inputs = some_inputs(pipe.generator, 2, 64, 96)
    fed = {name: value.numpy() for name, value in inputs.items()}
    made = pipe(inputs["label_map"].numpy(), latents=inputs["latents"], output_type="np").images
    wanted = made.transpose(0, 3, 1, 2) * 2 - 1
    np.testing.assert_allclose(draw(path, fed), wanted, rtol=0, atol=1e-3)
    assert "`onnx/generator.onnx`" in (folder / "README.md").read_text()


def test_a_file_that_draws_something_else_is_refused(tmp_path, monkeypatch):
    def traced_at_one_size(module, inputs, path, dynamic_axes, **options):
        export_real(module, inputs, path, **options)

    export_real = torch.onnx.export
    monkeypatch.setattr(torch.onnx, "export", traced_at_one_size)
    with pytest.raises(Exception, match="[Ii]nvalid dimensions"):
        write_onnx(tiny_generator(spectral_norm=False), SPEC, tmp_path / "fixed.onnx")
    monkeypatch.setattr("dpsims_hub.hub.onnx_file.TOLERANCE", 0.0)
    monkeypatch.setattr(torch.onnx, "export", export_real)
    with pytest.raises(ValueError, match="photos differ from PyTorch's by .*; do not publish it"):
        write_onnx(tiny_generator(spectral_norm=False), SPEC, tmp_path / "other.onnx")


def test_without_the_packages_it_is_one_sentence_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    source = Source("tiny", DPSIMSPipeline(tiny_generator(), SPEC.to_dict()))
    with pytest.raises(
        ModuleNotFoundError, match=r"onnxruntime is not installed; pip install 'dpsims_hub\[onnx\]'"
    ):
        export(source, tmp_path / "out", ExportOptions(onnx=True))
    assert list(tmp_path.iterdir()) == []
