"""The log keeps what it is given, small numbers too."""

from __future__ import annotations

import json

from dpsims_hub.training.run_log import RunLog


def test_small_numbers_keep_six_digits_and_what_json_lacks_becomes_null(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")
    log.write(3, {"learning_rate_g": 4e-6, "loss": 1.23456789, "share": 123456.0, "bad": float("nan")})
    written = json.loads((tmp_path / "log.jsonl").read_text())
    assert written == {"step": 3, "learning_rate_g": 4e-6, "loss": 1.23457, "share": 123456.0, "bad": None}
