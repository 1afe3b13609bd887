"""The DP-SIMS generator, and the OASIS generator as settings of the same class.

A label-map encoder reads the full-resolution map. A picture network starts from the low-resolution map and is
modulated by the encoder's features at every scale (paper, Fig. 3). Noise enters by cross-attention. The
settings `label_encoder="none", noise_injection="spatial"` give OASIS. Sources are in docs/paper_to_code.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dpsims_hub.models.generator_checks import (
    check_instance_offsets,
    check_label_map,
    check_latents,
    check_region_map,
    check_settings,
)
from dpsims_hub.models.gradient_checkpointing import RepeatableBlock
from dpsims_hub.models.initialization import unit_variance_, xavier_
from dpsims_hub.models.label_convolution import LabelConvolution, PaddingMode
from dpsims_hub.models.label_encoder import LabelMapEncoder
from dpsims_hub.models.map_encoding import LabelResize, MapEncoding, subsample
from dpsims_hub.models.modulation import LabelModulation, ModulatedBlock, Modulation, convolution
from dpsims_hub.models.noise import MappingNetwork, NoiseCrossAttention, NoiseFields
from dpsims_hub.models.smoothing import smooth
from dpsims_hub.models.upsampling import upsample
from dpsims_hub.storage.loading import CheckedModel


@dataclass
class DPSIMSGeneratorOutput(BaseOutput):
    """Photos of the generator: `sample` (B, 3, H, W) in [-1, 1]."""

    sample: Tensor


class DPSIMSGenerator(CheckedModel):
    """Makes a photo from a label map and noise, in one forward pass.

    Sizes that the paper's public descriptions do not give are settings; the defaults are the full-size model.

    Args:
        num_classes: N, number of ids in the label map, without the ignored one.
        sample_size: (H, W) of the training images, in pixels; other multiples of `stride` work too.
        ignore_index: id of unknown pixels, which have no class.
        latent_dim: length of z (64, as OASIS's noise).
        image_widths: channels of the picture network: its input, then each block's result, coarse to fine.
        label_encoder: "unet" (DP-SIMS) or "none" (labels modulate directly, as in SPADE and OASIS).
        encoder_widths: channels of the encoder's contracting path, fine to coarse.
        modulation_widths: channels of the encoder's results, fine to coarse; with "none", the first is the
            width of the ReLU convolution of the labels.
        encoder_convolutions: 3x3 convolutions of an encoder block (our choice; the paper says that a
            convolution embeds the features).
        encoder_full_resolution: end the encoder's expanding path with a block at full resolution. Otherwise a
            lookup of the labels is added to upsampled features of half resolution (our choice, for speed).
        encoder_upsample: "bilinear" or "nearest" in the encoder's expanding path (both our choice; the
            paper's was not found).
        label_resize: pixel whose id represents a cell of a coarser scale: its "center" (our choice) or its
            "corner" (SPADE, OASIS).
        noise_injection: "cross_attention" (DP-SIMS), "spatial" (OASIS: z at each pixel beside its label) or
            "none".
        noise_at: with cross-attention, "encoder" (the paper: in the contracting path) or "modulation" (our
            choice: on the results, at every scale, so that photos of one map share the whole encoder).
        mapping_width: length of w (512 is our choice; not found).
        mapping_layers: layers of the mapping network (the paper's 3, recalled).
        num_noise_tokens: n_k, keys and values per w.
        attention_dim: d_q.
        rms_normalization: scale z, w and the pixels' features to root mean square 1 where the noise is read
            (our choice; the paper's formula has no such scaling).
        noise_fields: planes of NoiseFields at every scale of the cross-attention; 0 is the paper.
        noise_from_stride: features of a finer stride than this, in pixels, read no noise; 1 for every scale.
            Reading it at full resolution takes a tenth of a photo's time in the preset "small".
        modulation_kernel: side of the gain-and-offset convolutions, 1 or 3.
        modulation_hidden: channels of a 3x3 ReLU convolution before them (SPADE's layout), or 0 for none (our
            choice); only with an encoder.
        modulated_shortcut: modulate the inputs of shortcuts (OASIS).
        upsample: "bilinear" (our choice) or "nearest" (OASIS) between the picture network's blocks.
        padding_mode: "replicate" (our choice) or "zeros" (OASIS) for every 3x3 convolution; zeros reveal the
            position to the network.
        output_gain: standard deviation of the image before tanh at the start of a training. 0.2 is our
            choice: the first images are grey. At 1 they are saturated, and training collapsed.
        initialization: "unit_variance" (our choice; Xavier's small weights leave the noise without effect) or
            "xavier" (OASIS: Xavier normal with gain 0.02 everywhere, biases 0, `output_gain` not used).
        smooth_output: low-pass filter before tanh (our choice). A frozen backbone halves the resolution in
            its first layer and hardly responds to single-pixel patterns; without the filter diagonal hatching
            appeared in photos.
        spectral_norm: on the picture network's blocks in training; exported models have it folded in.
        use_instance_offsets: read (y, x) offsets to object centres beside the labels.
        label_convolution: "lookup" or "plain" (the reference; needed for ONNX).
    """

    _supports_gradient_checkpointing = True
    _no_split_modules = ["ModulatedBlock", "EncoderBlock"]

    @register_to_config
    def __init__(
        self,
        num_classes: int,
        sample_size: Sequence[int] = (256, 256),
        ignore_index: int = 255,
        latent_dim: int = 64,
        image_widths: Sequence[int] = (1024, 1024, 1024, 512, 256, 128, 64),
        label_encoder: Literal["unet", "none"] = "unet",
        encoder_widths: Sequence[int] = (64, 128, 128, 256, 256, 256),
        modulation_widths: Sequence[int] = (64, 96, 128, 128, 128, 128),
        encoder_convolutions: int = 2,
        encoder_full_resolution: bool = False,
        encoder_upsample: Literal["bilinear", "nearest"] = "bilinear",
        label_resize: LabelResize = "center",
        noise_injection: Literal["cross_attention", "spatial", "none"] = "cross_attention",
        noise_at: Literal["encoder", "modulation"] = "modulation",
        mapping_width: int = 512,
        mapping_layers: int = 3,
        num_noise_tokens: int = 16,
        attention_dim: int = 64,
        rms_normalization: bool = True,
        noise_fields: int = 0,
        noise_from_stride: int = 1,
        modulation_kernel: int = 1,
        modulation_hidden: int = 0,
        modulated_shortcut: bool = False,
        upsample: Literal["bilinear", "nearest"] = "bilinear",
        padding_mode: PaddingMode = "replicate",
        output_gain: float = 0.2,
        initialization: Literal["unit_variance", "xavier"] = "unit_variance",
        smooth_output: bool = False,
        spectral_norm: bool = True,
        use_instance_offsets: bool = False,
        label_convolution: Literal["lookup", "plain"] = "lookup",
    ) -> None:
        super().__init__()
        check_settings(self.config, type(self).__init__)
        self.gradient_checkpointing = False
        num_scales = len(image_widths) - 1
        self.stride = 2 ** (num_scales - 1)
        labels = {
            "num_classes": num_classes,
            "num_noise_planes": latent_dim if noise_injection == "spatial" else 0,
            "ignore_index": ignore_index,
            "padding_mode": padding_mode,
            "method": label_convolution,
        }
        self.start = LabelConvolution(out_channels=image_widths[0], **labels)
        self.encoder = self.mapping = self.attentions = self.fields = None
        if label_encoder == "unet":
            self.encoder = LabelMapEncoder(
                labels,
                encoder_widths,
                modulation_widths,
                encoder_convolutions,
                2 * use_instance_offsets,
                encoder_full_resolution,
                encoder_upsample,
            )
        if noise_injection == "cross_attention":
            self.mapping = MappingNetwork(latent_dim, mapping_width, mapping_layers, rms_normalization)
            first = 1 if noise_at == "encoder" else 0
            readers = encoder_widths[1:] if noise_at == "encoder" else modulation_widths
            self.attentions = nn.ModuleList(
                NoiseCrossAttention(
                    width, mapping_width, num_noise_tokens, attention_dim, noise_fields, rms_normalization
                )
                if 2**scale >= noise_from_stride
                else None
                for scale, width in enumerate(readers, first)
            )
            self.fields = NoiseFields(latent_dim, noise_fields) if noise_fields else None
        self.blocks = nn.ModuleList()
        for level in range(num_scales):  # coarse to fine
            if label_encoder == "unet":
                width = modulation_widths[num_scales - 1 - level]
                make = partial(
                    Modulation,
                    condition_channels=width,
                    kernel_size=modulation_kernel,
                    padding_mode=padding_mode,
                    hidden_channels=modulation_hidden,
                )
            else:
                make = partial(
                    LabelModulation, hidden_channels=modulation_widths[0], label_convolution=labels
                )
            self.blocks.append(
                ModulatedBlock(
                    *image_widths[level : level + 2], make, modulated_shortcut, spectral_norm, padding_mode
                )
            )
        self.to_rgb = convolution(image_widths[-1], 3, padding_mode=padding_mode)
        unit_variance_(self.to_rgb.weight, output_gain)
        if initialization == "xavier":
            xavier_(self)

    def forward(
        self,
        label_map: Tensor,
        latents: Tensor,
        region_map: Tensor | None = None,
        instance_offsets: Tensor | None = None,
        return_dict: bool = True,
    ) -> DPSIMSGeneratorOutput | tuple[Tensor]:
        """Make one photo for each latent.

        Args:
            label_map: (B, H, W) integer ids; H and W multiples of `stride`.
            latents: (B, latent_dim), or (B, R, latent_dim) with one z per region; with K photos per map
                (B * K, ...), map-major.
            region_map: (B, H, W) integers in [0, R), the index of the z that each pixel reads.
            instance_offsets: (B, 2, H, W) offsets to object centres, in image heights and widths.
            return_dict: whether to return a DPSIMSGeneratorOutput or a tuple.

        Returns:
            Photos (B, 3, H, W) in [-1, 1].

        Raises:
            ValueError: a size, shape or id is invalid.
        """
        sample = self.decode(self.encode(label_map, instance_offsets), latents, region_map)
        return DPSIMSGeneratorOutput(sample=sample) if return_dict else (sample,)

    def encode(self, label_map: Tensor, instance_offsets: Tensor | None = None) -> MapEncoding:
        """Compute everything that does not depend on the noise; arguments are those of `forward`.

        Raises:
            ValueError: a shape or size is wrong, an id is out of range (checked on the CPU only), or offsets
                are missing or not wanted.
        """
        config = self.config
        check_label_map(label_map, self.stride, config.num_classes, config.ignore_index)
        check_instance_offsets(instance_offsets, label_map, wanted=config.use_instance_offsets)
        encoding = MapEncoding(label_map, instance_offsets)
        if self.encoder is not None and config.noise_injection != "spatial":
            embedding = self.encoder.embed(label_map, instance_offsets, None)
            if self.attentions is None or config.noise_at == "modulation":
                encoding.features = self.encoder(embedding)
            else:
                encoding.embedding = embedding
        return encoding

    def decode(self, encoding: MapEncoding, latents: Tensor, region_map: Tensor | None = None) -> Tensor:
        """Photos (B * K, 3, H, W) in [-1, 1] from an encoding of B maps and B * K latents, map-major.

        Args:
            encoding: result of `encode`.
            latents: (B * K, latent_dim) or (B * K, R, latent_dim).
            region_map: (B or B * K, H, W) if R > 1.

        Raises:
            ValueError: the shape of the latents is wrong, or a region map is missing or not wanted.
        """
        num_maps = encoding.label_map.shape[0]
        check_latents(latents, num_maps, self.config.latent_dim, self.config.noise_injection != "none")
        check_region_map(region_map, latents, encoding.label_map)
        latents = latents.to(self.to_rgb.weight.dtype)
        latents = latents if latents.ndim == 3 else latents[:, None]  # (B * K, R, latent_dim)
        encoding = encoding.repeat(len(latents) // num_maps)
        if region_map is not None:
            region_map = region_map.long().repeat_interleave(len(latents) // len(region_map), dim=0)
        conditions = self._conditions(encoding, latents, region_map)  # fine to coarse
        start = self.subsample(encoding.label_map, self.stride)  # (B * K, H / stride, W / stride)
        noise = self._noise_planes(latents, region_map, self.stride)  # None or (B * K, latent_dim[, ...])
        hidden = self.start(start, noise)  # (B * K, image_widths[0], H / stride, W / stride)
        hidden = hidden.to(self.to_rgb.weight.dtype)
        for level, block in enumerate(self.blocks):  # s = stride / 2**level below
            if level:
                hidden = upsample(hidden, self.config.upsample)  # (B * K, image_widths[level], H / s, W / s)
            condition = conditions[-1 - level]  # with an encoder (B * K, modulation_widths[-1 - level], ...)
            # The result is (B * K, image_widths[level + 1], H / s, W / s).
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                hidden = self._gradient_checkpointing_func(RepeatableBlock(block), hidden, condition)
            else:
                hidden = block(hidden, condition)
        image = self.to_rgb(F.leaky_relu(hidden, 0.2))  # (B * K, 3, H, W)
        if self.config.smooth_output:
            image = smooth(image)  # of the same shape
        return torch.tanh(image)

    def subsample(self, label_map: Tensor, stride: int) -> Tensor:
        """(B, H, W) ids -> (B, H / stride, W / stride), by the rule `label_resize`."""
        return subsample(label_map, stride, self.config.label_resize)

    def _noise_planes(self, latents: Tensor, region_map: Tensor | None, stride: int) -> Tensor | None:
        """OASIS's 3D noise at a scale: (B, latent_dim) with one z per image, else (B, latent_dim, H, W)."""
        if self.config.noise_injection != "spatial":
            return None
        if region_map is None:
            return latents[:, 0]
        image = torch.arange(len(latents), device=latents.device).view(-1, 1, 1)
        return latents[image, self.subsample(region_map, stride)].permute(0, 3, 1, 2)

    def _conditions(self, encoding: MapEncoding, latents: Tensor, region_map: Tensor | None) -> list:
        """Conditions of the modulations at each scale, fine to coarse; `latents` are (B, R, latent_dim)."""
        scales = range(len(self.blocks))
        if self.encoder is None:
            return [
                (self.subsample(encoding.label_map, 2**s), self._noise_planes(latents, region_map, 2**s))
                for s in scales
            ]
        embedding = encoding.embedding
        if embedding is None and encoding.features is None:
            planes = self._noise_planes(latents, region_map, 1)
            embedding = self.encoder.embed(encoding.label_map, encoding.instance_offsets, planes)
        if self.attentions is None:
            return encoding.features or self.encoder(embedding)
        w = self.mapping(latents)
        regions = [None if region_map is None else self.subsample(region_map, 2**s) for s in scales]
        fields: list[Tensor | None] = [None] * len(regions)
        if self.fields is not None:
            fields = self.fields.at_scales(latents, encoding.label_map.shape[1:], regions)
        if encoding.features is None:
            return self.encoder(embedding, w, self.attentions, regions[1:], fields[1:])
        readers = zip(self.attentions, encoding.features, regions, fields, strict=True)
        return [
            features if attention is None else attention(features, w, region, field)
            for attention, features, region, field in readers
        ]

    def remove_spectral_norm(self) -> DPSIMSGenerator:
        """Fold spectral norm into plain weights, in place; photos in evaluation are equal up to rounding."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                module.parametrizations.eval()  # in training mode, folding would make a power iteration
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        self.register_to_config(spectral_norm=False)
        return self
