"""Runs `env.py` for a program that only reads the database."""

from __future__ import annotations

import copy
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ..application.settings import is_command_line
from ..errors.failure import shorten_path
from .logs import WAITS, hear

Look = Callable[[MigrationContext, ScriptDirectory, Sequence[str]], None]
"""Is called with the revisions that the version table names, while the connection is open."""


def read_database(config: Config, look: Look) -> ScriptDirectory:
    """Let `look` read the database of a configuration, without a lock, a change and a word of the log.

    This package's `env.py` imports no models for it; a hand-written one is run as `alembic current` runs it.

    :return: the revisions' files.
    :raises alembic.util.CommandError: the settings, the revisions or the database cannot be read.
    """
    quiet = copy.copy(config)  # the report says what the log would
    quiet.cmd_opts = Namespace(**{"x": None} | vars(config.cmd_opts or Namespace()) | {"quiet": True})
    vars(quiet).pop("messaging_opts", None)  # which is remembered
    script = ScriptDirectory.from_config(quiet)
    looked = False

    def work(current: Sequence[str], context: MigrationContext) -> list[Any]:
        nonlocal looked
        looked = True
        look(context, script, current)
        return []

    heard = hear(WAITS) if is_command_line(config) else nullcontext()
    with heard, EnvironmentContext(quiet, script, fn=work, dont_mutate=True):
        script.run_env()
    if not looked:
        raise CommandError(f"{shorten_path(Path(script.env_py_location))} ended without a call of context.run_migrations()")
    return script
