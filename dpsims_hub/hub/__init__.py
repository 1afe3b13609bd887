"""Publishing on the Hugging Face Hub: folders to publish, model cards, uploads."""

from dpsims_hub.cards.model_card import CardFacts, RunFacts, make_card
from dpsims_hub.hub.export import ExportOptions, export
from dpsims_hub.hub.repository import UploadError
from dpsims_hub.hub.source import Source, open_model, open_run
from dpsims_hub.hub.upload import open_repository, upload_run

__all__ = [
    "CardFacts",
    "ExportOptions",
    "RunFacts",
    "Source",
    "UploadError",
    "export",
    "make_card",
    "open_model",
    "open_repository",
    "open_run",
    "upload_run",
]
