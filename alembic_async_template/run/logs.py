"""Logging for the command line: what the ini says, or a plain default, and never at the application's expense."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from configparser import NoOptionError, NoSectionError
from contextlib import ExitStack, contextmanager
from logging.config import fileConfig
from typing import TYPE_CHECKING

from ..application.settings import is_command_line
from ..autogenerate.held_records import COMPARISON_LOGGERS
from .terminal import paint

if TYPE_CHECKING:
    from alembic.config import Config

_SECTIONS = ("loggers", "handlers", "formatters")
_OWN = "alembic_async_template"
_LOGGERS = ("alembic", _OWN)
# Web servers that log on standard error, and set up no loggers but their own.
_SERVERS = frozenset({"uvicorn", "hypercorn", "granian"})

_OF_DEFAULT = "Dialect impl %s detected server default on column '%s.%s'"

# What Alembic says at INFO and no one acts on, by the logger that says it.
_CHATTER = {
    "alembic.runtime.migration": ("Context impl %s.", "Generating static SQL", "Will assume %s DDL."),
    "alembic.runtime.plugins": ("setup plugin %s", "setting up autogenerate plugin %s"),
    "alembic.ddl.postgresql": ("Detected sequence named '%s' as owned by integer column '%s(%s)', assuming SERIAL and omitting",),
}
# What says that a database is waited for: a report, which else says what the log would, has it heard.
WAITS = f"{_OWN}.waits"
# What each run says first. A probe that asks every few seconds need not say it in a program without logging.
DATABASE = "Database %s, from %s"


def configure_logging(config: Config) -> None:
    """Set up logging when Alembic's command line runs; a program that calls Alembic has its own already.

    Alembic's templates call `fileConfig`, which disables every logger that exists and needs sections that may be missing.
    """
    if not is_command_line(config):
        return
    if config.config_file_name and all(config.file_config.has_section(section) for section in _SECTIONS):
        try:
            fileConfig(config.config_file_name, disable_existing_loggers=False)
        except (KeyError, ValueError, RuntimeError, NoSectionError, NoOptionError) as error:  # a section or a line is missing
            _configure_default()
            logging.getLogger(_OWN).debug("The logging sections of the ini are incomplete: %r", error)
    else:
        _configure_default()
    _set_level(_OWN, logging.INFO)
    _set_level("alembic.runtime.plugins", logging.WARNING)  # a line for each plugin would bury what matters
    if not config.messaging_opts.get("quiet"):
        _set_level("alembic.util.messaging", logging.CRITICAL)  # errors are printed as well


@contextmanager
def calm_logging(config: Config, command: str | None, *, changes: bool) -> Iterator[None]:
    """On the command line, let Alembic's chatter be DEBUG, and with `-q` only warnings be heard.

    `check` tells each difference when it ends.

    A program's own logging stays as it is. If a web server runs an application without any logging, a migration and a wait are
    printed on standard error: otherwise its start would seem to hang.

    :param changes: whether the command changes the database.
    """
    with ExitStack() as stack:
        if not is_command_line(config):
            if sys.stderr is not None and not _is_heard(_OWN) and not _SERVERS.isdisjoint(sys.modules):
                stack.enter_context(_print_records(changes=changes))
        else:
            for name in _CHATTER:
                stack.enter_context(_filter(logging.getLogger(name), _lower))
            stack.enter_context(_filter(logging.getLogger("alembic.autogenerate.compare.server_defaults"), _reword))
            if config.messaging_opts.get("quiet"):
                for name in _LOGGERS:
                    stack.enter_context(_warnings_only(name))
            if command == "check":
                for name in COMPARISON_LOGGERS:
                    stack.enter_context(_warnings_only(name))
        yield


def _reword(record: logging.LogRecord) -> bool:
    """Leave the implementation's address out of what Alembic says of a default."""
    if record.msg == _OF_DEFAULT and isinstance(record.args, tuple):
        record.msg, record.args = "Detected server default on column '%s.%s'", record.args[1:]
    return True


def _lower(record: logging.LogRecord) -> bool:
    """Make a record of chatter DEBUG; false if its logger leaves that out."""
    if record.msg not in _CHATTER.get(record.name, ()):
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


@contextmanager
def _filter(filterer: logging.Filterer, function: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    filterer.addFilter(function)
    try:
        yield
    finally:
        filterer.removeFilter(function)


@contextmanager
def _warnings_only(name: str) -> Iterator[None]:
    """Let a logger leave out what is INFO; one that was told to say even more says it."""
    logger = logging.getLogger(name)
    previous = logger.level
    if logger.getEffectiveLevel() == logging.INFO:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(previous)


def _is_heard(name: str) -> bool:
    """Whether a logger has a handler, or was told what to leave out: then the program has logging."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        if logger.disabled or (logger.parent is not None and (logger.level != logging.NOTSET or not logger.propagate)):
            return True
        logger = logger.parent
    return False


@contextmanager
def _print_records(*, changes: bool) -> Iterator[None]:
    """Print what the loggers of Alembic and this package say, as long as the body runs."""

    def is_told(record: logging.LogRecord) -> bool:
        return (changes or record.msg != DATABASE) and record.msg not in _CHATTER.get(record.name, ())

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ColumnFormatter())
    handler.addFilter(is_told)
    loggers = [logging.getLogger(name) for name in _LOGGERS if not _is_heard(name)]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)


@contextmanager
def hear(name: str) -> Iterator[None]:
    """Let a logger be heard in the block though those above it say warnings only."""
    logger = logging.getLogger(name)
    previous = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(previous)


@contextmanager
def silence(name: str) -> Iterator[None]:
    """Drop what a logger is told in the block: it has said so before."""
    with _filter(logging.getLogger(name), lambda _record: False):
        yield


def _set_level(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)


class _PlainFormatter(logging.Formatter):
    """The message alone, and in front of it the level of what is more, or less, than information."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno == logging.INFO:
            return text
        label = f"{record.levelname}:"
        return f"{paint(label, 'yellow', sys.stderr) if record.levelno >= logging.WARNING else label} {text}"


class _ColumnFormatter(logging.Formatter):
    """The level and the message, as servers such as uvicorn print them."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{f'{record.levelname}:':<9} {super().format(record)}"


def _configure_default() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter())
    for name in _LOGGERS:
        _set_level(name, logging.INFO)
        logger = logging.getLogger(name)
        if all(isinstance(existing, logging.NullHandler) for existing in logger.handlers):
            logger.addHandler(handler)
            logger.propagate = False
