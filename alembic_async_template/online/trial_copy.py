"""Lets the server itself say what a definition becomes: on a temporary copy of a table, without rows, that is taken back.

All of it goes past SQLAlchemy, whose listeners take note of what a revision does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.schema import DDLElement

from ..postgresql import identifier, literal
from .found import COLUMN, LAST_CONSTRAINT, Table

# The schema of temporary tables, under which operations name the copy.
TRIAL_SCHEMA = "pg_temp"

# Not by OID: an index of which nothing changes but the type of its column gets another one, and keeps its file.
_FILES = """
    SELECT pg_catalog.pg_relation_filenode(pg_class.oid) AS file, pg_catalog.pg_stat_get_xact_numscans(pg_class.oid) AS scans
    FROM pg_catalog.pg_class WHERE pg_class.oid = CAST({0} AS pg_catalog.regclass)
       OR pg_class.oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = CAST({0} AS pg_catalog.regclass))
    ORDER BY file
"""
_LAST_INDEX = """
    SELECT indisunique, pg_catalog.pg_get_indexdef(indexrelid), pg_catalog.quote_ident(pg_class.relname),
           pg_catalog.quote_ident(tables.relname)
    FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
    JOIN pg_catalog.pg_class AS tables ON tables.oid = indrelid
    WHERE indrelid = CAST({} AS pg_catalog.regclass) ORDER BY indexrelid DESC LIMIT 1
"""


class TrialCopy:
    """A copy of a table on which statements can be tried."""

    def __init__(self, ask: Callable[[str], list[dict[str, Any]]], table: Table, dialect: Dialect) -> None:
        self._ask = ask
        self._dialect = dialect
        self.quoted = f"{TRIAL_SCHEMA}.{identifier(table.name)}"
        self._name = literal(self.quoted)

    def run(self, statement: DDLElement | str) -> None:
        self._ask(statement if isinstance(statement, str) else compile_statement(statement, self._dialect))

    def does_work(self, statement: DDLElement) -> bool:
        """Run a statement, and say whether it writes or reads the rows of the table, as it would without any."""
        query = _FILES.format(self._name)
        before = self._ask(query)
        self.run(statement)
        after = self._ask(query)
        return before != after

    def drop_column(self, name: str) -> None:
        """Take a column away, if the table has it."""
        self.run(f"ALTER TABLE {self.quoted} DROP COLUMN IF EXISTS {identifier(name)} CASCADE")

    def read_constraint(self) -> dict[str, Any]:
        """The constraint that was made last."""
        return self._ask(LAST_CONSTRAINT % self._name)[0]

    def read_index(self) -> dict[str, Any]:
        """The index that was made last."""
        row = self._ask(_LAST_INDEX.format(self._name))[0]
        return dict(zip(("is_unique", "definition", "quoted", "quoted_table"), row.values(), strict=True))

    def read_column(self, name: str) -> dict[str, Any] | None:
        where = f"AND attrelid = CAST({self._name} AS pg_catalog.regclass) AND attname = CAST({literal(name)} AS name)"
        return next(iter(self._ask(f"{COLUMN} {where}")), None)


def compile_statement(statement: DDLElement, dialect: Dialect) -> str:
    """Its text as the server is to read it: for some drivers SQLAlchemy doubles percent signs."""
    sql = str(statement.compile(dialect=dialect))
    return sql.replace("%%", "%") if dialect.paramstyle in {"format", "pyformat"} else sql


@contextmanager
def try_on_copy(connection: Connection, table: Table, including: str = "") -> Iterator[TrialCopy]:
    """A copy of a table while the body runs, in the transaction of the connection, which keeps nothing of it.

    :param including: what of the table the copy has beside columns, as CREATE TABLE names it: `INCLUDING INDEXES`.
    """

    def ask(statement: str) -> list[dict[str, Any]]:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(statement)
            if not cursor.description:
                return []
            names = [str(column[0]) for column in cursor.description]
            # Two columns without a name of their own share one.
            return [dict(zip(_number(names), row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()

    connection.exec_driver_sql("SELECT 1")  # begins the transaction, if there is none yet
    ask("SAVEPOINT online_trial")
    try:
        ask(f"CREATE TEMPORARY TABLE {identifier(table.name)} (LIKE {table.quoted} {including})")
        yield TrialCopy(ask, table, connection.dialect)
    finally:
        ask("ROLLBACK TO SAVEPOINT online_trial")
        ask("RELEASE SAVEPOINT online_trial")


def _number(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}{place}" for place, name in enumerate(names)]
