"""Publishing on the Hugging Face Hub: model cards, and the upload of a training run."""

from dpsims_hub.hub.card import CardFacts, make_card
from dpsims_hub.hub.upload import UploadError, open_repository, upload_run

__all__ = ["CardFacts", "UploadError", "make_card", "open_repository", "upload_run"]
