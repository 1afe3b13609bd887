from __future__ import annotations

import math

import pytest
import torch

from dpsims_hub.models.noise import NoiseFields, noise_window
from tests.tiny import LATENT_DIM, tiny_generator


def test_fields_are_the_sum_over_the_basis():
    torch.manual_seed(0)
    fields = NoiseFields(latent_dim=5, num_fields=2, tile=4)
    latents = torch.randn(3, 1, 5)
    result = noise_window(fields(latents), (3, 6), shift=2, region_map=None)
    for b in range(3):
        rms = math.sqrt(sum(float(z) ** 2 for z in latents[b, 0]) / 5)
        for f in range(2):
            for y in range(3):
                for x in range(6):
                    expected = sum(
                        float(latents[b, 0, k]) / rms * float(fields.basis[k, f, (y + 2) % 4, (x + 2) % 4])
                        for k in range(5)
                    ) / math.sqrt(5)
                    assert float(result[b, f, y, x]) == pytest.approx(expected, abs=1e-4)


def test_fields_have_unit_variance():
    torch.manual_seed(0)
    result = NoiseFields(64, 2, tile=8)(torch.randn(200, 1, 64))
    assert result.mean().abs() < 0.05
    assert result.std() == pytest.approx(1.0, abs=0.05)


def test_each_pixel_reads_the_fields_of_its_own_region():
    torch.manual_seed(0)
    fields = NoiseFields(8, 2)
    latents = torch.randn(2, 3, 8)
    regions = torch.randint(3, (2, 4, 5))
    result = noise_window(fields(latents), (4, 5), shift=1, region_map=regions)
    for region in range(3):
        alone = noise_window(fields(latents[:, region : region + 1]), (4, 5), shift=1, region_map=None)
        inside = (regions == region)[:, None].expand_as(result)
        torch.testing.assert_close(result[inside], alone[inside])


def test_every_scale_has_a_window_of_its_own():
    """Released weights were trained with these very windows: another shift would be another model."""
    torch.manual_seed(0)
    generator = tiny_generator(noise_fields=2)
    latents = torch.randn(2, 1, LATENT_DIM)
    encoding = generator.encode(torch.zeros(1, 16, 24, dtype=torch.long))
    scales = len(generator.blocks)
    made = generator.fields.at_scales(latents, encoding.label_map.shape[1:], [None] * scales)
    z = latents[:, 0] / latents[:, 0].square().mean(-1, keepdim=True).sqrt() / LATENT_DIM**0.5
    for scale, fields in enumerate(made):
        rows = [(23 * scale + y) % 64 for y in range(16 // 2**scale)]
        columns = [(23 * scale + x) % 64 for x in range(24 // 2**scale)]
        wanted = torch.tensordot(z, generator.fields.basis[:, :, rows][:, :, :, columns], dims=1)
        torch.testing.assert_close(fields, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("noise_at", ["encoder", "modulation"])
def test_only_fields_give_a_uniform_map_a_texture(noise_at):
    torch.manual_seed(0)
    label_map, latents = torch.zeros(1, 16, 24, dtype=torch.long), torch.randn(1, LATENT_DIM)
    texture = {}
    for num_fields in (0, 2):
        generator = tiny_generator(noise_at=noise_at, noise_fields=num_fields)
        with torch.no_grad():
            texture[num_fields] = generator(label_map, latents).sample.std(dim=(2, 3)).mean()
    assert texture[0] < 1e-3  # replicate padding and noise without a place: nothing differs anywhere
    assert texture[2] > 0.01
