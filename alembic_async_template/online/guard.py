"""Says, before an operation of a revision runs, that it would block a large table; the revision can say that this is meant."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations, ops
from sqlalchemy import event

from ..errors import BlockingOperationError, BlockingReasonError
from ..errors.block import Fix, render_line
from ..errors.failure import Progress
from ..postgresql import NO_STATEMENT, quote_if_needed
from .blocking_table import Blocking, Finder, Key, find_blocked
from .large_tables import LargeTable, read_details, read_large_tables
from .unblocked_code import write_fix, write_operation
from .work import name_operation

if TYPE_CHECKING:
    from alembic.operations import BatchOperations, MigrateOperation
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection

log = logging.getLogger("alembic_async_template")

# Under which key the options of a migration context have the reasons of the blocks that are open.
REASONS = "alembic_async_template.blocking_reasons"
# What a revision runs itself and that changes which table a name means.
_MOVES = re.compile(r"\b(CREATE|DROP)\b.*\bTABLE\b|\bRENAME\b|\bSET\s+SCHEMA\b|\bsearch_path\b", re.IGNORECASE | re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = rf"(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})"
_CREATES = re.compile(rf"(?:^|;)\s*CREATE\s+(?:\w+\s+){{0,2}}TABLE\s+(?!IF\b){_TABLE}", re.IGNORECASE)
_RENAMES = re.compile(rf"(?:^|;)\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_TABLE}\s+RENAME\s+TO\s+(?P<new>{_NAME})", re.IGNORECASE)


@contextmanager
def allow_blocking(context: MigrationContext, reason: str) -> Iterator[None]:
    """Let the operations of the body block large tables.

    :raises BlockingReasonError: the reason is not a text, or says nothing.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise BlockingReasonError(reason)
    reasons = context.opts.setdefault(REASONS, [])
    reasons.append(reason.strip())
    try:
        yield
    finally:
        reasons.pop()


