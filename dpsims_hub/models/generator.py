"""The DP-SIMS generator, and the OASIS generator as settings of the same class.

Two networks (paper, Fig. 3): a label-map encoder reads the full-resolution map; a picture network starts from
the low-resolution map and is modulated by the encoder's features at every scale. Noise enters by
cross-attention. `label_encoder="none", noise_injection="spatial"` is the OASIS generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dpsims_hub.models.label_convolution import LabelConvolution, PaddingMode
from dpsims_hub.models.label_encoder import LabelMapEncoder
from dpsims_hub.models.modulation import LabelModulation, ModulatedBlock, Modulation, convolution
from dpsims_hub.models.noise import MappingNetwork, NoiseCrossAttention, NoiseFields, unit_variance_


@dataclass
class DPSIMSGeneratorOutput(BaseOutput):
    """Photos made by the generator.

    Args:
        sample: (B, 3, H, W) in [-1, 1].
    """

    sample: Tensor


@dataclass
class MapEncoding:
    """What does not depend on the noise: computed once, shared by all photos of a map.

    Args:
        label_map: (B, H, W) ids.
        instance_offsets: (B, 2, H, W) or None.
        embedding: the encoder's full-resolution features, or None where noise is part of its input.
        features: the encoder's results, fine to coarse, or None where noise enters the encoder.
    """

    label_map: Tensor
    instance_offsets: Tensor | None = None
    embedding: list[Tensor] | None = None
    features: list[Tensor] | None = None

    def repeat(self, num_images_per_label: int) -> MapEncoding:
        """Each map's encoding `num_images_per_label` times, map-major."""
        if num_images_per_label == 1:
            return self

        def spread(value: Tensor | list[Tensor] | None) -> Tensor | list[Tensor] | None:
            if isinstance(value, list):
                return [spread(item) for item in value]
            return None if value is None else value.repeat_interleave(num_images_per_label, dim=0)

        return MapEncoding(*map(spread, (self.label_map, self.instance_offsets, self.embedding, self.features)))


