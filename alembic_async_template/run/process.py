"""Runs a module of this package in a process of its own, which may fail, print or hang as the application likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.util import CommandError

from ..errors import AlembicAsyncTemplateError
from ..masking import mask_message

# How long the application may take to be imported and the database to answer, in seconds.
_PATIENCE = 120
# How many bytes of an output are looked at for its last line.
_TAIL = 10_000
# The key of an answer that says why there is none.
_FAILED = "failed"


def describe_config(config: Config) -> dict[str, Any]:
    """What another process needs to make the same configuration."""
    return {
        "file_": config.config_file_name,
        "toml_file": config.toml_file_name,
        "ini_section": config.config_ini_section,
        "x": getattr(config.cmd_opts, "x", None),
    }


def make_config(request: Mapping[str, Any]) -> Config:
    """The configuration that a request describes."""
    options = Namespace(x=request["x"], cmd=None, name=request["ini_section"], quiet=True)
    return Config(request["file_"], request["toml_file"], request["ini_section"], cmd_opts=options)


def run_apart(
    module: str, request: Mapping[str, Any], *, variables: Mapping[str, str] | None = None, patience: float | None = _PATIENCE
) -> dict[str, Any] | str:
    """The answer of a module that is run with a request, or why there is none.

    :param variables: those of its environment that differ from the ones here.
    :param patience: how many seconds it may take, None for as long as it likes.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "request.json"), Path(folder, "answer.json")
        log = Path(folder, "stderr")
        files[0].write_text(json.dumps(request))
        # -P: as for the command `alembic`, the working directory is no place of modules by itself.
        command = [sys.executable, "-P", "-m", module, *map(os.fspath, files)]
        try:
            with log.open("wb") as stderr:
                subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    timeout=patience,
                    check=False,
                    env={**os.environ, **(variables or {})},
                )
        except subprocess.TimeoutExpired:
            return f"env.py has not come to an end within {patience:.0f} s"
        if not files[1].exists():
            return ": ".join(filter(None, ["env.py has ended the process", _read_last_line(log)]))
        found: dict[str, Any] = json.loads(files[1].read_text())
        return str(found[_FAILED]) if _FAILED in found else found


def _read_last_line(path: Path) -> str:
    """What was written last to a file: the reason that `sys.exit` was given, most often."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, _TAIL), os.SEEK_END)
        lines = file.read().decode(errors="replace").splitlines()
    return mask_message(next((line.strip() for line in reversed(lines) if line.strip()), ""))


def answer_request(answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """In the new process: read the request, and write the answer."""
    request, place = map(Path, sys.argv[1:])
    try:
        text = json.dumps(answer(json.loads(request.read_text())))
    except AlembicAsyncTemplateError as error:
        text = json.dumps({_FAILED: error.one_line})
    except CommandError as error:
        text = json.dumps({_FAILED: mask_message(str(error))})
    except Exception as error:  # what env.py raises is a part of the answer
        text = json.dumps(
            {_FAILED: mask_message(f"alembic-async-template has failed, not env.py: {type(error).__name__}: {error}")}
        )
    place.write_text(text)
