"""Asks git about the folder of a project."""

from __future__ import annotations

import subprocess
from pathlib import Path

# How long git may take, in seconds.
_PATIENCE = 5


def ask_git(directory: Path, *arguments: str) -> str:
    """What git prints; nothing where it is not there, has no repository here, finds nothing or takes too long."""
    try:
        return subprocess.run(
            ["git", *arguments], cwd=directory, capture_output=True, text=True, timeout=_PATIENCE, check=True, errors="replace"
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def is_committed(path: Path) -> bool:
    """Whether the last commit has a file, be its folder there or not."""
    path = path.absolute()
    folder = next(parent for parent in path.parents if parent.is_dir())
    return bool(ask_git(folder, "ls-tree", "--name-only", "HEAD", "--", path.relative_to(folder).as_posix()))