class Guard:
    """Looks at the operations of one run.

    :param refuses: whether what blocks is refused, and not only told.
    :param progress: says which revision runs.
    """

    def __init__(
        self,
        context: MigrationContext,
        connection: Connection,
        blocking_rows: int,
        progress: Progress,
        *,
        refuses: bool,
    ) -> None:
        self._context = context
        self._connection = connection
        self._blocking_rows = blocking_rows
        self._progress = progress
        self._refuses = refuses
        self._tables: dict[Key, LargeTable] | None = None
        self._made: set[Key] = set()
        self._told: set[str] = set()
        self._depth = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Take note, while the body runs, of what is done to the tables without an operation."""
        listeners: list[tuple[str, Callable[..., None]]] = [
            ("after_cursor_execute", self._note_statement),
            ("rollback", self._forget),
            ("rollback_savepoint", self._forget),
        ]
        for name, listener in listeners:
            event.listen(self._connection, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(self._connection, name, listener)

    def listen(self, operations: Operations | BatchOperations) -> None:
        """Let the operations of this object come by here; those of `batch_alter_table` are another object's."""
        carry_out = operations.invoke

        def invoke(operation: MigrateOperation) -> Any:
            self._examine(operation)
            if isinstance(operation, ops.ExecuteSQLOp):
                return carry_out(operation)
            with self._own():
                result = carry_out(operation)
            self._follow(operation)
            return result

        operations.invoke = invoke  # type: ignore[method-assign]
        if isinstance(operations, Operations):
            self._listen_to_batches(operations)

    def _listen_to_batches(self, operations: Operations) -> None:
        begin = operations.batch_alter_table

        @contextmanager
        def batch_alter_table(*arguments: Any, **options: Any) -> Iterator[BatchOperations]:
            with self._own(), begin(*arguments, **options) as batch:
                self.listen(batch)
                yield batch

        operations.batch_alter_table = batch_alter_table  # type: ignore[method-assign]

    @contextmanager
    def _own(self) -> Iterator[None]:
        """What runs meanwhile is an operation's, which is followed by itself."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _examine(self, operation: MigrateOperation) -> None:
        """Tell of an operation that blocks.

        :raises BlockingOperationError: it does, and that is refused.
        """
        key = find_blocked(operation)
        if key is None or key in self._made:
            return
        found = self._find(operation, key)
        if found is None:
            return
        name, told = name_operation(operation), _describe(found, key)
        reasons = self._context.opts.get(REASONS)
        if reasons:
            self._tell(logging.INFO, f"Revision {self._progress.revision}: {name} blocks {told}, which is meant: {reasons[-1]}")
            return
        fix = write_fix(found, operation, self._context)
        if not self._refuses:
            told = f"Revision {self._progress.revision}: {name} blocks {told}"
            self._tell(logging.WARNING, render_line(told, [("instead", fix.text)]))
            return
        block = f'with op.blocking("why that is no harm"):\n    {write_operation(operation, self._context)}'
        meant = Fix("if it may block the table, say why", block)
        raise BlockingOperationError(name, str(found.table), found.table.rows, found.blocks, told, fix, meant)

    def _tell(self, level: int, line: str) -> None:
        """Say it once, also of a revision that is retried."""
        if line not in self._told:
            self._told.add(line)
            log.log(level, "%s", line)

    def _find(self, operation: MigrateOperation, key: Key) -> Blocking | None:
        with self._own():
            if self._tables is None:
                tables = read_large_tables(self._connection, self._blocking_rows)
                self._tables = {place: table for table in tables for place in self._list_keys(table)}
            table = self._tables.get(key)
            if table is None:
                return None
            return Finder(table, self._context.dialect, lambda: read_details(self._connection, table)).find(operation)

    def _list_keys(self, table: LargeTable) -> Iterator[Key]:
        """How operations name a table; none for one that this run has made."""
        keys: list[Key] = [(table.schema, table.name), *([(None, table.name)] if table.is_visible else [])]
        translated = self._connection.get_execution_options().get("schema_translate_map") or {}
        if None in translated:
            keys = keys[:1]
        keys += [(schema, table.name) for schema, real in translated.items() if real == table.schema]
        if self._made.isdisjoint(keys):
            yield from keys

    def _follow(self, operation: MigrateOperation) -> None:
        """What an operation has changed of the tables that are known."""
        match operation:
            case ops.CreateTableOp() if not operation.if_not_exists:
                key: Key = (operation.schema, str(operation.table_name))
                self._remove(key)
                self._made.add(key)
            case ops.DropTableOp():
                key = (operation.schema, str(operation.table_name))
                self._remove(key)
                self._made.discard(key)
            case ops.RenameTableOp():
                self._rename((operation.schema, str(operation.table_name)), (operation.schema, str(operation.new_table_name)))

    def _remove(self, key: Key) -> LargeTable | None:
        tables = self._tables or {}
        table = tables.get(key)
        for place in [place for place, other in tables.items() if other is table]:
            del tables[place]
        return table

    def _rename(self, key: Key, new: Key) -> None:
        if key in self._made:
            self._made.remove(key)
            self._made.add(new)
        table = self._remove(key)
        if table is not None and self._tables is not None:
            renamed = replace(table, name=new[1])
            self._tables |= dict.fromkeys(self._list_keys(renamed), renamed)

    def _note_statement(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement has run; what is no operation's may have done anything."""
        if self._depth:
            return
        sql = NO_STATEMENT.sub("", statement)
        for found in _CREATES.finditer(statement):
            self._made.add(_read_key(found))
        for found in _RENAMES.finditer(statement):
            key = _read_key(found)
            self._rename(key, (key[0], _read_name(found["new"])))
        if _MOVES.search(sql):
            self._forget()

    def _forget(self, *_: Any) -> None:
        """What was read is no longer so."""
        self._tables = None


def _read_key(found: re.Match[str]) -> Key:
    return (_read_name(found["schema"]) if found["schema"] else None, _read_name(found["table"]))


def _read_name(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _describe(found: Blocking, key: Key) -> str:
    other = ""
    if found.other is not None and found.other != key:
        other = f" and {'.'.join(quote_if_needed(name) for name in found.other if name)}"
    return f"{found.blocks} of {found.table} (about {found.table.rows:,} rows){other} while it {found.why}"
