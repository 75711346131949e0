"""Makes a temporary database on the server of another, alike in what decides how statements run, and removes it."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from .. import _compat
from ..diagnosis.driver_errors import find_sqlstate
from ..errors import ShadowError
from ..errors.block import Fix
from ..errors.shadow_errors import SHADOW_URL
from ..postgresql import SQLState, identifier, literal
from ..run.connection import call_on_new_connection

log = logging.getLogger("alembic_async_template")

# The name says when it was made, by the clock of the server.
_PREFIX = "alembic_shadow_"
# A database of a run that was killed: no one is connected, and whoever made it has had the time to.
_LEFTOVERS = text(rf"""
    SELECT CAST(datname AS text) AS name FROM pg_catalog.pg_database
    WHERE datname ~ '^{_PREFIX}\d+_[0-9a-f]+$' AND pg_catalog.pg_has_role(datdba, 'MEMBER')
      AND CAST(pg_catalog.split_part(datname, '_', 3) AS bigint) < extract(epoch FROM pg_catalog.now()) - 60
      AND pg_catalog.shobj_description(oid, 'pg_database') IS NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pg_stat_activity.datid = pg_database.oid)
""")
_KEPT = text(rf"""
    SELECT CAST(datname AS text) FROM pg_catalog.pg_database
    WHERE datname ~ '^{_PREFIX}\d+_[0-9a-f]+$' AND pg_catalog.shobj_description(oid, 'pg_database') LIKE :like
    ORDER BY datname
""")
# The columns differ from version to version: https://www.postgresql.org/docs/current/catalog-pg-database.html
_LOCALE = text("""
    SELECT pg_catalog.to_jsonb(pg_database) AS facts, pg_catalog.pg_encoding_to_char(encoding) AS encoding,
           CAST(extract(epoch FROM pg_catalog.now()) AS bigint) AS seconds
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
""")
# What ALTER DATABASE ... SET and ALTER ROLE ... IN DATABASE ... SET have changed for whoever migrates.
_SETTINGS = text("""
    SELECT setrole <> 0 AS of_role, pg_catalog.split_part(setting, '=', 1) AS name,
           pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1) AS value
    FROM pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) AS setting
    WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER))
    ORDER BY setrole
""")
_SET = text("SELECT pg_catalog.set_config(:name, :value, false)")
# It would keep the shadow from being written.
_NOT_COPIED = frozenset({"default_transaction_read_only"})


@contextmanager
def make_shadow(engine: Engine, template: str | None = None) -> Iterator[str]:
    """While the body runs, there is a database of the name that this gives on the server of an engine, empty or a copy.

    It has the encoding, the locale and the settings of the engine's database, since `TimeZone` for example decides whether a
    change of type rewrites a table. What killed runs have left is removed first. Dropping a database writes a checkpoint:
    https://www.postgresql.org/docs/current/sql-dropdatabase.html

    :param template: the database to copy.
    :raises ShadowError: the role may not create databases.
    """
    names: list[str] = []
    try:
        _create(engine, names, template)
        yield names[0]
    finally:
        _drop(engine, names)


def keep_shadow(engine: Engine, digest: str, fill: Callable[[str], object]) -> str:
    """The database that is kept under a digest; a new one where there is none yet, in place of others of the same live database.

    :param fill: is called with the name of a new one, to put into it what it is kept for.
    :raises ShadowError: the role may not create databases.
    """
    kept = find_kept(engine, digest)
    if kept is not None:
        return kept
    names: list[str] = []
    try:
        _create(engine, names)
        fill(names[0])
    except BaseException:
        _drop(engine, names)
        raise

    def mark(connection: Connection) -> None:
        old = connection.scalars(_KEPT, {"like": f"{_like(_describe_kept(engine, ''))}%"}).all()
        comment = literal(_describe_kept(engine, digest))
        connection.exec_driver_sql(f"COMMENT ON DATABASE {identifier(names[0])} IS {comment}".replace("%", "%%"))
        for name in old:
            with suppress(DBAPIError):  # another run copies it
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {identifier(name)}")

    call_on_new_connection(_compat.clone_engine(engine), mark)
    return names[0]


def find_kept(engine: Engine, digest: str) -> str | None:
    """The name of the database that is kept under a digest."""
    found: list[str] = []
    like = _like(_describe_kept(engine, digest))
    call_on_new_connection(
        _compat.clone_engine(engine), lambda connection: found.extend(connection.scalars(_KEPT, {"like": like}).all())
    )
    return found[0] if found else None


def _describe_kept(engine: Engine, digest: str) -> str:
    """The comment of a database that is kept."""
    return f"kept for alembic plan of {engine.url.database}: {digest}"


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _create(engine: Engine, names: list[str], template: str | None = None) -> None:
    def create(connection: Connection) -> None:
        for name in connection.scalars(_LEFTOVERS).all():
            with suppress(DBAPIError):  # another run removes it, or has connected to it now
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {identifier(name)}")
        found = connection.execute(_LOCALE).one()
        facts = found.facts if isinstance(found.facts, dict) else json.loads(found.facts)
        name = f"{_PREFIX}{found.seconds}_{secrets.token_hex(4)}"
        names.append(name)
        source = identifier(template) if template else f"template0 {_write_locale(facts, found.encoding)}"
        connection.exec_driver_sql(f"CREATE DATABASE {identifier(name)} TEMPLATE {source}")
        _copy_settings(connection, name)

    try:
        call_on_new_connection(_compat.clone_engine(engine), create)
    except DBAPIError as error:
        if find_sqlstate(error) != SQLState.INSUFFICIENT_PRIVILEGE:
            raise
        problem = f'The role "{engine.url.username}" may not create a database, on which the revisions would be tried'
        right = Fix("let the role create databases", f"ALTER ROLE {identifier(str(engine.url.username))} CREATEDB")
        raise ShadowError(problem, SHADOW_URL, right) from error


def _drop(engine: Engine, names: Sequence[str]) -> None:
    def drop(connection: Connection) -> None:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")

    if names:
        call_on_new_connection(_compat.clone_engine(engine), drop)


def _write_locale(facts: dict[str, object], encoding: str) -> str:
    provider = facts.get("datlocprovider")
    words = {"ENCODING": encoding, "LC_COLLATE": facts["datcollate"], "LC_CTYPE": facts["datctype"]}
    locale = facts.get("datlocale") or facts.get("daticulocale")
    if provider == "i":
        words |= {"LOCALE_PROVIDER": "icu", "ICU_LOCALE": locale, "ICU_RULES": facts.get("daticurules")}
    elif provider == "b":
        words |= {"LOCALE_PROVIDER": "builtin", "BUILTIN_LOCALE": locale}
    return " ".join(f"{word} {literal(str(value))}" for word, value in words.items() if value is not None).replace("%", "%%")


def _copy_settings(connection: Connection, name: str) -> None:
    for setting in connection.execute(_SETTINGS).all():
        if setting.name in _NOT_COPIED or not re.fullmatch(r"[\w.]+", setting.name):
            continue
        owner = "ROLE CURRENT_USER IN DATABASE" if setting.of_role else "DATABASE"
        try:
            connection.execute(_SET, {"name": setting.name, "value": setting.value})
            connection.exec_driver_sql(f"ALTER {owner} {identifier(name)} SET {setting.name} FROM CURRENT")
        except DBAPIError as error:  # only a superuser may set it
            log.debug("The setting %s is not that of the live database: %s", setting.name, error.orig)
