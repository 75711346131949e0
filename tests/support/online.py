"""Runs revisions with the block `with op.online()`, and the same without it, on databases that are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any
from uuid import uuid4

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template.drift.schema_reader import read_schema
from alembic_async_template.drift.thing import Schema
from support.project import write_environment

SCHEMA = """
    CREATE SCHEMA other;
    CREATE TABLE other.author (id int PRIMARY KEY, code int UNIQUE, name text);
    CREATE TABLE author (id int PRIMARY KEY, code int UNIQUE, name text);
    CREATE TABLE post (id int, n int, m int, title text, slug varchar(20), author_id int, at timestamp, price numeric(8, 2), old int);
    CREATE INDEX post_old ON post (old);
    ALTER TABLE post ADD CONSTRAINT post_old_check CHECK (old > 0);
    ALTER TABLE post ADD CONSTRAINT post_m_required CHECK (m IS NOT NULL);
    CREATE TABLE measure (id int, n int, at date) PARTITION BY RANGE (id);
    CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM (0) TO (100);
    CREATE TABLE measure_2 PARTITION OF measure FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
    CREATE TABLE measure_2_1 PARTITION OF measure_2 FOR VALUES FROM (100) TO (150);
    CREATE TABLE measure_2_2 PARTITION OF measure_2 DEFAULT;
    CREATE INDEX measure_old ON measure (at);
    CREATE INDEX measure_1_n ON measure_1 (n);
    INSERT INTO author SELECT i, i, 'a' FROM generate_series(1, 5) AS i;
    INSERT INTO other.author SELECT i, i, 'a' FROM generate_series(1, 5) AS i;
    INSERT INTO post SELECT i, i, i, 'title', 'slug' || i, i % 5 + 1, now(), i, i FROM generate_series(1, 50) AS i;
    INSERT INTO measure SELECT i, i, now() FROM generate_series(0, 180) AS i;
"""


def prepare(url: str, sql: str = SCHEMA) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(sql.encode())


def make_engine(url: str, driver: str = "asyncpg") -> Any:
    return create_async_engine(url.replace("postgresql:", f"postgresql+{driver}:"), poolclass=NullPool)


def write_block(body: str) -> str:
    """The body in a block."""
    return f"with op.online():\n{indent(body, '    ')}"


class Runner:
    """A project with one revision, which runs in this process."""

    def __init__(self, directory: Path, url: str, upgrade: str, downgrade: str = "pass", driver: str = "asyncpg") -> None:
        folder = directory / uuid4().hex
        write_environment(folder, "", one=(indent(upgrade, "    ").strip(), indent(downgrade, "    ").strip()))
        self.config = Config(str(folder / "alembic.ini"))
        self.engine = make_engine(url, driver)
        self.config.attributes["connection"] = self.engine

    @property
    def sync_engine(self) -> Engine:
        return self.engine.sync_engine  # type: ignore[no-any-return]

    def upgrade(self) -> None:
        command.upgrade(self.config, "head")

    def downgrade(self) -> None:
        command.downgrade(self.config, "base")

    def listen(self, listener: Callable[..., None], name: str = "before_cursor_execute") -> None:
        event.listen(self.sync_engine, name, listener)


def read(url: str) -> Schema:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        return read_schema(connection)


def describe_schema(url: str) -> dict[Any, Any]:
    """All that the reader knows of each thing, in a form that two databases share: a column that was dropped and added has another place."""
    return {
        key: {name: fact for name, fact in thing.facts.items() if not name.endswith("oid") and name != "number"}
        | {"needs": sorted(map(str, thing.needs))}
        for key, thing in read(url).items()
    }
