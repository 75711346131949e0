"""The steps that build and drop an index while the table is read and written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, Index
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import NullType

from ..errors import OnlineDefinitionError, OnlineRefusedError
from ..postgresql import identifier, qualified
from .found import Table, cut_definition, find_builders, find_relation, list_indexes, list_partitions
from .made_names import read_name
from .steps import Step, Way, commit, get_connection, wait_a_moment
from .trial_copy import TRIAL_SCHEMA, compile_statement, try_on_copy
from .work import Work, change, find_address

log = logging.getLogger("alembic_async_template.online")

_CONCURRENTLY = {"postgresql_concurrently": True}


@dataclass(frozen=True, slots=True)
class _Trial:
    """An index as its own operation makes it, apart from its name and its table."""

    is_unique: bool
    tail: str

    def write(self, what: str, table: Table) -> str:
        return f"CREATE {'UNIQUE ' if self.is_unique else ''}INDEX {what} {table.quoted} {self.tail}"

    def is_made_by(self, row: Any) -> bool:
        return cut_definition(row) == (self.is_unique, self.tail)


def list_index_steps(work: Work, operation: ops.CreateIndexOp) -> list[Step]:
    name = read_name(operation.to_index(work.context), work.dialect)
    if name is None:
        raise OnlineRefusedError("op.create_index", "the index has no name", "give it a name")
    table = work.find_table(*find_address(operation))
    if table is not None and table.is_partitioned:
        return _list_partitioned_steps(work, operation, table, name)
    return [make_index_step(work, operation, table, name)]


def make_index_step(
    work: Work, operation: ops.CreateIndexOp, table: Table | None, name: str, is_replaced: Callable[[], bool] = lambda: False
) -> Step:
    """Build an index; one that an earlier try has left is dropped first.

    :param is_replaced: whether what the index was built for is there, which has it now.
    """
    build = work.invoke(change(operation, index_name=work.operations.f(name), options=_CONCURRENTLY))
    if table is None:
        return Step(Way.CONCURRENT, build, lambda: False)

    def is_done() -> bool:
        if is_replaced():
            return True
        row = _find_finished(work, lambda: find_relation(get_connection(work.context), table.schema, name))
        if row is None:
            return False
        if row.table_oid != table.oid:
            raise OnlineDefinitionError(f'"{name}"', row.definition or "another relation", _write(work, operation))
        if not row.is_valid or operation.if_not_exists or work.changes_columns_later(*find_address(operation)):
            return bool(row.is_valid)
        if not try_index(work, operation, table).is_made_by(row):
            raise OnlineDefinitionError(f'Index "{name}"', row.definition, _write(work, operation))
        return True

    def drop_invalid(connection: Connection) -> None:
        row = find_relation(connection, table.schema, name)
        if row is not None and row.table_oid == table.oid and not row.is_valid and not row.is_built:
            log.warning('Index "%s" is invalid, since it could not be built: it is dropped', name)
            work.run(f"DROP INDEX CONCURRENTLY {qualified(name, table.schema)}")

    run, clean_up = _with_dropping(work, drop_invalid, build)
    return Step(Way.CONCURRENT, run, is_done, (table.oid,), clean_up)


def try_index(work: Work, operation: ops.CreateIndexOp, table: Table) -> _Trial:
    """Let the server say what the index would be."""
    assert work.connection is not None
    options = {"postgresql_concurrently": False}
    trial = change(operation, schema=TRIAL_SCHEMA, options=options, if_not_exists=None)
    with try_on_copy(work.connection, table) as copy:
        copy.run(CreateIndex(_make_index(work, trial)))
        row = copy.read_index()
    return _Trial(*cut_definition(_Row(**row)))


def list_drop_steps(work: Work, operation: ops.DropIndexOp) -> list[Step]:
    index = operation.to_index(work.context)
    name = read_name(index, work.dialect)
    assert name is not None
    found = work.find_table(name, operation.schema)
    if found is not None and found.kind == "I":
        # Of a partitioned table none can be dropped CONCURRENTLY; to drop it takes a moment.
        table = work.find_table(*find_address(operation))
        return [Step(Way.BRIEF, work.invoke(operation), lambda: _is_gone(work, operation, name), (table.oid,) if table else ())]
    drop = work.invoke(change(operation, options=_CONCURRENTLY))
    return [Step(Way.CONCURRENT, drop, lambda: _is_gone(work, operation, name))]


def _is_gone(work: Work, operation: ops.DropIndexOp, name: str) -> bool:
    """Whether it is gone, or is there again by a later operation of its block."""
    found = work.find_table(name, operation.schema)
    if found is None:
        log.info('Index "%s" is not there, and not dropped', name)
        return True
    connection = get_connection(work.context)
    for later in work.later:
        if isinstance(later, ops.CreateIndexOp) and later.schema == operation.schema:
            table = work.find_table(*find_address(later))
            if table is not None and read_name(later.to_index(work.context), work.dialect) == name:
                row = find_relation(connection, found.schema, found.name)
                return bool(row.table_oid == table.oid and row.is_valid and try_index(work, later, table).is_made_by(row))
    return False


def _list_partitioned_steps(work: Work, operation: ops.CreateIndexOp, table: Table, name: str) -> list[Step]:
    """An index of the whole that has no parts, then one of each partition, which becomes a part; with the last it is valid."""
    trial = try_index(work, operation, table)

    def find() -> Any:
        return find_relation(get_connection(work.context), table.schema, name)

    def is_done() -> bool:
        row = find()
        if row is not None and (row.table_oid != table.oid or not trial.is_made_by(row)):
            raise OnlineDefinitionError(f'Index "{name}"', row.definition or "another relation", _write(work, operation))
        return row is not None

    make = work.execute(trial.write(f"{identifier(name)} ON ONLY", table))
    whole = qualified(name, table.schema)
    return [
        Step(Way.BRIEF, make, is_done, (table.oid,)),
        *_list_part_steps(work, trial, table, lambda: find().oid, lambda: whole),
    ]


def _list_part_steps(
    work: Work, trial: _Trial, table: Table, find_whole: Callable[[], int], name_whole: Callable[[], str]
) -> Iterator[Step]:
    for part in list_partitions(get_connection(work.context), table):
        yield from _Part(work, trial, part, find_whole, name_whole).list_steps()


class _Part:
    """The index of one partition: PostgreSQL names it, as it does when it makes all of them at once."""

    def __init__(
        self, work: Work, trial: _Trial, table: Table, find_whole: Callable[[], int], name_whole: Callable[[], str]
    ) -> None:
        self.work, self.trial, self.table = work, trial, table
        self.find_whole, self.name_whole = find_whole, name_whole

    def list_steps(self) -> Iterator[Step]:
        work, table = self.work, self.table
        if table.is_partitioned:
            make = work.execute(self.trial.write("ON ONLY", table))
            yield Step(Way.BRIEF, make, lambda: self.find() is not None, (table.oid,))
            yield from _list_part_steps(work, self.trial, table, lambda: self.find().oid, self.name)
        else:
            make = work.execute(self.trial.write("CONCURRENTLY ON", table))
            build, clean_up = _with_dropping(work, self.drop_invalid, make)
            yield Step(Way.CONCURRENT, build, self.is_built, (table.oid,), clean_up)
        yield Step(Way.BRIEF, self.attach, self.is_attached, (table.oid,))

    def find(self) -> Any:
        """The index: attached already, or one that can be; it may be invalid."""
        whole = self.find_whole()
        rows = [row for row in list_indexes(get_connection(self.work.context), self.table) if self.trial.is_made_by(row)]
        attached = next((row for row in rows if row.parent == whole), None)
        free = [row for row in rows if row.parent is None]
        return attached or next((row for row in free if row.is_valid), None) or next(iter(free), None)

    def is_built(self) -> bool:
        row = _find_finished(self.work, self.find)
        return row is not None and bool(row.is_valid)

    def is_attached(self) -> bool:
        row = self.find()
        return row is not None and row.parent is not None

    def attach(self) -> None:
        self.work.run(f"ALTER INDEX {self.name_whole()} ATTACH PARTITION {self.name()}")

    def name(self) -> str:
        return f"{identifier(self.table.schema)}.{self.find().quoted}"

    def drop_invalid(self, _connection: Connection) -> None:
        row = self.find()
        if row is not None and row.parent is None and not row.is_valid and not row.is_built:
            log.warning("Index %s is invalid, since it could not be built: it is dropped", row.quoted)
            self.work.run(f"DROP INDEX CONCURRENTLY {self.name()}")


@dataclass(frozen=True, slots=True)
class _Row:
    is_unique: bool
    definition: str
    quoted: str
    quoted_table: str


def _with_dropping(
    work: Work, drop_invalid: Callable[[Connection], None], build: Callable[[], None]
) -> tuple[Callable[[], None], Callable[[Exception], None]]:
    """What builds an index, and what removes it when that fails."""

    def run() -> None:
        drop_invalid(get_connection(work.context))
        build()

    def clean_up(_error: Exception) -> None:
        with work.context.autocommit_block():
            drop_invalid(get_connection(work.context))

    return run, clean_up


def _find_finished(work: Work, find: Callable[[], Any]) -> Any:
    """Wait while another process builds the index, as that of a run that was killed does to its end."""
    told: list[str] = []
    while (row := find()) is not None and row.is_built:
        builders = find_builders(get_connection(work.context), row.oid)
        if builders and builders != told:
            log.warning("Waiting for %s, which builds index %s", ", ".join(builders), row.quoted)
            told = builders
        # An open transaction with a snapshot is what the building of an index waits for.
        commit(work.context)
        wait_a_moment(get_connection(work.context))
        commit(work.context)
    return row


def _make_index(work: Work, operation: ops.CreateIndexOp) -> Index:
    """The index, on a table that has the columns which it includes, as Alembic's own implementation gives it."""
    index = operation.to_index(work.context)
    for column in operation.kw.get("postgresql_include") or ():
        if isinstance(column, str) and index.table is not None and column not in index.table.c:
            index.table.append_column(Column(column, NullType()))
    return index


def _write(work: Work, operation: ops.CreateIndexOp) -> str:
    return compile_statement(CreateIndex(_make_index(work, operation)), work.dialect)
