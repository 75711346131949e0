"""Holds what a comparison logs until the renames are known: a renamed column is neither an added nor a removed one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

# What says at INFO how models and database differ.
COMPARISON_LOGGERS = ("alembic.autogenerate", "alembic_async_template.autogenerate", "alembic_async_template.enums")


class HeldRecords:
    """What comparison after comparison logs; those before the last are dropped."""

    def __init__(self) -> None:
        self._records: list[tuple[_Holder, logging.LogRecord]] = []
        self._holders = [_Holder(logging.getLogger(name), self._records) for name in COMPARISON_LOGGERS]

    def drop(self) -> None:
        """Forget what was logged: another comparison follows."""
        self._records.clear()

    def release(self) -> None:
        """Log what was held, and hold nothing any more."""
        while self._holders:
            self._holders.pop().stop()
        for holder, record in self._records:
            holder.pass_on(record)
        self.drop()


@contextmanager
def hold_records() -> Iterator[HeldRecords]:
    """Hold what a comparison logs; it is released at the latest when the body ends."""
    held = HeldRecords()
    try:
        yield held
    finally:
        held.release()


class _Holder(logging.Handler):
    """Takes the records of a logger and of those below it in place of its handlers and the loggers above; warnings pass."""

    def __init__(self, logger: logging.Logger, records: list[tuple[_Holder, logging.LogRecord]]) -> None:
        super().__init__()
        self._logger, self._handlers, self._propagates = logger, list(logger.handlers), logger.propagate
        self._records = records
        for handler in self._handlers:
            logger.removeHandler(handler)
        logger.addHandler(self)
        logger.propagate = False

    def stop(self) -> None:
        self._logger.removeHandler(self)
        for handler in self._handlers:
            self._logger.addHandler(handler)
        self._logger.propagate = self._propagates

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            self._records.append((self, record))
        else:
            self.pass_on(record)

    def pass_on(self, record: logging.LogRecord) -> None:
        """Give a record to those in whose place this is."""
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
        if self._propagates and self._logger.parent is not None:
            self._logger.parent.callHandlers(record)
