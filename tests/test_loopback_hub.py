"""The fake Hub answers the real clients as the Hub does; other tests stand on it."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

pytest_plugins = ["tests.loopback_hub"]

TOKEN, STRANGERS_TOKEN = "hf_of_someone", "hf_of_visitor"
CONTENT = bytes(range(256)) * 4


def ask(url: str, token: str = "", method: str = "GET", **headers: str) -> tuple[int, Mapping, bytes]:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_files_are_served_whole_in_ranges_and_as_headers(hub):
    commit = hub.add("someone/streets", {"data/a b.bin": CONTENT})
    url = f"{hub.url}/someone/streets/resolve/main/data/a%20b.bin"
    status, headers, body = ask(url)
    assert (status, body, headers["X-Repo-Commit"]) == (200, CONTENT, commit)
    status, head, body = ask(url, method="HEAD")
    assert (status, head["Content-Length"], head["ETag"], body) == (200, "1024", headers["ETag"], b"")
    status, part, body = ask(url, Range="bytes=10-19")
    assert (status, body, part["Content-Range"]) == (206, CONTENT[10:20], "bytes 10-19/1024")
    assert ask(url, Range="bytes=-8")[2] == CONTENT[-8:]
    assert ask(url, Range="bytes=1000-")[2] == CONTENT[1000:]
    assert ask(url, Range="bytes=2000-")[0] == 416
    assert hub.fetched("someone/streets") == ["data/a b.bin"]
    assert [request.range for request in hub.requests][2:4] == ["bytes=10-19", "bytes=-8"]


def test_what_is_missing_or_private_is_refused_as_on_the_hub(hub):
    hub.add("someone/streets", {"a": b"1"})
    hub.add("someone/secret", {"a": b"1"}, private=True)
    cases = {
        ("someone/streets/resolve/main/b", ""): (404, "EntryNotFound"),
        ("someone/streets/resolve/other/a", ""): (404, "RevisionNotFound"),
        ("someone/secret/resolve/main/a", ""): (401, "RepoNotFound"),
        ("someone/nothing/resolve/main/a", ""): (401, "RepoNotFound"),
        ("someone/secret/resolve/main/a", STRANGERS_TOKEN): (404, "RepoNotFound"),
        ("someone/secret/resolve/main/a", TOKEN): (200, None),
        ("someone/streets/resolve/main/a", "hf_wrong"): (401, None),
    }
    found = {}
    for path, token in cases:
        status, headers, _ = ask(f"{hub.url}/{path}", token)
        found[path, token] = (status, headers["X-Error-Code"])
    assert found == cases


CLIENT = """
import sys
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, hf_hub_download
from huggingface_hub.errors import HTTPError, RepositoryNotFoundError, RevisionNotFoundError
api = HfApi()
for kind, extra in (("model", {}), ("dataset", {}), ("space", {"space_sdk": "gradio"})):
    url = api.create_repo("someone/new", repo_type=kind, exist_ok=True, **extra)
    assert url == api.create_repo("someone/new", repo_type=kind, exist_ok=True, **extra), url
    print(url.repo_type, url.repo_id)
    add = [CommitOperationAdd(name, name.encode()) for name in ("a/b/c.txt", "a/d.txt", "e.txt")]
    api.create_commit("someone/new", add, commit_message="first", repo_type=kind)
api.create_branch("someone/new", branch="old")
ModelCard("---\\nlicense: mit\\n---\\n# Hello\\n").push_to_hub("someone/new")
api.create_commit(
    "someone/new",
    [CommitOperationDelete("a/b/", is_folder=True), CommitOperationAdd("e.txt", b"changed")],
    commit_message="second",
)
print(sorted(api.list_repo_files("someone/new")))
print(sorted(api.list_repo_files("someone/new", revision="old")))
print(sorted(entry.path for entry in api.list_repo_tree("someone/new", "a", revision="old")))
for revision in ("main", "old"):
    print(open(hf_hub_download("someone/new", "e.txt", revision=revision)).read())
print([entry.size for entry in api.get_paths_info("someone/new", ["e.txt", "no"])])
api.create_repo("private", private=True)
print(api.repo_info("someone/private").private, api.whoami()["name"])
try:
    api.upload_file(path_or_fileobj=b"---\\na: [\\n---\\n", path_in_repo="README.md", repo_id="someone/new")
except ValueError as error:
    print("refused", str(error).splitlines()[0])
for attempt in (
    lambda: api.repo_info("someone/none"),
    lambda: api.repo_info("someone/new", revision="none"),
    lambda: api.create_repo("other/new"),
    lambda: api.auth_check("other/public", write=True),
    lambda: api.whoami(token="hf_wrong"),
    lambda: api.repo_info("someone/silent"),
):
    try:
        attempt()
    except HTTPError as error:
        print(type(error).__name__)