def subsample(label_map: Tensor, stride: int) -> Tensor:
    """Nearest-neighbour reduction by an integer factor: the id at the middle of each cell."""
    return label_map[:, stride // 2 :: stride, stride // 2 :: stride]


def _upsample(features: Tensor, mode: str) -> Tensor:
    align = None if mode == "nearest" else False
    return F.interpolate(features, scale_factor=2, mode=mode, align_corners=align)


class DPSIMSGenerator(ModelMixin, ConfigMixin):
    """Label map and noise in, photo out, in one forward pass.

    Sizes not found in the paper's public descriptions are settings; defaults are the full-size model.

    Args:
        num_classes: N, ids of the label map, without the ignored one.
        sample_size: (H, W) the model was trained at, in pixels; other multiples of `stride` work too.
        ignore_index: id of unknown pixels; they carry no class.
        latent_dim: length of z (64, as OASIS's noise).
        image_widths: channels of the picture network: its input, then each block's result, coarse to fine.
        label_encoder: "unet" (DP-SIMS) or "none" (labels modulate directly, as SPADE and OASIS).
        encoder_widths: channels of the encoder's way down, fine to coarse.
        modulation_widths: channels of the encoder's results, fine to coarse; with "none", the first is the
            width of the ReLU convolution of the labels.
        encoder_convolutions: 3x3 convolutions per encoder block.
        noise_injection: "cross_attention" (DP-SIMS), "spatial" (OASIS: z repeated beside the labels), "none".
        noise_at: with cross-attention: "encoder" (the paper: on the way down) or "modulation" (our choice:
            on the results, at every scale, so that photos of one map share the whole encoder).
        mapping_width: length of w.
        mapping_layers: layers of the mapping network.
        num_noise_tokens: n_k, keys and values per w.
        attention_dim: d_q.
        noise_fields: planes of NoiseFields at every scale of the cross-attention; 0 is the paper.
        modulation_kernel: side of the gain-and-offset convolutions, 1 or 3.
        modulated_shortcut: modulate shortcut inputs (OASIS).
        upsample: "bilinear" or "nearest" between the picture network's blocks.
        padding_mode: "replicate" or "zeros" for every 3x3 convolution; zeros tell the network where it is.
        spectral_norm: on the picture network's blocks while training; exported models have it folded in.
        use_instance_offsets: take (y, x) offsets to object centres beside the labels.
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
        noise_injection: Literal["cross_attention", "spatial", "none"] = "cross_attention",
        noise_at: Literal["encoder", "modulation"] = "modulation",
        mapping_width: int = 512,
        mapping_layers: int = 3,
        num_noise_tokens: int = 16,
        attention_dim: int = 64,
        noise_fields: int = 0,
        modulation_kernel: int = 1,
        modulated_shortcut: bool = False,
        upsample: Literal["bilinear", "nearest"] = "bilinear",
        padding_mode: PaddingMode = "replicate",
        spectral_norm: bool = True,
        use_instance_offsets: bool = False,
        label_convolution: Literal["lookup", "plain"] = "lookup",
    ) -> None:
        super().__init__()
        self._check_settings()
        self.gradient_checkpointing = False
        num_scales = len(image_widths) - 1
        self.stride = 2 ** (num_scales - 1)
        labels = {
            "num_classes": num_classes,
            "num_constant_planes": latent_dim if noise_injection == "spatial" else 0,
            "ignore_index": ignore_index,
            "padding_mode": padding_mode,
            "method": label_convolution,
        }
        self.start = LabelConvolution(out_channels=image_widths[0], **labels)
        self.encoder = self.mapping = self.attentions = self.fields = None
        if label_encoder == "unet":
            self.encoder = LabelMapEncoder(
                labels, encoder_widths, modulation_widths, encoder_convolutions, 2 * use_instance_offsets
            )
        if noise_injection == "cross_attention":
            self.mapping = MappingNetwork(latent_dim, mapping_width, mapping_layers)
            readers = encoder_widths[1:] if noise_at == "encoder" else modulation_widths
            self.attentions = nn.ModuleList(
                NoiseCrossAttention(width, mapping_width, num_noise_tokens, attention_dim, noise_fields)
                for width in readers
            )
            self.fields = NoiseFields(latent_dim, noise_fields) if noise_fields else None
        self.blocks = nn.ModuleList()
        for level in range(num_scales):  # coarse to fine
            if label_encoder == "unet":
                width = modulation_widths[num_scales - 1 - level]
                make = partial(
                    Modulation, condition_channels=width, kernel_size=modulation_kernel, padding_mode=padding_mode
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
        unit_variance_(self.to_rgb.weight, gain=0.2)  # first images are grey; saturated ones were seen to collapse

    def _check_settings(self) -> None:
        config = self.config
        num_scales = len(config.image_widths) - 1
        if config.label_encoder == "unet" and not (
            len(config.encoder_widths) == len(config.modulation_widths) == num_scales
        ):
            raise ValueError(
                f"DPSIMSGenerator: {num_scales} blocks (image_widths) need {num_scales} encoder_widths and "
                f"modulation_widths, got {len(config.encoder_widths)} and {len(config.modulation_widths)}."
            )
        if config.label_encoder == "none" and config.noise_injection == "cross_attention":
            raise ValueError(
                "DPSIMSGenerator: noise_injection='cross_attention' reads the encoder's features; "
                "use label_encoder='unet', or noise_injection 'spatial' or 'none'."
            )
        if config.use_instance_offsets and config.label_encoder == "none":
            raise ValueError("DPSIMSGenerator: use_instance_offsets needs label_encoder='unet'.")

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
            latents: (B, latent_dim), or (B, R, latent_dim) with one z per region; more than one per map:
                (B * K, ...), map-major.
            region_map: (B, H, W) integers in [0, R): the z that each pixel reads.
            instance_offsets: (B, 2, H, W) offsets to object centres, in image heights and widths.
            return_dict: whether to return a DPSIMSGeneratorOutput or a tuple.

        Returns:
            Photos (B, 3, H, W) in [-1, 1].

        Raises:
            ValueError: a size, shape or id does not fit; the sentence says which.
        """
        sample = self.decode(self.encode(label_map, instance_offsets), latents, region_map)
        return DPSIMSGeneratorOutput(sample=sample) if return_dict else (sample,)

    def encode(self, label_map: Tensor, instance_offsets: Tensor | None = None) -> MapEncoding:
        """Everything that does not depend on the noise.

        Args:
            label_map: (B, H, W) integer ids.
            instance_offsets: (B, 2, H, W), exactly where the model was built with them.

        Raises:
            ValueError: wrong shape or size, an id out of range (checked on the CPU), or offsets missing.
        """
        self._check_map(label_map, instance_offsets)
        encoding = MapEncoding(label_map, instance_offsets)
        if self.encoder is not None and self.config.noise_injection != "spatial":
            encoding.embedding = self.encoder.embed(label_map, instance_offsets, None)
            if self.attentions is None or self.config.noise_at == "modulation":
                encoding.features = self.encoder(encoding.embedding)
        return encoding

    def decode(self, encoding: MapEncoding, latents: Tensor, region_map: Tensor | None = None) -> Tensor:
        """Photos (B * K, 3, H, W) in [-1, 1] from an encoding of B maps and B * K latents, map-major.

        Args:
            encoding: what `encode` returned.
            latents: (B * K, latent_dim) or (B * K, R, latent_dim).
            region_map: (B or B * K, H, W) with R > 1.

        Raises:
            ValueError: the latents' shape does not fit, or a region map is missing or not wanted.
        """
        repeats = self._check_latents(encoding, latents, region_map)
        encoding = encoding.repeat(repeats)
        if region_map is not None and region_map.shape[0] != latents.shape[0]:
            region_map = region_map.repeat_interleave(repeats, dim=0)
        planes = latents if self.config.noise_injection == "spatial" else None
        conditions = self._conditions(encoding, latents, planes, region_map)
        hidden = self.start(subsample(encoding.label_map, self.stride), planes)
        hidden = hidden.to(self.to_rgb.weight.dtype)
        for level, block in enumerate(self.blocks):
            if level:
                hidden = _upsample(hidden, self.config.upsample)
            condition = conditions[-1 - level]
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                hidden = self._gradient_checkpointing_func(block, hidden, condition)
            else:
                hidden = block(hidden, condition)
        return torch.tanh(self.to_rgb(F.leaky_relu(hidden, 0.2)))

    def _conditions(
        self, encoding: MapEncoding, latents: Tensor, planes: Tensor | None, region_map: Tensor | None
    ) -> list:
        """What modulates each scale, fine to coarse."""
        scales = range(len(self.blocks))
        if self.encoder is None:
            return [(subsample(encoding.label_map, 2**s), planes) for s in scales]
        embedding = encoding.embedding
        if embedding is None:
            embedding = self.encoder.embed(encoding.label_map, encoding.instance_offsets, planes)
        if self.attentions is None:
            return encoding.features or self.encoder(embedding)
        latents = latents if latents.ndim == 3 else latents[:, None]
        w = self.mapping(latents)
        regions = [None if region_map is None else subsample(region_map, 2**s) for s in scales]
        fields = [self._noise_fields(encoding, latents, s, regions[s]) for s in scales]
        if encoding.features is None:
            return self.encoder(embedding, w, self.attentions, regions[1:], fields[1:])
        return [
            attention(features, w, regions[scale], fields[scale])
            for scale, (attention, features) in enumerate(zip(self.attentions, encoding.features, strict=True))
        ]

    def _noise_fields(
        self, encoding: MapEncoding, latents: Tensor, scale: int, region_map: Tensor | None
    ) -> Tensor | None:
        if self.fields is None:
            return None
        height, width = (side // 2**scale for side in encoding.label_map.shape[1:])
        return self.fields(latents, (height, width), shift=23 * scale, region_map=region_map)

    def _check_map(self, label_map: Tensor, instance_offsets: Tensor | None) -> None:
        if label_map.ndim != 3 or label_map.is_floating_point():
            raise ValueError(
                f"label_map: expected integer ids of shape (B, H, W), got {label_map.dtype} of shape "
                f"{tuple(label_map.shape)}."
            )
        height, width = label_map.shape[1:]
        if min(height, width) < self.stride or height % self.stride or width % self.stride:
            raise ValueError(
                f"label_map: height and width must be multiples of {self.stride}, got {height}x{width}; "
                "resize or crop it first."
            )
        if label_map.device.type == "cpu":  # elsewhere the check would make the device wait
            wrong = (label_map < 0) | (label_map >= self.config.num_classes)
            wrong &= label_map != self.config.ignore_index
            if wrong.any():
                raise ValueError(
                    f"label_map: id {int(label_map[wrong][0])} at {int(wrong.sum())} pixels; this model has "
                    f"ids 0 to {self.config.num_classes - 1} and {self.config.ignore_index} for unknown."
                )
        if (instance_offsets is None) == bool(self.config.use_instance_offsets):
            wanted = "needs" if self.config.use_instance_offsets else "was built without"
            raise ValueError(f"instance_offsets: this model {wanted} them.")

    def _check_latents(self, encoding: MapEncoding, latents: Tensor, region_map: Tensor | None) -> int:
        maps, z = encoding.label_map.shape[0], self.config.latent_dim
        if latents.ndim not in (2, 3) or latents.shape[-1] != z or latents.shape[0] % maps or not len(latents):
            raise ValueError(
                f"latents: expected ({maps} * K, {z}) or ({maps} * K, R, {z}), got {tuple(latents.shape)}."
            )
        regions = latents.shape[1] if latents.ndim == 3 else 1
        if regions > 1 and self.attentions is None:
            raise ValueError("latents: one z per region needs noise_injection='cross_attention'.")
        if (region_map is None) != (regions == 1):
            raise ValueError(f"region_map: {'missing' if regions > 1 else 'given'}, with {regions} latents a map.")
        return latents.shape[0] // maps

    def remove_spectral_norm(self) -> DPSIMSGenerator:
        """Fold spectral norm into plain weights, in place, as exported models have it.

        The function computed in evaluation stays the same up to rounding.
        """
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        self.register_to_config(spectral_norm=False)
        return self
