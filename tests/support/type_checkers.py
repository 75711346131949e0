"""Runs mypy, strictly, and pyright on files in a folder of their own, as a user of the package does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# An ignore that is not needed is an error: it stands where a mistake was found.
_PYRIGHT = {"enableTypeIgnoreComments": False, "reportUnnecessaryTypeIgnoreComment": "error"}


def check_types(folder: Path, python: Path, *, packages: Path | None = None) -> None:
    """Check the Python files of a folder with both type checkers; what they complain about fails the test.

    :param python: the interpreter whose environment has what the files import.
    :param packages: a further folder to import from.
    """
    files = sorted(str(path) for path in folder.rglob("*.py"))
    (folder / "pyrightconfig.json").write_text(json.dumps({**_PYRIGHT, "extraPaths": [str(packages)] if packages else []}))
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = true\nmypy_path = {packages or ''}\n")
    for command in (["mypy", "--python-executable", str(python), *files], ["pyright", "--pythonpath", str(python)]):
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert result.returncode == 0, result.stdout
