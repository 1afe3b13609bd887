"""`dpsims check-data`: reads a data set from any source, and reports its contents and its errors.

One pass reads all pairs, or the first N, and continues after bad pairs. The exit code is 0 without errors, 1
where errors were found and 2 where the data cannot be opened.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsims_hub.commands.data_options import add_data_options, add_workers_option, data_source
from dpsims_hub.commands.options import add_option, whole_number
from dpsims_hub.storage.atomic_write import write_json
from dpsims_hub.storage.writable import check_file

if TYPE_CHECKING:
    from PIL import Image

    from dpsims_hub.labels.survey.survey import Survey

ERRORS_FOUND = 1
PAIRS_A_ROW = 2
DEFAULT_SHEET = Path("outputs/check-data.png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims check-data`."""
    add_data_options(parser)
    option = partial(add_option, parser)
    words = "read the first N pairs only (default: all)"
    option("--max-samples", words, metavar="N", parse=whole_number(1))
    add_workers_option(parser)
    option("--json", "also write the report as JSON; - prints it instead of the table", metavar="FILE")
    sheet = parser.add_mutually_exclusive_group()
    words = "picture of up to 8 pairs, maps coloured"
    add_option(sheet, "--sheet", words, DEFAULT_SHEET, "FILE.png", Path)
    add_option(sheet, "--no-sheet", "no picture", dest="sheet", action="store_const", const=None)


def run(arguments: argparse.Namespace) -> int:
    """Reads the data, and writes report and picture."""
    from dpsims_hub.labels.survey.report import format_survey, survey_facts
    from dpsims_hub.pictures.sheets import save_picture

    source = data_source(arguments)
    json_file = None if arguments.json in (None, "-") else Path(arguments.json)
    for path in filter(None, (json_file, arguments.sheet)):
        check_file(path)
    with counted_warnings() as noted:
        survey = read_survey(source, arguments.max_samples, arguments.workers)
    if not survey.num_pairs and not survey.num_faults:
        raise ValueError(f"{source.describe()}: holds no pairs.")
    facts = survey_facts(survey, source.describe(), noted)
    if arguments.json == "-":
        json.dump(facts, sys.stdout, indent=2)
        print()
    else:
        print(format_survey(facts))
    if json_file is not None:
        write_json(json_file, facts, "choose another --json")
    if arguments.sheet is not None and survey.num_good:
        save_picture(draw_sheet(survey, source.describe()), arguments.sheet)
        if arguments.json != "-":
            print(f"\npicture: {arguments.sheet}")
    return ERRORS_FOUND if facts["num_errors"] else 0


def read_survey(source: Any, max_samples: int | None, num_workers: int) -> "Survey":
    """Reads all pairs of a `DataSource`, or the first `max_samples`, with threads and a progress bar."""
    from tqdm import tqdm

    from dpsims_hub.labels.survey.opened_source import open_for_survey
    from dpsims_hub.labels.survey.survey import Survey, survey_pairs

    opened = open_for_survey(source)
    survey = Survey(opened.spec)
    if opened.listing is not None:
        survey.add_unpaired(opened.listing)
    total = min(filter(None, (opened.total, max_samples)), default=None)
    with tqdm(total=total, unit="pair", disable=None) as bar:
        survey_pairs(survey, islice(opened.pairs, max_samples), num_workers, bar.update)
    return survey


def draw_sheet(survey: "Survey", title: str) -> "Image.Image":
    """A sheet of examples, evenly spaced over the good pairs (there must be one), and a legend."""
    import numpy as np

    from dpsims_hub.pictures.sheets import comparison_sheet, flow_legend, fold_rows, picture_of_map

    spec, examples = survey.spec, survey.examples.chosen()
    rows = [[example.image, picture_of_map(example.label_map, spec)] for example in examples]
    captions = [_captions(example.stem, np.unique(example.label_map), survey) for example in examples]
    groups = min(PAIRS_A_ROW, len(rows))
    rows, captions = fold_rows(rows, groups), fold_rows(captions, groups)
    seen = np.unique(np.concatenate([np.unique(example.label_map) for example in examples])).tolist()
    width = max(sum(picture.width for picture in row) for row in rows)
    return comparison_sheet(
        rows,
        ["photo", "label map"] * groups,
        captions=captions,
        legend=flow_legend(spec, seen, width),
        footer=f"{title}: {len(examples)} of {survey.num_good} pairs, classes of {spec.name}",
    )


@contextmanager
def counted_warnings() -> Iterator[dict[str, int]]:
    """In its block, warnings about files are counted by their text without the file name, not printed."""
    noted: dict[str, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        print_warning = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            text = str(message).partition(": ")[2]
            if category is UserWarning and text:
                noted[text] = noted.get(text, 0) + 1
            else:
                print_warning(message, category, *place, **more)

        warnings.showwarning = note
        yield noted


def _captions(name: str, ids: Any, survey: "Survey") -> list[str]:
    """The photo's file name, and the number of classes of its map."""
    count = int((ids != survey.spec.ignore_index).sum())
    return [name.rpartition("/")[2], f"{count} class{'' if count == 1 else 'es'}"]
