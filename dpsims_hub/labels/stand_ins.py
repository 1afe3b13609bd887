"""What lies in place of a file that was never fetched."""

from __future__ import annotations

HEAD = 200  # bytes that tell


def stand_in(head: bytes) -> str:
    """Return what a file is instead of its content, and what to do; "" where it is neither.

    Args:
        head: Its first `HEAD` bytes, or all if it has fewer.
    """
    if not head:
        return "empty (0 bytes); get the file again"
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a pointer of Git LFS; fetch the file with `git lfs pull`"
    if b"/annex/objects/" in head:
        return "a pointer of git-annex; fetch the file with `git annex get`"
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page; download the file itself"
    return ""


def remedy_of(instead: str) -> str:
    """Return the key of `survey_advice.REMEDIES` for a text of `stand_in`; "" where it has none."""
    return next((tool for tool in ("git lfs pull", "git annex get") if tool in instead), "")
