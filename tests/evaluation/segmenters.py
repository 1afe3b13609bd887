"""Tiny random segmenters of transformers, saved as a user would have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers

SIZE = {"height": 64, "width": 64}


def save_segformer(folder: Path, id2label: Mapping[int, str]) -> Path:
    """A semantic segmenter."""
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[4, 2],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label=dict(id2label),
    )
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(folder)
    transformers.SegformerImageProcessor(size=SIZE).save_pretrained(folder)
    return folder


def save_mask2former(folder: Path, id2label: Mapping[int, str]) -> Path:
    """A universal segmenter: queries with masks, and the class "no object"."""
    torch.manual_seed(0)
    config = transformers.Mask2FormerConfig(
        backbone_config=_swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=16,
        num_queries=5,
        id2label=dict(id2label),
    )
    transformers.Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    transformers.Mask2FormerImageProcessor(size=SIZE).save_pretrained(folder)
    return folder


def save_oneformer(folder: Path, id2label: Mapping[int, str]) -> Path:
    """A universal segmenter that is told its task in words."""
    torch.manual_seed(0)
    config = transformers.OneFormerConfig(
        backbone_config=_swin(),
        num_queries=5,
        hidden_dim=32,
        mask_dim=32,
        conv_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=2,
        query_dec_layers=1,
        num_attention_heads=2,
        dim_feedforward=16,
        task_seq_len=8,
        text_encoder_vocab_size=300,
        text_encoder_width=8,
        text_encoder_num_layers=1,
        text_encoder_proj_layers=1,
        text_encoder_context_length=8,
        id2label=dict(id2label),
    )
    transformers.OneFormerForUniversalSegmentation(config).save_pretrained(folder)
    class_file = {str(number): {"name": name, "isthing": 0} for number, name in id2label.items()}
    (folder / "classes_of_segmenter.json").write_text(json.dumps(class_file))
    images = transformers.OneFormerImageProcessor(
        size=SIZE, repo_path=str(folder), class_info_file="classes_of_segmenter.json", num_text=4
    )
    processor = transformers.OneFormerProcessor(
        images, _tokenizer(folder), max_seq_length=8, task_seq_length=8
    )
    processor.save_pretrained(folder)
    return folder


def _swin() -> transformers.SwinConfig:
    return transformers.SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def _tokenizer(folder: Path) -> transformers.CLIPTokenizer:
    """A tokenizer of single letters."""
    letters = [chr(code) for code in range(97, 123)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
