"""Asks the live server how it would carry out the UPDATEs and DELETEs of a plan; nothing is carried out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from .. import _compat
from ..masking import HIDDEN
from ..postgresql import empty_strings
from ..run.connection import call_on_new_connection
from .live_facts import TableFacts, only_reading
from .tracer import TracedStatement
from .verdict import Explained

log = logging.getLogger("alembic_async_template")

_INSERTS = re.compile(r"^\s*INSERT\b", re.IGNORECASE)
_CHANGES = re.compile(r"^\s*(UPDATE|DELETE|INSERT|MERGE)\b", re.IGNORECASE)


def explain_rows(engine: Engine, statements: Sequence[TracedStatement], tables: Mapping[str, TableFacts]) -> dict[int, Explained]:
    """What is known, by the place of a statement; not of one with parameters.

    :param tables: those of the live database.
    """
    found: dict[int, Explained] = {}
    wanted = {number: one.sql for number, one in enumerate(statements) if _can_be_explained(one)}

    def explain(connection: Connection) -> None:
        connection.execution_options(isolation_level=connection.default_isolation_level)
        for number, sql in wanted.items():
            try:
                with only_reading(connection):
                    explain_sql = f"EXPLAIN (FORMAT JSON, VERBOSE) {sql}"
                    plan = connection.exec_driver_sql(explain_sql, execution_options={"no_parameters": True}).scalar_one()
            except DBAPIError as error:  # a column that an earlier statement makes, for example
                log.debug("The server does not explain a statement: %s", error.orig)
                assumed = _assume_all_rows(statements[number], tables)
                if assumed is not None:
                    found[number] = assumed
                continue
            found[number] = _read_plan(json.loads(plan) if isinstance(plan, str) else plan)

    if wanted:
        call_on_new_connection(_compat.clone_engine(engine), explain)
    return found


def _assume_all_rows(statement: TracedStatement, tables: Mapping[str, TableFacts]) -> Explained | None:
    """What a statement does at most whose column, for example, is not there yet."""
    changed = [table for table, mode in statement.locks if mode == "RowExclusiveLock" and table in tables]
    if not changed or _INSERTS.match(statement.sql):
        return None
    return Explained(max(tables[table].rows for table in changed), tuple(changed))


def _can_be_explained(statement: TracedStatement) -> bool:
    """Whether it is one statement and nothing else, so that nothing after it could be carried out."""
    if ";" in empty_strings(statement.sql) or HIDDEN in statement.sql:
        return False
    return bool(_CHANGES.match(statement.sql)) and not statement.has_parameters


def _read_plan(plan: Sequence[Mapping[str, Any]]) -> Explained:
    top = plan[0]["Plan"]
    nodes = list(list_nodes(top))
    scans = [f"{node['Schema']}.{node['Relation Name']}" for node in nodes if node["Node Type"] == "Seq Scan"]
    below = top.get("Plans") or [top]
    return Explained(int(max(node["Plan Rows"] for node in below)), tuple(dict.fromkeys(scans)))


def list_nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A node of a plan, and those below it."""
    yield node
    for below in node.get("Plans", ()):
        yield from list_nodes(below)
