"""Settings of every test: no hub, no telemetry; read when the libraries are imported, so set before that."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
