"""A project that a program migrates: its models, two revisions, and which tables a database has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

MODELS = """
import enum

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    sad = 1
    glad = 2


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood]
"""
ONE = (
    """op.create_enum("mood", ["sad", "glad"])
    op.create_table("item", sa.Column("id", sa.Integer, primary_key=True), sa.Column("mood", MOOD, nullable=False))""".replace(
        "MOOD",
        'sa.Enum("sad", "glad", name="mood").with_variant(postgresql.ENUM(name="mood", create_type=False), "postgresql")',
    ),
    """op.drop_table("item")
    op.drop_enum("mood", ["sad", "glad"])""",
)
TWO = ('op.create_table("other", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("other")')

Make = Callable[..., Path]


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def tables(url: str) -> set[str]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        names = table_names(connection)
    engine.dispose()
    return names


def async_engine(url: str, **arguments: Any) -> AsyncEngine:
    return create_async_engine(
        url.replace("postgresql:", "postgresql+asyncpg:").replace("sqlite:", "sqlite+aiosqlite:"), **arguments
    )
