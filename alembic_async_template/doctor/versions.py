"""Checks whether the installed packages fit each other, by what each says that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from ..errors.block import Fix
from .finding import Problem
from .subject import Subject

# What migrations use; what else is installed is not looked at.
_PACKAGES = (
    *("alembic-async-template", "alembic", "sqlalchemy", "greenlet", "sqlmodel", "pydantic", "pydantic-settings"),
    *("asyncpg", "psycopg", "aiosqlite", "asyncmy", "aiomysql"),
)


def check_versions(_subject: Subject) -> Iterator[Problem]:
    """Find packages that need another version of a second one; nothing where packaging is not installed."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return
    installed = {name: found for name in _PACKAGES if (found := _read_version(name))}
    for package in installed:
        for line in requires(package) or ():
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            name = requirement.name.lower().replace("_", "-")
            is_meant = name in installed and (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
            if is_meant and not requirement.specifier.contains(installed[name], prereleases=True):
                wanted = f"{package} {installed[package]} needs {name}{requirement.specifier}"
                fix = Fix("install versions that fit", f"pip install --upgrade {package} {name}")
                yield Problem("incompatible-versions", f"{wanted}, and {installed[name]} is installed", fix)


def _read_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
