"""Reads the identifiers of the revisions in their files: which of them are there twice."""

from __future__ import annotations

import re
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from .. import _compat
from ..errors import DuplicateRevisionError
from ..errors.failure import shorten_path

_REVISION = re.compile(rb"""^revision\b[^=\n]*=\s*["']([^"']+)["']""", re.MULTILINE)


def refuse_duplicates(script: ScriptDirectory) -> None:
    """Make sure that each revision has one file.

    :raises DuplicateRevisionError: one has several.
    """
    if (error := find_duplicate(script)) is not None:
        raise error


def refuse_taken(script: ScriptDirectory, revision: str | None) -> None:
    """Make sure that no file has the identifier of a revision that is to be written.

    :raises CommandError: one has it.
    """
    files = _find_files(script).get(revision, []) if revision else []
    if files:
        raise CommandError(f"Revision {revision} is already in {shorten_path(files[0])}")


def find_duplicate(script: ScriptDirectory) -> DuplicateRevisionError | None:
    """The error for a revision that has several files: Alembic takes one of them, and does not run the other."""
    found = _find_files(script)
    copied = next((revision for revision, same in found.items() if len(same) > 1), None)
    return None if copied is None else DuplicateRevisionError(copied, found[copied])


def _find_files(script: ScriptDirectory) -> dict[str, list[Path]]:
    """The files of each revision, which are read, not imported."""
    pattern = "**/*.py" if script.recursive_version_locations else "*.py"
    found: dict[str, list[Path]] = {}
    files = {file.resolve(): None for folder in _compat.list_version_folders(script) for file in sorted(folder.glob(pattern))}
    for file in files:
        if file.name != "__init__.py" and not file.name.startswith(".#") and (match := _REVISION.search(file.read_bytes())):
            found.setdefault(match[1].decode(errors="replace"), []).append(file)
    return found
