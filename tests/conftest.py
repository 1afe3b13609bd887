"""Settings of every test, made before the libraries read them: no hub, no telemetry, one thread.

Tiny networks gain nothing from a second thread, and lose much where another process keeps it busy.
"""

import os
import signal

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that runs the tests in the background lets them ignore Ctrl-C, and so the processes they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag that `make test SLOW=1` gives."""
    parser.addoption("--slow", action="store_true", help="also run the tests that are marked slow")
    parser.addoption("--minutes", action="store_true", help="also run the longest, see the marker")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves slow tests out unless asked for or named; long files first, or the last would run alone."""
    named = any("::" in argument for argument in config.args)
    wanted = {name for name in ("slow", "minutes") if named or config.getoption(name)}
    left_out = [item for item in items if _marks(item) - wanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _marks(item) - wanted]
    long = {item.path for item in items if _marks(item)}
    items.sort(key=lambda item: (item.path.name != "test_clean_install.py", item.path not in long))


def _marks(item: pytest.Item) -> set[str]:
    """Which of the marks of long tests it has."""
    return {name for name in ("slow", "minutes") if item.get_closest_marker(name)}
