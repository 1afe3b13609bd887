"""Two small trained models that the package contains, and example layouts for each."""

from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = ("outdoor", "camvid")
"""Bundled models, whose class lists are built in under the same names; the painter starts with the first."""
FIRST_LAYOUT = "riverside"
"""Our choice: its photos look best to us, of six seeds of each layout."""


def bundled_model(name: str = "camvid") -> Path:
    """The folder of a bundled model in Hub layout, for `DPSIMSPipeline.from_pretrained`.

    Its subfolder `segmenter/` holds a segmenter that turns photos into label maps of the same classes. Its
    subfolder `discriminator/` holds a discriminator for the start of a fine-tuning.

    Args:
        name: "camvid", streets in eleven classes, 256x192 (width x height); or "outdoor", landscapes and
            towns in eight classes, 256x256.

    Raises:
        ValueError: there is no bundled model of that name.
        FileNotFoundError: this installation lacks the model's files.
    """
    return _existing(FOLDER / _known(name), "model")


def bundled_examples(name: str = "camvid") -> list[Path]:
    """The example layouts of the bundled model `name`, as palette PNGs of ids; `FIRST_LAYOUT` is first.

    Raises:
        ValueError: there is no bundled model of that name.
        FileNotFoundError: this installation lacks the layouts.
    """
    layouts = _existing(FOLDER / "examples" / _known(name), "example layouts").glob("*.png")
    return sorted(layouts, key=lambda path: (path.stem != FIRST_LAYOUT, path.name))


def _known(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"nothing called {name!r} is bundled; there is {', '.join(NAMES)}.")
    return name


def _existing(folder: Path, what: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: the bundled {what} is missing; install dpsims_hub again.")
    return folder
