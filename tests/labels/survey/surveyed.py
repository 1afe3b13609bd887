"""Surveys of test folders, and photos with an EXIF orientation."""

from __future__ import annotations

from PIL import Image

from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.survey.opened_source import open_for_survey
from dpsims_hub.labels.survey.report import survey_facts
from dpsims_hub.labels.survey.survey import Survey, survey_pairs
from tests.labels.pair_folders import HEIGHT, WIDTH, photo_of

ORIENTATION = 274


def survey_of(source: DataSource, num_workers: int = 0) -> Survey:
    opened = open_for_survey(source)
    survey = Survey(opened.spec)
    if opened.listing is not None:
        survey.add_unpaired(opened.listing)
    survey_pairs(survey, opened.pairs, num_workers)
    return survey


def survey_folder(root, num_workers: int = 0) -> Survey:
    return survey_of(DataSource(directory=str(root)), num_workers)


def facts_of(root):
    return survey_facts(survey_folder(root), "mine")


def turned_photo(root, stem, orientation, size=(WIDTH, HEIGHT)):
    """A JPEG of `size` (width, height) as stored, with an EXIF note."""
    photo_of(root, stem).unlink()
    image, exif = Image.new("RGB", size), Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(root / "images" / f"{stem}.jpg", exif=exif)
