"""Optional dependencies that are not installed."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata

PROJECT = "dpsims_hub"


def require_packages(*names: str) -> None:
    """Check before the work begins that packages can be imported.

    Raises:
        ModuleNotFoundError: one is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(missing_package(ModuleNotFoundError(name=name)), name=name)


def missing_package(error: ModuleNotFoundError) -> str:
    """One sentence that names the missing package and the command that installs it.

    Raises:
        ModuleNotFoundError: the error itself, if the module belongs to this project; that is a bug.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", PROJECT):
        raise error
    extra = _extra_of(package)
    wanted = f"'{PROJECT}[{extra}]'" if extra else package
    return f"{package} is not installed; pip install {wanted}."


def _extra_of(package: str) -> str:
    """The extra of this project that installs a package; "" if there is none."""
    try:
        required = metadata.requires(PROJECT) or []
    except metadata.PackageNotFoundError:
        required = []
    for line in required:
        name, extra = re.match(r"[\w-]+", line), re.search(r"extra == ['\"](\w+)", line)
        if name and extra and name[0].replace("-", "_").lower() == package.lower():
            return extra[1]
    return ""
