"""The post-write hook that tidies new revisions with ruff where ruff is installed."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

log = logging.getLogger("alembic_async_template")

# The type that an ini names.
_NAME = "ruff_if_installed"


def tidy_revision(path: str | os.PathLike[str], options: dict[str, Any]) -> None:
    """Fix and format a revision file with the project's own ruff settings; without ruff it stays as it is."""
    del options
    command = _find_ruff()
    if command is None:
        log.debug("ruff is not installed, and %s stays as it is", path)
        return
    # What ruff cannot fix is for the team's own checks to say, not a failure of this command.
    subprocess.run([*command, "check", "--fix", "--quiet", "--exit-zero", "--no-cache", os.fspath(path)], check=False)
    subprocess.run([*command, "format", "--quiet", "--no-cache", os.fspath(path)], check=False)


def _find_ruff() -> list[str] | None:
    if find_spec("ruff"):
        return [sys.executable, "-m", "ruff"]
    executable = shutil.which("ruff")
    return [executable] if executable else None


def write_calmly(stock: Callable[..., Any], script: ScriptDirectory, *arguments: Any, **options: Any) -> Any:
    """Write a revision, and announce this hook only where it has something to do, and not with `-q`: Alembic always does."""
    every = script.hooks
    others = [hook for hook in every if hook.get("type") != _NAME]
    if others == every or (_find_ruff() and not script.messaging_opts.get("quiet")):
        return stock(script, *arguments, **options)
    script.hooks = others
    try:
        written = stock(script, *arguments, **options)
    finally:
        script.hooks = every
    if written is not None:
        tidy_revision(written.path, {})
    return written
