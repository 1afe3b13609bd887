"""The studies: the settings that are compared, and what the paper reports about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dpsims_hub.ablation.shared_settings import (
    EQUAL_TRAINING,
    OASIS_METHOD,
    OWN_ENCODER,
    SMALL_OASIS,
    SMALL_OASIS_GENERATOR,
    SMALL_PAPER,
    WITHOUT_FEATURE_LOSSES,
)
from dpsims_hub.ablation.study import Arm, Study

SWIN_COST = 89.2
"""`Arm.cost` with Swin-T as the backbone."""

_PLAIN_NOISE = {"noise_fields": 0}


def _generator(**settings: Any) -> dict[str, Any]:
    return {"generator_config": settings}


def _backbone(name: str, cost: float, **settings: Any) -> Arm:
    return Arm(name, {"backbone": name, "backbone_weights": "pretrained", **settings}, cost)


def _rates(g: float, d: float) -> Arm:
    words = [f"{rate:.0e}".replace("e-0", "e-") for rate in (g, d)]
    return Arm(" and ".join(words), {"learning_rate_g": g, "learning_rate_d": d})


_STUDIES = (
    Study(
        "backbone",
        "Does the discriminator's encoder have to be pre-trained?",
        "its title's claim: pre-trained, frozen backbones help; the table's numbers were not found",
        (
            Arm("pretrained"),
            _backbone("tf_efficientnet_lite0", 57.5),
            _backbone("mobilenetv2_100", 56.8),
            Arm("random", {"backbone_weights": "random"}),
            Arm("pretrained, no feature losses", WITHOUT_FEATURE_LOSSES),
            Arm("random, no feature losses", {"backbone_weights": "random", **WITHOUT_FEATURE_LOSSES}),
            Arm("own encoder, no feature losses", {**OWN_ENCODER, **WITHOUT_FEATURE_LOSSES}, cost=66.1),
        ),
    ),
    Study(
        "conditioning",
        "Do sigmoid and batch statistics on the backbone's features help the discriminator?",
        "sigmoid, then batch statistics, is reported better than raw features; the numbers were not found",
        (
            Arm("sigmoid_batchnorm", {"feature_conditioning": "sigmoid_batchnorm"}),
            Arm("batchnorm", {"feature_conditioning": "batchnorm"}),
            Arm("none", {"feature_conditioning": "none"}),
        ),
    ),
    Study(
        "precision",
        "What does a backbone in half precision cost?",
        "not discussed in the public text; a backbone in bf16 gives the generator a gradient that is far off",
        (
            Arm("float32 backbone", {"backbone_precision": "float32"}, 56.8),
            Arm("bf16 backbone", {"backbone_precision": "mixed"}, 56.8),
        ),
        settings={"backbone": "mobilenetv2_100", "mixed_precision": "bf16"},
        needs="MobileNetV2 from the Hub or --weights-of, and EfficientNet-Lite0 to evaluate",
    ),
    Study(
        "power-iterations",
        "Does it matter how often the discriminator's spectral norm takes a power iteration?",
        "not found; in OASIS's code every pass takes one",
        (
            Arm("update", {"power_iterations": "update"}),
            Arm("pass", {"power_iterations": "pass"}),
        ),
    ),
    Study(
        "rates",
        "Which learning rates of G and D, or which other remedy, keep the two in balance?",
        "Adam with 1e-3 for both is recalled, for a batch of 64 and ConvNeXt-L",
        (
            Arm("2e-4 and 1e-4"),
            _rates(3e-4, 3e-4),
            _rates(1e-4, 1e-4),
            _rates(1e-4, 4e-4),
            _rates(2e-4, 5e-5),
            Arm("augmentation", {"augmentation": "translation,cutout"}),
            Arm("label smoothing", {"label_smoothing": 0.1}),
        ),
        seeds=1,
    ),
    Study(
        "transformer",
        "Does a transformer as the discriminator's encoder need clipped gradients?",
        "Swin needed clipping; the threshold was not found",
        (
            Arm("plain", {"backbone_gradient": "plain"}, SWIN_COST),
            Arm("clipped at 1", {"backbone_gradient": "plain", "max_grad_norm": 1.0}, SWIN_COST),
            Arm("unit gradient", {"backbone_gradient": "unit"}, SWIN_COST),
        ),
        settings={
            "backbone": "swin_tiny_patch4_window7_224",
            "backbone_weights": "random",
            "feature_conditioning": "sigmoid_batchnorm",
            "log_steps": 1,
        },
        steps=300,
        seeds=1,
    ),
    Study(
        "encoders",
        "Is a training stable over encoders of other families?",
        "Swin needed clipped gradients; of other families nothing was found",
        (
            Arm("tf_efficientnet_lite2", {"backbone": "tf_efficientnet_lite2"}),
            Arm("resnet50", {"backbone": "resnet50"}, 108.9),
            Arm("convnext_tiny", {"backbone": "convnext_tiny"}, 85.0),
            Arm("vit_small", {"backbone": "vit_small_patch16_224"}, 144.0),
            Arm(
                "vit_small, unit gradient",
                {"backbone": "vit_small_patch16_224", "backbone_gradient": "unit"},
                144.0,
            ),
        ),
        settings={
            "backbone_weights": "random",
            "backbone_gradient": "plain",
            "feature_conditioning": "sigmoid_batchnorm",
            "log_steps": 1,
        },
        steps=300,
        seeds=1,
    ),
    Study(
        "conditioning-pieces",
        "Which other ways to condition the features are there, and what do they give?",
        "mixing as in Projected GAN is recalled as worse than sigmoid and batch statistics",
        (
            Arm("sigmoid_batchnorm", {"feature_conditioning": "sigmoid_batchnorm"}),
            Arm("sigmoid", {"feature_conditioning": "sigmoid"}),
            Arm("standardize", {"feature_conditioning": "standardize"}),
            Arm("projected", {"feature_conditioning": "projected"}, cost=75.3),
        ),
    ),
    Study(
        "oasis",
        "Is DP-SIMS ahead of its baseline OASIS at equal steps and equal widths of the picture network?",
        "well ahead in FID and mIoU on ADE20K, COCO-Stuff and Cityscapes, at full size",
        (
            Arm("dpsims"),
            Arm("oasis", SMALL_OASIS, cost=81.6),
        ),
        settings=EQUAL_TRAINING,
    ),
    Study(
        "oasis-parts",
        "Which half makes the difference between DP-SIMS and OASIS?",
        "both are reported to contribute; the numbers were not found",
        (
            Arm("dpsims"),
            Arm(
                "oasis generator",
                {"generator_config": {**SMALL_OASIS_GENERATOR, "noise_fields": 0, "smooth_output": False}},
                cost=87.5,
            ),
            Arm(
                "oasis discriminator and losses",
                {**SMALL_OASIS, "preset": "small", "generator_config": {}},
                cost=55.0,
            ),
            Arm("oasis", SMALL_OASIS, cost=81.6),
        ),
        settings=EQUAL_TRAINING,
    ),
    Study(
        "oasis-full",
        "The comparison with OASIS at full size.",
        "as for the study oasis",
        (
            Arm("dpsims", {"preset": "dpsims"}, cost=581.4),
            Arm("oasis", {**OASIS_METHOD, "preset": "oasis"}, cost=1175.9),
        ),
        preset="dpsims",
        settings=EQUAL_TRAINING,
        steps=100_000,
        needs="a GPU, and ConvNeXt-L from the Hub",
    ),
    Study(
        "paper",
        "What does each of our changes to the paper's recipe do?",
        "nothing: these are ours",
        (
            Arm("paper", cost=144.5),
            Arm("noise on results", _generator(noise_at="modulation"), cost=133.0),
            Arm("noise normalised", _generator(rms_normalization=True), cost=144.5),
            Arm(
                "label lookup at full resolution",
                _generator(encoder_full_resolution=False, encoder_upsample="bilinear", label_resize="center"),
                cost=129.5,
            ),
            Arm(
                "modulation by 1x1",
                _generator(modulation_kernel=1, modulation_hidden=0, modulated_shortcut=False),
                cost=83.4,
            ),
            Arm("bilinear, replicate", _generator(upsample="bilinear", padding_mode="replicate"), cost=144.5),
            Arm(
                "bounded discriminator",
                {
                    "discriminator_config": dict.fromkeys(
                        ("bounded_blocks", "bounded_head", "head_activation"), True
                    )
                },
                cost=144.5,
            ),
            Arm(
                "contrastive without projection",
                {
                    **{"contrastive_head": 0, "contrastive_temperature": 0.1, "contrastive_places": 64},
                    **{"contrastive_normalize": True, "contrastive_reduction": "mean"},
                },
                cost=142.1,
            ),
            Arm(
                "diversity of features",
                {"diversity_distance": "features", "diversity_threshold": 0.4, "weight_diversity": 4.0},
                cost=144.5,
            ),
            Arm("raw features", {"feature_conditioning": "none"}, cost=144.5),
        ),
        preset="paper",
        settings=SMALL_PAPER,
    ),
    Study(
        "noise",
        "How should the noise enter the generator?",
        "cross-attention in the label-map encoder is reported more diverse than OASIS's noise planes",
        (
            Arm("cross-attention, on results", _generator(**_PLAIN_NOISE)),
            Arm("cross-attention, in encoder", _generator(**_PLAIN_NOISE, noise_at="encoder"), cost=60.9),
            Arm("spatial planes", _generator(**_PLAIN_NOISE, noise_injection="spatial"), cost=60.9),
            Arm("cross-attention and fields", _generator(noise_fields=2)),
            Arm("none", {**_generator(**_PLAIN_NOISE, noise_injection="none"), "weight_diversity": 0.0}),
        ),
    ),
    Study(
        "losses",
        "What does each term of the loss do?",
        "contrastive and diversity terms are named; their ablation's numbers were not found",
        (
            Arm("all"),
            Arm("no contrastive", {"weight_contrastive": 0.0}),
            Arm("no diversity", {"weight_diversity": 0.0}),
            Arm("pixel loss alone", {"weight_contrastive": 0.0, "weight_diversity": 0.0}),
            Arm("all, LabelMix", {"weight_labelmix": 10.0}, cost=68.7),
            Arm("all, label smoothing", {"label_smoothing": 0.1}),
        ),
    ),
    Study(
        "gamma",
        "What does the focal exponent do?",
        "a focal loss is named; its exponent is recalled as 2",
        tuple(Arm(f"gamma {gamma:g}", {"focal_gamma": gamma}) for gamma in (2.0, 0.0, 1.0, 5.0)),
    ),
    Study(
        "instances",
        "Do offsets to object centres help?",
        "training without instance information is reported worse on COCO-Stuff and Cityscapes",
        (Arm("offsets", {"instance_offsets": True}), Arm("labels alone", {"instance_offsets": False})),
        needs="data with instances/, which CamVid has not",
    ),
    Study(
        "backbones",
        "Do larger backbones give better photos?",
        "ConvNeXt-L is the main one, ConvNeXt-XL better; Swin needed clipped gradients",
        (
            _backbone("tf_efficientnet_lite2", 58.7),
            _backbone("mobilenetv2_100", 56.8),
            _backbone("resnet50", 108.9),
            _backbone("convnext_base.fb_in22k", 142.4),
            _backbone("convnext_large.fb_in22k", 243.5),
            _backbone("swin_base_patch4_window7_224.ms_in22k", 159.4, max_grad_norm=1.0),
        ),
        settings={"feature_conditioning": "sigmoid_batchnorm", "diversity_strides": (4, 8, 16, 32)},
        needs="weights of all of them from the Hub, better a GPU",
    ),
)

STUDIES: Mapping[str, Study] = MappingProxyType({study.name: study for study in _STUDIES})
"""Every study by name."""


def find_study(name: str) -> Study:
    """The study of a name.

    Raises:
        ValueError: there is no such study.
    """
    if name not in STUDIES:
        raise ValueError(f"--study: unknown study {name!r}; choose from {', '.join(STUDIES)}.")
    return STUDIES[name]
