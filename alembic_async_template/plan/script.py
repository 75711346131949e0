"""Writes what was recorded on a shadow as a script for psql, the rebuilds of enum types as the live database needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection, Engine

from .. import _compat
from ..application.settings import Settings
from ..enums.catalog import DUMP_SETTINGS, change_settings, reflect_enums
from ..enums.model import Change, EnumType
from ..enums.rebuild_script import write_rebuild
from ..errors import ScriptError
from ..errors.block import Fix
from ..errors.failure import shorten_path
from ..postgresql import dollar_quote, literal, qualified
from ..run.connection import call_on_new_connection
from ..run.migration_lock import make_lock_key
from .live_facts import LiveFacts, only_reading
from .recording import Refusal

# psql shows the result of a SELECT.
_SETS = re.compile(r"SELECT pg_catalog\.set_config\('(lock_timeout)', [^']*('[^']*')[^',]*, false\)")
_ADVICE = {
    Refusal.RESULT: Fix("write it as SQL that does not need the result, or with op.execute, which has none"),
    Refusal.TRANSACTION: Fix("let Alembic end the transaction", "with op.get_context().autocommit_block():"),
}
_DRIFT = Fix("see how the database differs from its revisions", "alembic drift")


def write_script(
    recording: Mapping[str, Any], facts: LiveFacts, engine: Engine | None, settings: Settings, names: Mapping[str, str]
) -> str:
    """The text of the script.

    :param recording: what a `Recording` has, as JSON.
    :param engine: leads to the live database; None where that is not reached.
    :raises ScriptError: something cannot be written; all of it is named.
    """
    problems = [f"{shorten_path(Path(file))}:{line} {refusal}" for file, line, refusal in recording["refused"]]
    fixes = [_ADVICE[Refusal(refusal)] for refusal in dict.fromkeys(refusal for _, _, refusal in recording["refused"])]
    rebuilds = [one["rebuild"] for one in recording["statements"] if one["rebuild"]]
    written = _write_rebuilds(rebuilds, engine, problems)
    if problems:
        raise ScriptError(problems, *fixes, *([_DRIFT] if len(problems) > len(recording["refused"]) else []))
    schema, table = recording["version_table"] or (None, "alembic_version")
    lines = [
        f"-- An upgrade of {facts.database or 'a database'} from {', '.join(facts.current) or 'base'}, for psql.",
        "\\set ON_ERROR_STOP on",
        "SET client_encoding = 'UTF8';",
        "SET client_min_messages = warning;",
        "SET standard_conforming_strings = on;",
        f"SET lock_timeout = {round(settings.lock_timeout * 1000)};",
        f"SET statement_timeout = {round(settings.statement_timeout * 1000)};",
        "",
        *_end(_check_start(schema, table, facts.current)),
        *_write_statements(recording["statements"], written, names),
    ]
    return "\n".join(lines)


def _check_start(schema: str | None, table: str, current: Sequence[str]) -> str:
    """Stop where another migration runs, or the database is at another revision than this script begins at."""
    name = qualified(table, schema)
    key = make_lock_key(table if schema is None else f"{schema}.{table}")
    body = [
        "DECLARE",
        f"    expected text[] := ARRAY[{', '.join(map(literal, sorted(current)))}]::text[];",
        "    actual text[] := '{}';",
        "BEGIN",
        f"    IF NOT pg_catalog.pg_try_advisory_lock({key}) THEN",
        "        RAISE EXCEPTION 'Another migration of this database is running';",
        "    END IF;",
        f"    IF pg_catalog.to_regclass({literal(name)}) IS NOT NULL THEN",
        f'        actual := ARRAY(SELECT version_num FROM {name} ORDER BY version_num COLLATE "C");',
        "    END IF;",
        "    IF actual <> expected THEN",
        "        RAISE EXCEPTION 'This script begins at %, and the database is at %', expected, actual",
        "            USING HINT = 'Write the script again, from where the database is now: alembic plan --sql';",
        "    END IF;",
        "END",
    ]
    return "DO " + dollar_quote("\n".join(body))


def _write_statements(
    statements: Sequence[Mapping[str, Any]], rebuilds: Sequence[Sequence[str]], names: Mapping[str, str]
) -> Iterator[str]:
    left = iter(rebuilds)
    transaction = revision = None
    for one in statements:
        if one["transaction"] != transaction:
            if transaction is not None:
                yield "COMMIT;"
            transaction = one["transaction"]
            if transaction is not None:
                yield from ("", "BEGIN;")
        if one["revision"] != revision and one["revision"] is not None:
            revision = one["revision"]
            yield from ("", f"-- {names[revision]}")
        for sql in next(left) if one["rebuild"] else [one["sql"]]:
            yield from _end(_SETS.sub(r"SET \1 = \2", sql))
    if transaction is not None:
        yield "COMMIT;"


def _end(sql: str) -> list[str]:
    """A statement with a semicolon, which a comment at its end would hide."""
    sql = sql.strip().removesuffix(";")
    return [f"{sql}\n;" if "--" in sql.rpartition("\n")[2] else f"{sql};"]


def _write_rebuilds(rebuilds: Sequence[Mapping[str, Any]], engine: Engine | None, problems: list[str]) -> list[Sequence[str]]:
    """The statements of each rebuild, planned from the live catalog; what keeps one from being written is a problem."""
    if engine is None or not rebuilds:
        return [rebuild["now"]["statements"] for rebuild in rebuilds]
    written: list[Sequence[str]] = []

    def write(connection: Connection) -> None:
        connection.execution_options(isolation_level=connection.default_isolation_level)
        with only_reading(connection):
            change_settings(connection, DUMP_SETTINGS)
            enums = {enum.quoted_name: enum for enum in reflect_enums(connection)}
            written.extend(_choose_statements(connection, rebuild, enums, problems) for rebuild in rebuilds)

    call_on_new_connection(_compat.clone_engine(engine), write)
    return written


def _choose_statements(
    connection: Connection, rebuild: Mapping[str, Any], enums: Mapping[str, EnumType], problems: list[str]
) -> Sequence[str]:
    """The statements for a type that is used as on the shadow, or for how it is used on the live database.

    Where both the pending revisions and something else have changed how it is used, no one knows what is right.
    """
    earlier, now = rebuild["earlier"], rebuild["now"]
    name = qualified(rebuild["name"], rebuild["schema"])
    place = f"{shorten_path(Path(rebuild['file']))}:{rebuild['line']}"
    enum = enums.get(name)
    if enum is None or earlier is None:
        if (enum is None) != (earlier is None):
            problems.append(f"{place} enum {name} {'is missing in' if enum is None else 'is already in'} the live database")
        return list(now["statements"])
    written = write_rebuild(connection, Change(enum, tuple(rebuild["target"]), rebuild["replace_with"]))
    if list(written.use) == earlier["use"]:
        return list(now["statements"])
    if now["use"] != earlier["use"] or list(enum.labels) != rebuild["labels"]:
        problems.append(f"{place} enum {name} is used otherwise in the live database than its revisions have it")
        return []
    problems.extend(f"{place} {blocker}" for blocker in written.blockers)
    return written.statements
