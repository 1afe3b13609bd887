"""Optional dependencies that are not installed."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata

PROJECT = "dpsims_hub"


def require_packages(*names: str) -> None:
    """Checks before the work that packages can be imported.

    Raises:
        ModuleNotFoundError: one is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            error = ModuleNotFoundError(name=name)
            raise ModuleNotFoundError(missing_package(error), name=name)


def missing_package(error: ModuleNotFoundError) -> str:
    """What is missing and the command that installs it, in one sentence.

    Raises:
        ModuleNotFoundError: the error itself, if it is a module of this project: that is a fault.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", PROJECT):
        raise error
    extra = _extra_of(package)
    wanted = f"'{PROJECT}[{extra}]'" if extra else package
    return f"{package} is not installed; pip install {wanted}."


def _extra_of(package: str) -> str:
    """The optional dependencies of this project that bring a package; "" if none do."""
    try:
        required = metadata.requires(PROJECT) or []
    except metadata.PackageNotFoundError:
        required = []
    for line in required:
        name, extra = re.match(r"[\w-]+", line), re.search(r"extra == ['\"](\w+)", line)
        if name and extra and name[0].replace("-", "_").lower() == package.lower():
            return extra[1]
    return ""
