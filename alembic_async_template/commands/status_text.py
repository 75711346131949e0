"""Words the report of `alembic status` for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

from ..errors.block import count, series
from ..run.status import Status
from ..run.terminal import paint
from .history_graph import draw_history

_COLOURS = {"✓": "green", "○": "yellow", "?": "red"}
# What stands for these signs where a terminal or file cannot have them.
_PLAIN = str.maketrans(
    {"✓": "x", "○": ".", "⋮": ":", "│": "|", "├": "|", "─": "-", "╮": ".", "┬": ".", "╯": "'", "┴": "'", "┼": "+"}
)
_MARGIN = 11


def render_status(status: Status, stream: TextIO) -> str:
    """One screen: a labelled line for each fact, and the history."""
    server = status.server
    source = f", from {status.source}" if status.source else ", chosen by env.py"
    lines = [
        ("Database", f"{status.database}{source}"),
        ("Server", f"{server.server} {server.server_version}, driver {server.driver}"),
        *_describe_models(status),
        ("Revisions", _describe_place(status)),
        *(("", _colour(line, stream)) for line in draw_history(status.revisions, status.history.current, status.history.heads)),
        ("Migrating", server.lock_holder or ""),
        *(("Leftover", f"index {name} is not valid: DROP INDEX CONCURRENTLY {name}") for name in server.invalid_indexes),
        *(("Leftover", f"enum type {name} is used by nothing: DROP TYPE {name}") for name in server.unused_enums),
    ]
    text = "\n".join(f"{label:<{_MARGIN}}{value}" for label, value in lines if value)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
    return text


def _describe_models(status: Status) -> Iterator[tuple[str, str]]:
    if status.models is None:
        yield "Models", "imported by env.py"
        return
    yield "Sources", ", ".join(status.models.import_roots)
    if status.models.problem:
        yield "Models", status.models.problem
    else:
        modules = status.models.modules
        yield "Models", f"{count(modules, 'module')} with tables: {series(modules, 6)}" if modules else "no module has a table"


def _describe_place(status: Status) -> str:
    history = status.history
    applied = [revision for revision in status.revisions if revision.state == "applied"]
    head = "heads" if len(history.heads) > 1 else "head"
    if history.unknown:
        return f"the database is at {', '.join(history.unknown)}, which no file here has: it is ahead of these files"
    if not status.revisions:
        return "there are no files yet"
    if history.pending and not history.current and (tables := status.server.tables):
        be = "table that is" if tables == 1 else f"{tables} tables that are"
        return (
            f"0 applied, {len(history.pending)} pending, and no version says what made the {be} there: alembic stamp {head}\n"
            f"{'':{_MARGIN}}if the newest revision makes the same, alembic upgrade {head} if another program has made them"
        )
    if history.pending:
        return f"{len(applied)} applied, {len(history.pending)} pending: alembic upgrade {head}"
    return f"at the {head}, all {len(applied)} applied"


def _colour(line: str, stream: TextIO) -> str:
    """The line of a revision, with its tick in colour."""
    return re.sub("[✓○?]", lambda tick: paint(tick[0], _COLOURS[tick[0]], stream), line, count=1)
