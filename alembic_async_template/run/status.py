"""Reads where a database stands among the revisions of the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import to_tuple

from ..application.models import find_model_modules
from ..application.settings import read_settings
from ..errors import AlembicAsyncTemplateError
from ..errors.failure import shorten_path
from ..masking import mask_url
from .command import DATABASE_SOURCE, uses_this_package
from .history import History, list_pending, read_history
from .reading import read_database
from .server_state import ServerState, read_server_state


@dataclass(frozen=True, slots=True)
class RevisionStatus:
    """A revision of the files, and whether the database has it."""

    revision: str
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]
    branch_labels: tuple[str, ...]
    message: str
    file: str
    state: str
    """`applied`, `pending`, or `unknown` where the database is at a revision that no file has."""


@dataclass(frozen=True, slots=True)
class ModelsStatus:
    """What the sources say of the application; nothing is imported."""

    import_roots: tuple[str, ...]
    modules: tuple[str, ...]
    """Those that define tables."""
    problem: str | None
    """Why they could not be found."""


@dataclass(frozen=True, slots=True)
class Status:
    """What `alembic status` reports."""

    database: str
    """Its URL, secrets masked."""
    source: str | None
    """Where the URL comes from; None where a hand-written `env.py` chooses it."""
    server: ServerState
    models: ModelsStatus | None
    """None where a hand-written `env.py` imports the models."""
    history: History
    revisions: tuple[RevisionStatus, ...]
    """Newest first."""

    def to_json(self) -> dict[str, Any]:
        """What `alembic status --json` prints."""
        return {
            "version": 1,
            "error": None,
            "database": self.database,
            "source": self.source,
            **asdict(self.server),
            "models": self.models and asdict(self.models),
            **asdict(self.history),
            "at_head": self.history.is_at_head,
            "revisions": [asdict(revision) for revision in self.revisions],
        }


def read_status(config: Config) -> Status:
    """Read where the database of a configuration stands, without a lock and without a change.

    This package's `env.py` imports no models for it; a hand-written one is run as `alembic current` runs it.

    :raises alembic.util.CommandError: the settings, the revisions or the database cannot be read.
    """
    read: list[tuple[str, str | None, ServerState, History]] = []

    def look(context: MigrationContext, script: ScriptDirectory, current: Sequence[str]) -> None:
        assert context.connection is not None
        url = mask_url(context.connection.engine.url)
        read.append((url, context.opts.get(DATABASE_SOURCE), read_server_state(context), read_history(script, current)))

    script = read_database(config, look)
    database, source, server, history = read[0]
    models = _read_models(config) if uses_this_package(script) else None
    return Status(database, source, server, models, history, tuple(_list_revisions(script, history)))


def _list_revisions(script: ScriptDirectory, history: History) -> Iterator[RevisionStatus]:
    missing = set(history.pending)
    if history.unknown:  # whether the newer code has applied the others is not known
        known = tuple(revision for revision in history.current if revision not in history.unknown)
        missing = set(list_pending(script, known))
    for revision in script.walk_revisions():
        state = "applied" if revision.revision not in missing else "unknown" if history.unknown else "pending"
        yield RevisionStatus(
            revision=revision.revision,
            down_revisions=to_tuple(revision.down_revision, ()),
            depends_on=to_tuple(revision.dependencies, ()),
            branch_labels=tuple(sorted(revision.branch_labels)),
            message=revision.doc,
            file=shorten_path(Path(revision.path)),
            state=state,
        )


def _read_models(config: Config) -> ModelsStatus:
    settings = read_settings(config)
    roots = tuple(str(root) for root in settings.import_roots)
    try:
        found = find_model_modules(settings)
    except AlembicAsyncTemplateError as error:
        return ModelsStatus(roots, (), error.one_line)
    return ModelsStatus(roots, tuple(name for name in found.listed if name in found.tables), None)
