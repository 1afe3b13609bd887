from __future__ import annotations

import pickle

import datasets
import pytest

from dpsims_hub.labels import ClassSpec, LabelMapError
from dpsims_hub.labels.sources.streams import RowStream
from tests.labels.row_data import CLASSES, numbers_of, rows, write_parquet

SPEC = ClassSpec.from_dict(CLASSES)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)


def open_stream(folder, columns=("image", "label"), **options):
    from dpsims_hub.labels.sources.data_source import DataSource

    write_parquet(folder, columns=columns, **options)
    return DataSource(
        name=str(folder), image_column=columns[0], label_column=columns[1], streaming=True
    ).open()


def test_rows_stay_undecoded_until_asked_for(tmp_path):
    stream = open_stream(tmp_path)
    assert list(stream.rows) == rows(12)
    assert numbers_of(stream) == list(range(12))
    assert (stream.num_shards, stream.has_instances) == (4, False)


def test_columns_of_other_names(tmp_path):
    stream = open_stream(tmp_path, columns=("photo", "mask", "instances"))
    assert stream.has_instances
    assert list(stream.rows) == rows(12, ("image", "label", "instances"))
    assert [int(sample.instance_ids[0, 0]) for sample in stream] == list(range(26000, 26012))


@pytest.mark.parametrize("columns", [("image", "label"), ("photo", "mask")])
@pytest.mark.parametrize("position", [1, 2, 3, 7])
def test_a_position_is_taken_up_by_a_copy(tmp_path, columns, position):
    stream = open_stream(tmp_path, columns=columns)
    copy = pickle.loads(pickle.dumps(stream))
    iterator = iter(stream.rows)
    for _ in range(position):
        next(iterator)
    copy.rows.load_state_dict(stream.rows.state_dict())
    assert numbers_of(copy) == list(range(position, 12))


def test_shards_come_in_another_order_when_shuffled(tmp_path):
    stream = open_stream(tmp_path)
    orders = []
    for seed in (0, 1, 2):
        shuffled = stream.rows.shuffle(seed=seed, buffer_size=1, max_buffer_input_shards=1)
        orders.append([int(row["image"]["path"][:3]) for row in shuffled])
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_a_bad_row_is_named_by_its_path_or_number():
    cells = rows(3)
    cells[2]["label"] = {"bytes": b"x", "path": None}
    stream = RowStream(datasets.Dataset.from_list(cells).to_iterable_dataset(), SPEC)
    iterator = iter(stream)
    assert numbers_of([next(iterator), next(iterator)]) == [0, 1]
    with pytest.raises(LabelMapError, match=r"^row 2 \(label\): is not an image"):
        next(iterator)
    with pytest.raises(LabelMapError, match=r"^002\.png \(label\): is not an image"):
        stream.sample(cells[2])
