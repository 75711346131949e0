"""Traces revisions in this process, on a database that stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from uuid import uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template.plan.tracer import TracedStatement, trace
from support.project import replace_settings, write_environment

# The lock modes as they are written here.
MODES = {
    "AS": "AccessShareLock",
    "RS": "RowShareLock",
    "RE": "RowExclusiveLock",
    "SUE": "ShareUpdateExclusiveLock",
    "S": "ShareLock",
    "SRE": "ShareRowExclusiveLock",
    "E": "ExclusiveLock",
    "AE": "AccessExclusiveLock",
}


def trace_revisions(
    directory: Path, url: str, bodies: Mapping[str, str], driver: str = "asyncpg", **settings: str
) -> dict[str, list[TracedStatement]]:
    """Run revisions, each by its name with the body of its upgrade, and give the statements of each.

    Each call has a version table of its own, so that one database may be migrated by several histories.
    """
    folder = directory / uuid4().hex
    write_environment(folder, "", **{name: indent(body, "    ").strip() for name, body in bodies.items()})
    replace_settings(folder / "alembic.ini", "[alembic]", **settings)
    table = f"alembic_version_{uuid4().hex[:8]}"
    env = f"from alembic_async_template import run_environment\n\nrun_environment(version_table={table!r})\n"
    (folder / "migrations/env.py").write_text(env)
    config = Config(str(folder / "alembic.ini"))
    engine = create_async_engine(url.replace("postgresql:", f"postgresql+{driver}:"), poolclass=NullPool)
    config.attributes["connection"] = engine
    with trace(engine.sync_engine, [folder / "migrations/versions"], (None, table)) as tracer:
        command.upgrade(config, "heads")
    found: dict[str, list[TracedStatement]] = {name: [] for name in bodies}
    for statement in tracer.statements:
        found[statement.revision].append(statement)
    return found


def shorten_locks(statement: TracedStatement) -> str:
    """`author SRE, post AE`: of each table the strongest; the schema is left out, if it is the usual one."""
    order = list(MODES.values())
    strongest = dict(sorted(statement.locks, key=lambda lock: (lock[0], order.index(lock[1]))))
    return ", ".join(f"{table.removeprefix('public.')} {list(MODES)[order.index(mode)]}" for table, mode in strongest.items())


def spell_out(mode: str) -> str:
    """A lock as PostgreSQL's documentation has it: ACCESS EXCLUSIVE."""
    return " ".join(re.findall("[A-Z][a-z]+", MODES[mode].removesuffix("Lock"))).upper()
