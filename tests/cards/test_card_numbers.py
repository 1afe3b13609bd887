import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from dpsims_hub.cards.card_numbers import card_of, update_card, with_section

ROOT = Path(__file__).resolve().parents[2]
REPORT = json.loads((ROOT / "model_cards" / "camvid.json").read_text())
CARD = """---
license: mit
tags:
- gan
---

# A model

## Evaluation

Old numbers.

### Old table

## Licence

MIT.
"""


def test_numbers_replace_the_section_and_fill_the_header(tmp_path):
    path = tmp_path / "streets" / "README.md"
    path.parent.mkdir()
    path.write_text(CARD)
    distance = REPORT["distances"][0]["value"]
    update_card(path, REPORT)
    card = ModelCard(path.read_text())
    assert "Old" not in card.text
    assert card.text.index(f"{distance:.1f}") < card.text.index("## Licence")
    assert card.text.count("## Evaluation") == 1
    assert card.data.license == "mit"
    assert card.data.tags == ["gan"]
    assert card.data.model_name == "streets"
    values = {one.metric_name: one.metric_value for one in card.data.eval_results}
    assert values["FD-mobilenetv2_100"] == pytest.approx(distance, abs=0.005)
    before = path.read_text()
    update_card(path, REPORT)
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == ["README.md"]


def test_numbers_of_other_data_stay(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(CARD)
    other = {**REPORT, "data": {**REPORT["data"], "name": "other/val"}}
    for report in (other, REPORT, REPORT):
        update_card(path, report)
    found = [one.dataset_type for one in ModelCard(path.read_text()).data.eval_results]
    kinds = {kind: found.count(kind) for kind in found}
    assert len(kinds) == 2
    assert len(set(kinds.values())) == 1
    assert kinds["other-val"] > 0


def test_section_is_added_where_there_is_none():
    assert with_section("# A\n\n## B\n\nb\n", "new") == "# A\n\n## B\n\nb\n\n## Evaluation\n\nnew\n"
    middle = with_section("# A\n\n## Evaluation\n\nold\n\n## B\n\nb\n", r"new \1")
    assert middle == "# A\n\n## Evaluation\n\nnew \\1\n\n## B\n\nb\n"
    assert with_section("## Evaluation of others\n\nx\n", "new").startswith("## Evaluation of others\n\nx\n")


def test_which_card(tmp_path):
    (tmp_path / "README.md").touch()
    assert card_of(Path(), str(tmp_path)) == tmp_path / "README.md"
    assert card_of(tmp_path / "README.md", "someone/model") == tmp_path / "README.md"
    with pytest.raises(FileNotFoundError, match="README.md: no such file; name the card's file"):
        card_of(Path(), "someone/model")


def test_header_that_cannot_be_read(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: [mit\n---\n# A\n")
    with pytest.raises(ValueError, match="its header cannot be read"):
        update_card(tmp_path / "README.md", REPORT)
