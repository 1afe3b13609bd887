from __future__ import annotations

import pickle

import datasets
import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.labels.sources.rows import Columns
from dpsims_hub.labels.sources.tables import TableDataset
from tests.labels.row_data import CLASSES, numbers_of, rows

SPEC = ClassSpec.from_dict(CLASSES)


def table(count=4, columns=("image", "label")):
    features = datasets.Features({column: datasets.Image() for column in columns})
    return datasets.Dataset.from_list(rows(count, columns), features=features)


def test_rows_are_pairs_in_order():
    dataset = TableDataset(table(), SPEC)
    assert len(dataset) == 4
    assert numbers_of(dataset) == [0, 1, 2, 3]
    assert [sample.stem for sample in dataset] == ["000", "001", "002", "003"]
    assert dataset.name(2) == "row 2, 002.png"
    assert not dataset.has_instances
    with pytest.raises(IndexError):
        dataset[4]


def test_object_numbers_come_where_there_is_a_column():
    for columns, names in (
        (("image", "label", "instances"), Columns()),
        (("a", "b", "c"), Columns("a", "b", "c")),
    ):
        dataset = TableDataset(table(columns=columns), SPEC, names)
        assert dataset.has_instances
        assert dataset[3].instance_ids.tolist() == [[26003] * 6] * 4


def test_it_can_be_sent_to_worker_processes():
    again = pickle.loads(pickle.dumps(TableDataset(table(), SPEC)))
    assert numbers_of(again) == [0, 1, 2, 3]


def test_a_bad_row_harms_no_other():
    cells = rows(3)
    cells[1]["label"]["bytes"] = cells[1]["label"]["bytes"][:50]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Image()})
    dataset = TableDataset(datasets.Dataset.from_list(cells, features=features), SPEC)
    assert numbers_of([dataset[0], dataset[2]]) == [0, 2]
    with pytest.raises(LabelMapError, match=r"^row 1, 001\.png \(label\): is damaged"):
        dataset[1]


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="my data: holds no rows"):
        TableDataset(table().select([]), SPEC, where="my data")
