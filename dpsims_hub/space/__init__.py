"""The browser demo: paint a label map, watch the photo (gradio is imported in this room only)."""
