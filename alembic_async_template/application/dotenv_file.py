"""Says where a `.env` has the URL that no source names: it is for the application's settings, which may read another one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shlex import quote

from ..errors.block import Fix


def find_variable(directory: Path, variable: str) -> Fix | None:
    """The command that reads a variable from the nearest `.env` that has it, at or above a folder of one repository.

    Nothing is read by itself: the file may be another machine's, or a container's.
    """
    for folder in (directory, *directory.parents):
        file = folder / ".env"
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            lines = []
        for line in lines:
            if match := re.match(rf"(\s*(?:export\s+)?{re.escape(variable)}\s*=\s*)(\S.*)", line):
                advice = f"{file} has it, and nothing reads that file here: read it first"
                return Fix(advice, _write_command(variable, match[1], match[2].rstrip(), os.path.relpath(file)))
        if (folder / ".git").exists():
            return None
    return None


def _write_command(variable: str, beginning: str, value: str, path: str) -> str:
    """A command of the shell, which does not show the value; only a value that names others needs all of the file.

    :param beginning: what stands in front of the value, on its line.
    """
    read = f"sed -n {quote(f's/^{beginning}//p')} {quote(path)}"
    if re.fullmatch(r"[^\s'\"$#]+", value):
        return f'export {variable}="$({read})"'
    if re.fullmatch(r"""\"[^"$`\\]*\"|'[^']*'""", value):
        return f'eval "export {variable}=$({read})"'
    return f"set -a; . {quote(path if os.sep in path else f'./{path}')}; set +a"
