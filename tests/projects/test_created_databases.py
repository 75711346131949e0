"""A database that create_all has made, with revisions and none counted as done: each command says the same, typed as printed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Enum, MetaData, String, Table, create_engine
from sqlalchemy.pool import NullPool

from alembic_async_template import errors
from support.cases import MODELS
from support.constructs import key
from support.history import History
from support.project import Project
from support.servers import create_postgresql_database


def models(*columns: str, others: Sequence[str] = (), labels: Sequence[str] = ()) -> MetaData:
    metadata = MetaData()
    status: list[Column[str]] = [Column("status", Enum(*labels, name="status"))] if labels else []
    Table("post", metadata, key(), *(Column(name, String(9)) for name in columns), *status)
    for name in others:
        Table(name, metadata, key())
    return metadata


def create_all(url: str, metadata: MetaData) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    metadata.create_all(engine)


@pytest.fixture
def history(database_url: str, tmp_path: Path) -> History:
    return History(tmp_path / "one", database_url).initialise()


def write_history(history: History, *steps: MetaData, empty_url: str) -> None:
    """Write a revision for each step, by an empty database, and leave the last step as the models."""
    writer = History(history.directory, empty_url)
    for number, metadata in enumerate(steps):
        assert writer.revise(metadata, f"r{number}")
        writer.upgrade()
    history.metadata = steps[-1]


def refuse(history: History) -> errors.UnversionedTablesError:
    """What `check` and `revision` say, which is the same."""
    said = []
    for command in (history.find_differences, lambda: history.revise(history.metadata, "new")):
        with pytest.raises(errors.UnversionedTablesError) as refused:
            command()
        said.append(refused.value)
    assert str(said[0]) == str(said[1])
    return said[0]


def type_commands(history: History, lines: str) -> None:
    for line in lines.splitlines():
        alembic, command, revision = line.split()
        assert alembic == "alembic"
        if command == "stamp":
            history.stamp(revision)
        else:
            history.upgrade(revision)


def test_tables_as_the_models_have_them(history: History, tmp_path: Path) -> None:
    """They are counted as done, and nothing differs."""
    write_history(history, models(), models("title"), empty_url=f"sqlite:///{tmp_path}/empty.db")
    create_all(history.url, history.metadata)
    error = refuse(history)
    assert error.headline == "The database is at no revision, and already has 1 table of the models"
    assert error.where == "post: probably made by create_all"
    assert error.example == "alembic stamp head"
    type_commands(history, error.example)
    assert history.find_differences() == []


@pytest.mark.parametrize("others", [[], ["note"]])
def test_tables_of_older_models(history: History, tmp_path: Path, others: list[str]) -> None:
    """The revision that has made no column which is missing is counted as done, and the later ones run."""
    steps = models(), models("title"), models("title", "text", others=others)
    write_history(history, *steps, empty_url=f"sqlite:///{tmp_path}/empty.db")
    create_all(history.url, models())
    error = refuse(history)
    assert "\nnot there: " in error.where
    assert "column post.title" in error.missing
    assert error.fix == "if they are as revision r0 makes them, count that as done, and run the later ones"
    assert error.example == "alembic stamp r0\nalembic upgrade head"
    type_commands(history, error.example)
    assert history.find_differences() == []


@pytest.mark.postgresql
def test_enum_values_of_older_models(embedded_postgresql: str, tmp_path: Path) -> None:
    """A value that is missing shows the revision too; `upgrade` alone says that the values differ, and adds before it counts."""
    with ExitStack() as servers:
        empty, url, other = (servers.enter_context(create_postgresql_database(embedded_postgresql)) for _ in range(3))
        history = History(tmp_path / "one", url).initialise()
        write_history(history, models(labels=["a"]), models(labels=["a", "b"]), empty_url=empty)
        create_all(url, models(labels=["a"]))
        error = refuse(history)
        assert error.missing == ("value 'b' of enum public.status",)
        assert error.example == "alembic stamp r0\nalembic upgrade head"
        type_commands(history, error.example)
        assert history.find_differences() == []
        older = History(tmp_path / "two", other).initialise()
        write_history(
            older, models(labels=["a", "b"]), empty_url=servers.enter_context(create_postgresql_database(embedded_postgresql))
        )
        create_all(other, models(labels=["a"]))
        with pytest.raises(errors.EnumExistsError, match="exists already, with other values") as exists:
            older.upgrade()
        add, then, *_ = exists.value.fixes
        assert add.example == "ALTER TYPE public.status ADD VALUE 'b';"
        assert (then.label, then.example) == ("then", "alembic stamp r0")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(add.example.encode())
        type_commands(older, then.example)
        assert older.find_differences() == []


def test_what_the_first_revision_makes_is_missing(history: History, tmp_path: Path) -> None:
    """No revision is done, so a person has to add it before anything is counted."""
    write_history(history, models("title"), empty_url=f"sqlite:///{tmp_path}/empty.db")
    create_all(history.url, models())
    error = refuse(history)
    assert error.complete is None
    assert [(fix.advice, fix.example) for fix in error.fixes[:2]] == [
        ("add by hand what is not there, as the revisions make it", ""),
        ("mark the database as migrated", "alembic stamp head"),
    ]


def test_models_that_are_newer_than_all_revisions(history: History, tmp_path: Path) -> None:
    """What no revision makes is written into a new one afterwards."""
    write_history(history, models("title"), empty_url=f"sqlite:///{tmp_path}/empty.db")
    create_all(history.url, history.metadata)
    history.metadata = models("title", "text")
    error = refuse(history)
    assert error.missing == ("column post.text",)
    assert error.example == "alembic stamp head"
    type_commands(history, error.example)
    assert history.revise(history.metadata, "new")


def test_tables_of_another_application(history: History, tmp_path: Path) -> None:
    """They are none of the models', so the database is migrated."""
    write_history(history, models(), empty_url=f"sqlite:///{tmp_path}/empty.db")
    other = MetaData()
    Table("other", other, key())
    create_all(history.url, other)
    with pytest.raises(errors.DatabaseNotAtHeadError) as refused:
        history.find_differences()
    assert not isinstance(refused.value, errors.UnversionedTablesError)
    assert refused.value.example == "alembic upgrade head"


def test_the_doctor_says_the_same(project: Project, sqlite_url: str) -> None:
    """Its finding has the line of `check`, which knows what is missing."""
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    variables = {"DATABASE_URL": sqlite_url}
    project.alembic("revision", "--autogenerate", "-m", "one", "--rev-id", "one", env=variables)
    project.write({"app/models.py": MODELS + "    title: Mapped[str]\n"})
    project.alembic("upgrade", "head", env=variables)
    project.alembic("revision", "--autogenerate", "-m", "two", "--rev-id", "two", env=variables)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.execute("DROP TABLE alembic_version")
    line = "alembic stamp one\n         alembic upgrade head"
    assert line in project.alembic("check", env=variables, check=False).block
    found = json.loads(project.alembic("doctor", "--json", env=variables, check=False).stdout)["findings"]
    (fix,) = [one["fix"] for one in found if one["code"] == "not-stamped"]
    assert fix.endswith(":\nalembic stamp one\nalembic upgrade head")
