"""Settings of every test, made before the libraries read them: no hub, no telemetry, one thread.

Tiny networks gain nothing from a second thread, and lose much where another process keeps it busy.
"""

import os
import signal

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that runs the tests in the background lets them ignore Ctrl-C, and so the processes they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list) -> None:
    """The longest file first: at the end it would run alone, on one of the processes."""
    items.sort(key=lambda item: item.path.name != "test_clean_install.py")
