"""What travels inside the package: two small trained models, and example layouts for each."""

from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = ("outdoor", "camvid")
"""Bundled models, which are also built-in class lists; the painter starts with the first."""
FIRST_LAYOUTS = ("riverside",)
"""What is shown first: of what the models make, it looks best to us (of six seeds of each scene)."""


def bundled_model(name: str = "camvid") -> Path:
    """Where the bundled model lies: a folder in Hub layout, ready for `DPSIMSPipeline.from_pretrained`.

    Its own segmenter, which turns photos into label maps of its classes, lies in `segmenter/` there. In
    `discriminator/` lies one with which a fine-tuning begins.

    Args:
        name: "camvid", streets in eleven classes, 256x192 (width x height); or "outdoor", landscapes and
            towns in eight classes, 256x256.

    Raises:
        ValueError: there is no bundled model of that name.
        FileNotFoundError: this installation lacks the model's files.
    """
    return _existing(FOLDER / _known(name), "model")


def bundled_examples(name: str = "camvid") -> list[Path]:
    """The example layouts drawn for a bundled model: palette PNGs of ids, the best one first.

    Args:
        name: of the bundled model.

    Raises:
        ValueError: there is no bundled model of that name.
        FileNotFoundError: this installation lacks the layouts.
    """
    layouts = _existing(FOLDER / "examples" / _known(name), "example layouts").glob("*.png")
    return sorted(layouts, key=lambda path: (path.stem not in FIRST_LAYOUTS, path.name))


def _known(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"nothing called {name!r} is bundled; there is {', '.join(NAMES)}.")
    return name


def _existing(folder: Path, what: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: the bundled {what} is missing; install dpsims_hub again.")
    return folder
