"""A network that costs nothing, and the counts that tests agree on."""

from dpsims_hub.models import DPSIMSGenerator

COUNT = 7  # pairs in the folder
SIZE = (16, 24)  # height, width of the model's photos


def tiny_generator(**settings) -> DPSIMSGenerator:
    network = DPSIMSGenerator(
        num_classes=3,
        sample_size=SIZE,
        latent_dim=8,
        image_widths=(16, 16, 12, 8),
        encoder_widths=(8, 8, 8),
        modulation_widths=(8, 8, 8),
        mapping_width=16,
        mapping_layers=1,
        num_noise_tokens=2,
        attention_dim=4,
        spectral_norm=False,
        **settings,
    )
    return network.eval()
