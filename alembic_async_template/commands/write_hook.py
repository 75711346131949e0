"""The post-write hook that tidies new revisions with ruff where ruff is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import Any


def tidy_revision(path: str | os.PathLike[str], options: dict[str, Any]) -> None:
    """Fix and format a revision file with the project's own ruff settings; without ruff it stays as it is."""
    del options
    if find_spec("ruff"):
        command = [sys.executable, "-m", "ruff"]
    elif executable := shutil.which("ruff"):
        command = [executable]
    else:
        return
    # What ruff cannot fix is for the team's own checks to say, not a failure of this command.
    subprocess.run([*command, "check", "--fix", "--quiet", "--exit-zero", "--no-cache", os.fspath(path)], check=False)
    subprocess.run([*command, "format", "--quiet", "--no-cache", os.fspath(path)], check=False)
