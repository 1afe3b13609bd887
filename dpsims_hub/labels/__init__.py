"""Label maps: class lists, exact reading, colours, data sets of pairs, augmentation (numpy and Pillow only).

Code that reads rows of parquet or webdataset needs `datasets`, so it is imported from its own module:
`dpsims_hub.labels.sources.data_source`, which opens every source, or `sources.tables` and `sources.streams`.
"""

from dpsims_hub.labels.classes.class_file import ClassInfo
from dpsims_hub.labels.classes.errors import ClassSpecError, LabelMapError
from dpsims_hub.labels.classes.render import colorize, pixel_shares, render_legend
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.label_map import read_label_map
from dpsims_hub.labels.reading.samples import Sample
from dpsims_hub.labels.sources.folder import FolderDataset
from dpsims_hub.labels.sources.layouts import Listing, PairFiles, list_pairs
from dpsims_hub.labels.transforms.augment import (
    augment_pair,
    crop_pair,
    flip_pair,
    random_resized_crop_pair,
    resize_pair,
)
from dpsims_hub.labels.transforms.instance_offsets import instance_offsets

__all__ = [
    "ClassInfo",
    "ClassSpec",
    "ClassSpecError",
    "FolderDataset",
    "LabelMapError",
    "Listing",
    "PairFiles",
    "Sample",
    "augment_pair",
    "colorize",
    "crop_pair",
    "flip_pair",
    "instance_offsets",
    "list_pairs",
    "pixel_shares",
    "random_resized_crop_pair",
    "read_label_map",
    "render_legend",
    "resize_pair",
]