"""

EXPECTED = """\
model someone/new
dataset someone/new
space someone/new
['.gitattributes', 'README.md', 'a/d.txt', 'e.txt']
['.gitattributes', 'a/b/c.txt', 'a/d.txt', 'e.txt']
['a/b', 'a/d.txt']
changed
e.txt
[7]
True someone
refused Invalid metadata in README.md.
RepositoryNotFoundError
RevisionNotFoundError
HfHubHTTPError
HfHubHTTPError
HfHubHTTPError
RemoteProtocolError
"""


def test_real_clients_create_commit_and_read(hub, tmp_path):
    hub.add("other/public", {"a": b"1"})
    hub.refuse("GET", "/api/models/someone/silent", 0)
    done = hub.run(CLIENT, home=tmp_path, token=TOKEN)
    assert done.stdout == EXPECTED


def test_refusals_can_be_ordered(hub):
    hub.add("someone/streets", {"a": b"1"})
    hub.refuse("GET", "streets/resolve", 503)
    assert ask(f"{hub.url}/someone/streets/resolve/main/a")[0] == 503
    hub.refuse("HEAD", "streets/resolve", 0)
    with pytest.raises(ConnectionError):
        ask(f"{hub.url}/someone/streets/resolve/main/a", method="HEAD")


STREAM = """
import hashlib, json, sys
from dpsims_hub.labels.sources.data_source import DataSource

def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()

def facts(samples):
    ids = lambda sample: digest(sample.label_map.astype("uint8"))
    return sorted([s.stem, s.image.size, ids(s), s.image.getpixel((0, 0))] for s in samples)

found = {}
data = DataSource(name="someone/streets", streaming=True).open()
found["shards"], found["classes"] = data.num_shards, data.spec.names
found["streamed"] = facts(data)
table = DataSource(name="someone/town", revision="old").open()
found["table"] = facts(table[i] for i in range(len(table)))
for name in ("someone/secret", "someone/nothing"):
    try:
        DataSource(name=name, streaming=True).open()
    except (FileNotFoundError, ValueError) as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def street(index: int) -> tuple[bytes, bytes, np.ndarray]:
    """A 6x8 photo of one colour, a palette PNG of ids, and the ids."""
    ids = np.random.default_rng(index).integers(0, 3, (6, 8), dtype=np.uint8)
    label = Image.fromarray(ids)
    label.putpalette(
        [9, 9, 9, 0, 0, 200, 250, 0, 0]
    )  # neither in order nor the ids: luminance would be wrong
    return png(Image.new("RGB", (8, 6), (index, 20, 30))), png(label), ids


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def shard(indices: range) -> bytes:
    """Parquet rows of undecoded files, as `datasets` writes two image columns."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [(f"{index:03}", *street(index)[:2]) for index in indices]
    columns = {
        "image": pa.array([{"bytes": photo, "path": f"{stem}.png"} for stem, photo, _ in rows], kind),
        "label": pa.array([{"bytes": label, "path": f"{stem}.png"} for stem, _, label in rows], kind),
    }
    features = {"info": {"features": {name: {"_type": "Image"} for name in columns}}}
    table = pa.table(columns).replace_schema_metadata({b"huggingface": json.dumps(features).encode()})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=2)
    return file.getvalue()


def facts(indices: range) -> list:
    """What STREAM prints of the samples, from the arrays that they were made of."""
    digests = {index: hashlib.sha256(street(index)[2].tobytes()).hexdigest() for index in indices}
    return [[f"{index:03}", [8, 6], digests[index], [index, 20, 30]] for index in indices]


@pytest.mark.slow
def test_datasets_are_streamed_and_read_by_their_hub_id(hub, tmp_path):
    classes = {"classes.json": json.dumps(["road", "sky", "car"]).encode()}
    streets = {
        "data/train-00000-of-00002.parquet": shard(range(5)),
        "data/train-00001-of-00002.parquet": shard(range(5, 9)),
        "data/validation-00000-of-00001.parquet": b"not wanted",
    }
    hub.add("someone/streets", classes | streets, "datasets")
    hub.add("someone/secret", classes | streets, "datasets", private=True)
    hub.add("someone/town", classes | {"data/train.parquet": shard(range(20, 23))}, "datasets", branch="old")
    hub.add("someone/town", {"README.md": b"empty"}, "datasets")
    done = hub.run(STREAM, home=tmp_path)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("streamed") == facts(range(9))
    assert found.pop("table") == facts(range(20, 23))
    assert (found["shards"], found["classes"]) == (2, ["road", "sky", "car"])
    for name in ("someone/secret", "someone/nothing"):
        assert found[name].startswith(name)
        assert len(found[name].splitlines()) == 1
    streamed = [r for r in hub.requests if "datasets/someone/streets" in r.path and "parquet" in r.path]
    assert {request.path[-25:] for request in streamed} == {path[-25:] for path in list(streets)[:2]}
    assert all(request.range for request in streamed if request.method == "GET")
