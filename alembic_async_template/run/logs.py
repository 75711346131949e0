"""Logging for the command line: what the ini says, or a plain default, and never at the application's expense."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig
from typing import TYPE_CHECKING

from ..application.settings import is_command_line

if TYPE_CHECKING:
    from alembic.config import Config

_SECTIONS = ("loggers", "handlers", "formatters")
_OWN = "alembic_async_template"


def configure_logging(config: Config) -> None:
    """Set up logging when Alembic's command line runs; a program that calls Alembic has its own already.

    Alembic's templates call `fileConfig`, which disables every logger that exists and needs sections that may be missing.
    """
    if not is_command_line(config):
        return
    if config.config_file_name and all(config.file_config.has_section(section) for section in _SECTIONS):
        fileConfig(config.config_file_name, disable_existing_loggers=False)
    else:
        _configure_default()
    _set_level(_OWN, logging.INFO)
    _set_level("alembic.runtime.plugins", logging.WARNING)  # a line for each plugin would bury what matters
    if not config.messaging_opts.get("quiet"):
        _set_level("alembic.util.messaging", logging.CRITICAL)  # errors are printed as well


@contextmanager
def silence(name: str) -> Iterator[None]:
    """Drop what a logger is told in the block: it has said so before."""
    logger = logging.getLogger(name)

    def drop(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


def _set_level(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)


def _configure_default() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)-5.5s [%(name)s] %(message)s"))
    for name in ("alembic", _OWN):
        _set_level(name, logging.INFO)
        logger = logging.getLogger(name)
        if all(isinstance(existing, logging.NullHandler) for existing in logger.handlers):
            logger.addHandler(handler)
            logger.propagate = False
