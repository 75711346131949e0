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

# How long the application may take to be imported and the database to answer, in seconds.
_PATIENCE = 120


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
        files[0].write_text(json.dumps(request))
        # -P: as for the command `alembic`, the working directory is no place of modules by itself.
        command = [sys.executable, "-P", "-m", module, *map(os.fspath, files)]
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=patience,
                check=False,
                env={**os.environ, **(variables or {})},
            )
        except subprocess.TimeoutExpired:
            return f"env.py has not come to an end within {patience:.0f} s"
        if not files[1].exists():
            return "env.py has ended the process"
        found: dict[str, Any] = json.loads(files[1].read_text())
        return found


def answer_request(answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """In the new process: read the request, and write the answer."""
    request, place = map(Path, sys.argv[1:])
    place.write_text(json.dumps(answer(json.loads(request.read_text()))))
