"""A session in a revision that has not written what was added to it: the revision would count as done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations, errors
from support.project import write_environment

CREATE = "op.create_table('post', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('title', sa.Text()))"
MODEL = """from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class Post(Base):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    op.get_bind().execute(sa.text("INSERT INTO post VALUES (1, 'a')"))
    session = Session(op.get_bind())
    """


def list_titles(url: str) -> list[str]:
    """The rows of the table."""
    backend = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    engine = create_engine(
        make_url(url).set(drivername=backend.get(make_url(url).get_backend_name(), "sqlite")), poolclass=NullPool
    )
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT title FROM post ORDER BY id")))


def upgrade(tmp_path: Path, url: str, body: str) -> None:
    body = body.replace("\n", "\n    ")
    write_environment(tmp_path, url.replace("%", "%%"), one=CREATE, two=MODEL + body)
    asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


@pytest.mark.parametrize(
    "body",
    [
        "session.add(Post(id=2, title='b'))",
        "session.get(Post, 1).title = 'b'",
        "session.delete(session.get(Post, 1))",
        "with session:\n    session.add(Post(id=2, title='b'))",
    ],
    ids=["added", "changed", "deleted", "forgotten when closed"],
)
def test_what_is_not_flushed_fails_the_revision(body: str, tmp_path: Path, database_url: str) -> None:
    """Nothing of the revision is committed; with what the fix says, it is done."""
    with pytest.raises(errors.RevisionFailedError) as failed:
        upgrade(tmp_path, database_url, body)
    line = (tmp_path / "migrations/versions/two.py").read_text().splitlines().index("def upgrade():") + 1
    assert str(failed.value) == (
        "A session has not written its objects of Post, and the revision would count as done\n"
        f"  where  revision two, {tmp_path}/migrations/versions/two.py:{line}\n"
        "         def upgrade()\n"
        "  state  rolled back; applied before it in this run: one\n"
        "  fix    write them before the function or the session ends:\n"
        "         session.flush()"
    )
    assert list_titles(database_url) == []
    indent = "    " if body.startswith("with") else ""
    upgrade(tmp_path, database_url, f"{body}\n{indent}session.flush()")
    assert list_titles(database_url) != ["a"]


@pytest.mark.parametrize(
    "body",
    [
        "session.add(Post(id=2, title='b'))\nsession.commit()",
        "session.add(Post(id=2, title='b'))\nsession.rollback()",
        "session.scalars(sa.select(Post)).all()",
        "with Session(op.get_bind()) as session, session.begin():\n    session.add(Post(id=2, title='b'))",
    ],
    ids=["committed", "rolled back", "read", "begun"],
)
def test_what_is_written_or_taken_back_is_no_fault(body: str, tmp_path: Path, sqlite_url: str) -> None:
    """Only what is lost without a word is refused."""
    upgrade(tmp_path, sqlite_url, body)
