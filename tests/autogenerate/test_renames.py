"""Tables and columns that were renamed: asked about on a terminal, answered ahead with `-x`, or told in a comment."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import alembic
import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.base import PGDialect

from alembic_async_template.autogenerate.renames import Difference, Rename, find_candidates
from alembic_async_template.errors import RenameAnswerError, RenameTrialError
from alembic_async_template.run.rename_answers import RenameAnswers, read_answers
from support.commands import ALEMBIC, keep_variables
from support.constructs import key
from support.doctor import type_line
from support.fingerprint import read_fingerprint
from support.history import History, migrate
from support.models import CONVENTION
from support.project import Project
from support.terminal import run_on_terminal

ALEMBIC_VERSION = tuple(map(int, alembic.__version__.split(".")[:3]))
Declare = Callable[[MetaData], None]


def declare(declaration: Declare, convention: dict[str, str] | None = None) -> MetaData:
    metadata = MetaData(naming_convention=convention) if convention else MetaData()
    declaration(metadata)
    return metadata


def execute(url: str, *statements: str) -> list[Any]:
    """Run SQL; the rows of the last statement."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        results = [connection.execute(sa.text(statement.replace(":", "\\:"))) for statement in statements]
        return list(results[-1]) if results[-1].returns_rows else []


def read_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def read_upgrade(text: str | None) -> str:
    """What a revision does, without what is in every one."""
    assert text is not None
    body = text.partition("please adjust! ###\n")[2].partition("    # ### end")[0]
    return re.sub(r",\n +", ", ", body.replace("    op.", "op."))


# What users rename, one case each: models before and after, rows, what was renamed, and a query with the same answer after it.


def plain_before(metadata: MetaData) -> None:
    Table("item", metadata, key(), Column("raw", String(20), index=True, unique=True))


def plain_after(metadata: MetaData) -> None:
    Table("item", metadata, key(), Column("raw_data", Text, index=True, unique=True, nullable=False, server_default="x"))


def keys_before(metadata: MetaData) -> None:
    Table("owner", metadata, key(), Column("code", String(20), unique=True))
    Table("post", metadata, key(), Column("owner_code", ForeignKey("owner.code")), Column("parent_id", ForeignKey("post.id")))
    Table("comment", metadata, key(), Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), index=True))


def keys_after(metadata: MetaData) -> None:
    Table("owner", metadata, key(), Column("short", String(20), unique=True))
    Table("article", metadata, key(), Column("owner", ForeignKey("owner.short")), Column("parent", ForeignKey("article.id")))
    Table("comment", metadata, key(), Column("article_id", ForeignKey("article.id", ondelete="CASCADE"), index=True))


def checks_before(metadata: MetaData) -> None:
    table = Table("item", metadata, key(), Column("low", Integer), Column("high", Integer), Column("kind", Text))
    table.append_constraint(CheckConstraint("low < high", name="order"))
    Index("item_low_high", table.c.low, table.c.high)
    Index("item_some", table.c.kind, postgresql_where=sa.text("low IS NOT NULL"))
    Index("item_lower", sa.func.lower(table.c.kind))


def checks_after(metadata: MetaData) -> None:
    table = Table("item", metadata, key(), Column("least", Integer), Column("high", Integer), Column("sort", Text))
    table.append_constraint(CheckConstraint("least < high", name="order"))
    Index("item_low_high", table.c.least, table.c.high)
    Index("item_some", table.c.sort, postgresql_where=sa.text("least IS NOT NULL"))
    Index("item_lower", sa.func.lower(table.c.sort))


def types_before(metadata: MetaData) -> None:
    status = sa.Enum("draft", "live", name="status")
    Table(
        "item",
        metadata,
        key(),
        Column("status", status, server_default="draft"),
        Column("tags", sa.JSON().with_variant(pg.ARRAY(Text), "postgresql")),
        Column("n", Integer, server_default="1", comment="a number"),
    )


def types_after(metadata: MetaData) -> None:
    status = sa.Enum("new", "draft", "live", name="status")
    Table(
        "item",
        metadata,
        key(),
        Column("state", status, server_default="live"),
        Column("labels", sa.JSON().with_variant(pg.ARRAY(Text), "postgresql")),
        Column("count", sa.BigInteger, server_default="2", comment="another number"),
    )


def generated_before(metadata: MetaData) -> None:
    Table("item", metadata, key(), Column("n", Integer), Column("twice", Integer, sa.Computed("n * 2", persisted=True)))


def generated_after(metadata: MetaData) -> None:
    Table("item", metadata, key(), Column("m", Integer), Column("double", Integer, sa.Computed("m * 2", persisted=True)))


def nasty_before(metadata: MetaData) -> None:
    Table('Old "t".%: x', metadata, key(), Column("a.b:c", Text, index=True), Column("it's", Text))


def nasty_after(metadata: MetaData) -> None:
    Table('New "t".%: x', metadata, key(), Column('A "b"', Text, index=True), Column("select", Text))


CASES: dict[str, tuple[Declare, Declare, str, list[str], str, str]] = {
    "plain": (
        plain_before,
        plain_after,
        "INSERT INTO item VALUES (1, 'one')",
        ["rename=item.raw:raw_data"],
        "SELECT raw FROM item",
        "SELECT raw_data FROM item",
    ),
    "keys": (
        keys_before,
        keys_after,
        "INSERT INTO owner VALUES (1, 'a'); INSERT INTO post VALUES (1, 'a', NULL), (2, 'a', 1); INSERT INTO comment VALUES (1, 2)",
        [
            "rename=owner.code:short",
            "rename_table=post:article",
            "rename=article.owner_code:owner",
            "rename=post.parent_id:parent",
            "rename=comment.post_id:article_id",
        ],
        "SELECT c.post_id, parent_id, code FROM comment c JOIN post p ON p.id = c.post_id JOIN owner o ON o.code = owner_code",
        "SELECT c.article_id, parent, short FROM comment c JOIN article p ON p.id = c.article_id JOIN owner o ON short = p.owner",
    ),
    "checks": (
        checks_before,
        checks_after,
        "INSERT INTO item VALUES (1, 2, 3, 'x')",
        ["rename=item.low:least", "rename=item.kind:sort"],
        "SELECT low, kind FROM item",
        "SELECT least, sort FROM item",
    ),
    "types": (
        types_before,
        types_after,
        "INSERT INTO item VALUES (1, 'live', '[]', 5)",
        ["rename=item.status:state", "rename=item.tags:labels", "rename=item.n:count"],
        "SELECT status, n FROM item",
        "SELECT state, count FROM item",
    ),
    "generated": (
        generated_before,
        generated_after,
        "INSERT INTO item (id, n) VALUES (1, 2)",
        ["rename=item.n:m", "rename=item.twice:double"],
        "SELECT n, twice FROM item",
        "SELECT m, double FROM item",
    ),
    "nasty": (
        nasty_before,
        nasty_after,
        """INSERT INTO "Old ""t"".%: x" VALUES (1, 'x', 'y')""",
        [
            '''rename_table="Old ""t"".%: x":"New ""t"".%: x"''',
            '''rename="New ""t"".%: x"."a.b:c":"A ""b"""''',
            """rename="New ""t"".%: x".it's:select""",
        ],
        '''SELECT "a.b:c", "it's" FROM "Old ""t"".%: x"''',
        '''SELECT "A ""b""", "select" FROM "New ""t"".%: x"''',
    ),
}


def read_tables(url: str) -> dict[str, list[str]]:
    """The whole catalog but the names of an index's own columns, which stay when those of its table are renamed."""
    fingerprint = read_fingerprint(url)
    indexes = [index.partition(",")[0] + "," for index in fingerprint["indexes"]]
    fingerprint["columns"] = [column for column in fingerprint["columns"] if not column.startswith(tuple(indexes))]
    return fingerprint


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.parametrize("convention", [None, CONVENTION], ids=["plain", "convention"])
@pytest.mark.parametrize("name", CASES)
def test_a_rename_that_is_answered_ahead_keeps_the_values(
    name: str, convention: dict[str, str] | None, database_url: str, tmp_path: Path
) -> None:
    """Upgrade: the rows are there and nothing differs; downgrade: as before in every detail; upgrade again: the same."""
    before, after, rows, answers, old, new = CASES[name]
    on_sqlite = database_url.startswith("sqlite")
    if name == "keys" and ALEMBIC_VERSION < (1, 18, 3):
        pytest.skip("this Alembic compares no key to a table that goes")
    if name == "generated" and on_sqlite:
        pytest.skip("Alembic itself cannot change a table with generated columns on SQLite")
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", declare(before, convention))
    rows = rows if on_sqlite else rows.replace("'[]'", "'{}'")
    execute(database_url, *rows.split("; "))
    values = execute(database_url, old)
    fingerprint = None if on_sqlite else read_tables(database_url)
    migrations.arguments = answers
    text = migrations.revise(declare(after, convention), "two")
    assert text is not None
    assert "drop_column" not in text
    assert "drop_table" not in text
    assert on_sqlite or "drop_" not in text.replace("drop_enum", "")
    migrations.upgrade()
    assert execute(database_url, new) == values
    migrations.arguments = []
    assert migrations.find_differences() == []
    migrations.downgrade("-1")
    assert execute(database_url, old) == values
    assert on_sqlite or read_tables(database_url) == fingerprint
    migrations.upgrade()
    assert execute(database_url, new) == values
    assert migrations.find_differences() == []


# What PostgreSQL has besides.


def elsewhere(column: str, table: str) -> Declare:
    def models(metadata: MetaData) -> None:
        Table("item", metadata, key(), Column(column, Text, index=True), schema="s")
        Table(table, metadata, key(), Column("item_id", ForeignKey("s.item.id")), schema="public")

    return models


def partitioned(column: str, table: str) -> Declare:
    def models(metadata: MetaData) -> None:
        columns = [Column(name, sa.Date, primary_key=True) for name in ("id", "day")]
        Table(table, metadata, *columns, Column(column, Text, index=True), postgresql_partition_by="RANGE (day)")

    return models


def inherited(column: str, _table: str) -> Declare:
    def models(metadata: MetaData) -> None:
        Table("a_parent", metadata, key(), Column(column, Text))
        Table("child", metadata, Column("more", Text), postgresql_inherits="a_parent")

    return models


def numbered(column: str, table: str) -> Declare:
    def models(metadata: MetaData) -> None:
        counter = sa.Sequence("counter", metadata=metadata)
        counted = Column("n", Integer, counter, server_default=counter.next_value())
        Table(table, metadata, Column("id", Integer, sa.Identity(), primary_key=True), counted, Column(column, Text))
        Table(f"{table}_serial", metadata, key(), Column("x", Integer))

    return models


def named_enum(column: str, _table: str) -> Declare:
    def models(metadata: MetaData) -> None:
        Table("item", metadata, key(), Column(column, sa.Enum("a", "b", name=f"type_of_{column}"), server_default="a"))

    return models


ON_POSTGRESQL: dict[str, tuple[Callable[[str, str], Declare], list[str], list[str]]] = {
    "schema": (elsewhere, ["rename=s.item.old:new", "rename_table=public.t_old:t_new"], []),
    "partitions": (
        partitioned,
        ["rename_table=t_old:t_new", "rename=t_old.old:new"],
        ["CREATE TABLE part PARTITION OF t_old FOR VALUES FROM ('2020-01-01') TO ('2030-01-01')"],
    ),
    "children": (inherited, ["rename=a_parent.old:new"], []),
    "enum": (named_enum, ["rename=item.old:new"], []),
    "view": (elsewhere, ["rename=s.item.old:new", "rename_table=t_old:t_new"], ["CREATE VIEW v AS SELECT old FROM s.item"]),
    "numbers": (
        numbered,
        ["rename_table=t_old:t_new", "rename=t_new.old:new", "rename_table=t_old_serial:t_new_serial"],
        ["INSERT INTO t_old DEFAULT VALUES", "INSERT INTO t_old_serial DEFAULT VALUES"],
    ),
}


@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_what_depends_on_a_renamed_table_or_column_follows(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """Schemas, partitions, inherited columns, views, enum types and numbers: it runs both ways and nothing differs."""
    declaration, answers, statements = ON_POSTGRESQL[name]
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrations.options["include_name"] = lambda name, _kind, _parents: name not in {"part", "v"}
    migrate(migrations, "one", declare(declaration("old", "t_old")))
    if statements:
        execute(postgresql_url, *statements)
    fingerprint = read_tables(postgresql_url)
    migrations.arguments = answers
    text = migrations.revise(declare(declaration("new", "t_new")), "two")
    assert text is not None
    assert not re.search("drop_(table|column|index|constraint)", text)
    for _ in range(2):
        migrations.upgrade()
        assert migrations.find_differences() == []
        if name == "numbers":
            statement = "INSERT INTO t_new DEFAULT VALUES RETURNING id, n, (SELECT count(*) FROM t_new)"
            ((number, counted, rows),) = execute(postgresql_url, statement)
            assert number == counted > rows
            assert execute(postgresql_url, "INSERT INTO t_new_serial DEFAULT VALUES RETURNING id") == [(number,)]
            execute(postgresql_url, "DELETE FROM t_new WHERE id > 1", "DELETE FROM t_new_serial WHERE id > 1")
        migrations.downgrade("-1")
        assert read_tables(postgresql_url) == fingerprint


def test_constraints_keep_names_that_no_convention_has_for_them(postgresql_url: str, tmp_path: Path) -> None:
    """PostgreSQL's own names stay, as does one that the project has given."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()

    def models(table: str, column: str) -> MetaData:
        metadata = MetaData()
        checks = [CheckConstraint(f"{column} > 0", name="positive"), sa.UniqueConstraint(column, name="only_once")]
        Table(table, metadata, key(), Column(column, Integer, unique=True), Column("up", ForeignKey(f"{table}.id")), *checks)
        return metadata

    migrate(migrations, "one", models("post", "n"))
    migrations.arguments = ["rename_table=post:article", "rename=post.n:m"]
    text = migrate(migrations, "two", models("article", "m"))
    upgrade = read_upgrade(text).strip().splitlines()
    assert upgrade == ["op.rename_table('post', 'article')", "op.alter_column('article', 'n', new_column_name='m')"]
    assert migrations.find_differences() == []


def test_the_filters_of_the_project_decide_what_can_be_renamed(database_url: str, tmp_path: Path) -> None:
    """A column that `include_object` leaves out is no candidate, and no answer fits it."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", declare(plain_before))
    migrations.options["include_object"] = lambda _item, name, kind, *_: (kind, name) != ("column", "raw")
    migrations.arguments = ["rename=item.raw:raw_data"]
    with pytest.raises(RenameAnswerError, match=r"in the database only: nothing\n         in the models only: item\.raw_data"):
        migrations.revise(declare(plain_after), "two")


def test_a_table_in_use_or_of_another_role_cannot_be_tried(postgresql_url: str, tmp_path: Path) -> None:
    """The error says why, after two seconds at most, and nothing was changed."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", declare(plain_before))
    migrations.arguments = ["rename=item.raw:raw_data"]
    engine = sa.create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT * FROM item"))
        with pytest.raises(RenameTrialError) as caught:
            migrations.revise(declare(plain_after), "two")
    assert str(caught.value) == (
        "The rename cannot be tried: canceling statement due to lock timeout\n"
        "  where  -x rename=item.raw:raw_data: autogenerate renames, compares and takes the rename back\n"
        "  state  nothing was changed\n"
        "  fix    run the command where it can: as the owner of the table, on a server that takes writes, while no program uses it\n"
        "  or     write the revision without it; a comment in it shows the line to use instead:\n"
        "         alembic revision --autogenerate < /dev/null"
    )
    name = engine.url.database
    execute(postgresql_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(RenameTrialError, match="read-only transaction"):
        migrations.revise(declare(plain_after), "two")


def test_a_table_is_locked_for_the_comparison_only(postgresql_url: str, tmp_path: Path) -> None:
    """On a caller's connection, in its transaction: the locks of the trial are gone, and so is the rename."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", declare(plain_before))
    migrations.arguments = ["rename=item.raw:raw_data"]
    (tmp_path / "one/migrations/env.py").write_text(
        "from alembic import context\nfrom alembic_async_template import run_environment\n"
        "import sqlalchemy as sa\n"
        "attributes = context.config.attributes\n"
        "with sa.create_engine(attributes['url'], poolclass=sa.NullPool).begin() as connection:\n"
        "    connection.execute(sa.text('SELECT 1'))\n"
        "    attributes['connection'] = connection\n"
        "    run_environment(attributes['metadata'])\n"
        "    locks = sa.text(\"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted\")\n"
        "    assert connection.scalar(locks) == 0\n"
        "    assert connection.in_transaction()\n"
        "    connection.execute(sa.text('SELECT raw FROM item'))\n"
    )
    assert "new_column_name" in (migrations.revise(declare(plain_after), "two") or "")


def test_an_answer_for_one_of_several_databases_is_not_refused_for_another() -> None:
    """An `env.py` that compares several databases for one revision gives each the same arguments."""
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    assert RenameAnswers(["rename=a.b:c"], dialect, None, is_partial=True).choose(Difference(), []) == ()
    with pytest.raises(RenameAnswerError):
        RenameAnswers(["rename=a.b:c"], dialect, None, is_partial=False).choose(Difference(), [])


# An `env.py` that compares two databases for one revision, in the way of Alembic's template `multidb`.
SEVERAL_ENV = """
import os

from alembic import context
from alembic_async_template import run_environment
from sqlalchemy import create_engine

import models

for name in ("first", "second"):
    context.config.attributes["connection"] = create_engine(os.environ[f"{name}_url".upper()])
    run_environment(models.METADATA[name], upgrade_token=f"{name}_upgrades", downgrade_token=f"{name}_downgrades")
"""
SEVERAL_MODELS = """
from sqlalchemy import Column, Integer, MetaData, String, Table

METADATA = {"first": MetaData(), "second": MetaData()}
Table("item", METADATA["first"], Column("id", Integer, primary_key=True), Column("raw", String(20)))
Table("post", METADATA["second"], Column("id", Integer, primary_key=True), Column("title", String(20)))
"""
SEVERAL_FUNCTIONS = """
def upgrade() -> None:
    globals()[op.get_context().opts["upgrade_token"]]()


def downgrade() -> None:
    globals()[op.get_context().opts["downgrade_token"]]()

% for name in ("first", "second"):
% for way in ("upgrades", "downgrades"):

def ${name}_${way}() -> None:
    ${context.get(f"{name}_{way}") or "pass"}

% endfor
% endfor
"""


def test_each_of_several_databases_takes_the_answers_that_fit_it(project: Project, database_url: str, tmp_path: Path) -> None:
    """One revision renames a column of each; the rows keep their values, and nothing else is dropped or added."""
    urls = {
        "first": f"sqlite:///{tmp_path / 'first.sqlite'}",
        "second": database_url.replace("postgresql:", "postgresql+psycopg:"),
    }
    project.environment |= {f"{name}_url".upper(): url for name, url in urls.items()}
    project.write({"models.py": SEVERAL_MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    template = project.directory / "migrations/script.py.mako"
    project.write(
        {
            "migrations/env.py": SEVERAL_ENV,
            "migrations/script.py.mako": template.read_text().partition("def upgrade")[0] + SEVERAL_FUNCTIONS,
        }
    )
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    execute(urls["first"], "INSERT INTO item VALUES (1, 'kept')")
    execute(urls["second"], "INSERT INTO post VALUES (1, 'kept')")
    project.write({"models.py": SEVERAL_MODELS.replace('"raw"', '"raw_data"').replace('"title"', '"headline"')})
    misspelt = ("-x", "rename=post.titel:headline", "-x", "rename=item.raw:raw_data", "revision", "--autogenerate", "-m", "two")
    refused = project.alembic(*misspelt, check=False)
    assert (refused.returncode, refused.output.count("post.titel:headline fits nothing")) == (255, 1)
    assert "in the database only: post.title" in refused.output
    assert "in the models only: post.headline" in refused.output
    assert len(project.revisions()) == 1
    answers = ("-x", "rename=post.title:headline", "-x", "rename=item.raw:raw_data")
    output = project.alembic(*answers, "revision", "--autogenerate", "-m", "two").output
    assert list_detected(output) == [
        "Detected rename of 'item.raw' to 'raw_data'",
        "Detected rename of 'post.title' to 'headline'",
    ]
    text = project.revisions()[-1].read_text()
    assert text.count("new_column_name=") == 4
    assert "add_column" not in text
    project.alembic("upgrade", "head")
    assert (
        execute(urls["first"], "SELECT raw_data FROM item") == execute(urls["second"], "SELECT headline FROM post") == [("kept",)]
    )
    assert "No new upgrade operations" in project.alembic("check").stdout
    project.alembic("downgrade", "-1")
    assert execute(urls["first"], "SELECT raw FROM item") == execute(urls["second"], "SELECT title FROM post") == [("kept",)]


def test_mysql_gets_a_comment(mysql_url: str, tmp_path: Path) -> None:
    """It takes back no rename: an answer is refused, and the line of the comment has the type that MySQL needs."""
    migrations = History(tmp_path / "one", mysql_url).initialise()

    def models(column: str) -> MetaData:
        metadata = MetaData()
        Table("t", metadata, key(), Column(column, String(9)))
        return metadata

    migrate(migrations, "one", models("a"))
    migrations.arguments = ["rename=t.a:b"]
    with pytest.raises(RenameAnswerError, match="mysql does not"):
        migrations.revise(models("b"), "two")
    migrations.arguments = []
    text = migrations.revise(models("b"), "two")
    assert text is not None
    line = "op.alter_column('t', 'a', new_column_name='b', existing_type=mysql.VARCHAR(length=9), existing_nullable=True)"
    assert f"# {line}\n" in text
    (path,) = (tmp_path / "one/migrations/versions").glob("two*.py")
    path.write_text(
        re.sub(r"^    op\.add_column\(.*$", f"    {line}", text, count=1, flags=re.M).replace(
            "    op.drop_column('t', 'a')\n", "", 1
        )
    )
    migrations.upgrade()
    assert migrations.find_differences() == []


MODELS = """
from sqlmodel import Field, SQLModel


class Item(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    raw: str


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    body: str | None
"""


@pytest.fixture
def app(project: Project, database_url: str) -> Project:
    """A project whose database has two tables with a row each."""
    project.environment["DATABASE_URL"] = database_url
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    execute(database_url, "INSERT INTO item VALUES (1, 'kept')", "INSERT INTO post VALUES (1, 'kept', NULL)")
    return project


def change(project: Project, *replacements: tuple[str, str]) -> None:
    models = MODELS
    for old, new in replacements:
        models = models.replace(old, new)
    project.write({"app/models.py": models})


def ask(
    project: Project, *answers: tuple[str, str | Callable[[], str]], arguments: Sequence[str] = ("revision", "--autogenerate")
) -> tuple[int, str]:
    """Run `alembic` on a terminal and answer its questions."""
    environment = keep_variables(**project.environment)
    return run_on_terminal([ALEMBIC, *arguments], project.directory, environment, answers)


ITEM = "Was item.raw renamed to item.raw_data? [y/N] "
POST = "Was table post renamed to article? [y/N] "


def test_yes_on_a_terminal_writes_the_rename(app: Project, database_url: str) -> None:
    """Tables are asked about first, then columns, those of renamed tables too; nothing is lost and nothing differs."""
    change(app, ("raw:", "raw_data:"), ("Post", "Article"), ("title:", "headline:"))
    returncode, output = ask(
        app, (POST, "y\n"), (ITEM, "yes\n"), ("Was article.title renamed to article.headline? [y/N] ", "Y\n")
    )
    assert returncode == 0, output
    assert "loses data" not in output
    app.alembic("upgrade", "head")
    assert (
        execute(database_url, "SELECT raw_data FROM item") == execute(database_url, "SELECT headline FROM article") == [("kept",)]
    )
    assert "No new upgrade operations" in app.alembic("check").stdout
    app.alembic("downgrade", "-1")
    assert execute(database_url, "SELECT raw FROM item") == execute(database_url, "SELECT title FROM post") == [("kept",)]
    app.alembic("upgrade", "head")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_pending_revision_that_drops_is_deleted_and_not_run(app: Project, database_url: str, is_first: bool) -> None:
    """Written without a terminal, and again with an answer: each fix is typed, and nothing is lost."""
    if not is_first:
        app.alembic("revision", "-m", "before")
    change(app, ("raw:", "raw_data:"), ("title:", "headline:"))
    known = set(app.revisions())
    if is_first:
        app.alembic("revision", "--autogenerate", "-m", "dropped")
    else:
        app.alembic("revision", "-m", "dropped")
        text = app.revisions()[-1].read_text()
        app.revisions()[-1].write_text(text.replace('schema."""\n', 'schema."""\n    op.drop_column("item", "raw")\n'))
    dropped = {str(path.relative_to(app.directory)) for path in set(app.revisions()) - known}
    answers = ("-x", "rename=item.raw:raw_data", "-x", "rename=post.title:headline")
    error = app.alembic(*answers, "revision", "--autogenerate", "-m", "renamed", check=False).block
    headline, fix, *lines = re.sub(r"\b[0-9a-f]{12}\b", "...", error).splitlines()
    written = ["  then   write the revision again:", f"         alembic {' '.join(answers)} revision --autogenerate -m renamed"]
    assert headline == "The database is at revision ..., and this application needs ..."
    assert fix == "  fix    delete what drops it, and has not run:"
    upgrade = [] if is_first else ["  then   apply what is pending:", "         alembic upgrade head"]
    assert lines[1:] == [*upgrade, *written]
    command, *removed = error.splitlines()[2].split()
    assert (command, set(removed)) == ("rm", dropped)
    for line in error.splitlines()[2::2]:
        type_line(app, line.strip())
    app.alembic("upgrade", "head")
    assert execute(database_url, "SELECT raw_data FROM item") == execute(database_url, "SELECT headline FROM post") == [("kept",)]


def test_a_pending_revision_that_drops_nothing_is_applied_first(app: Project) -> None:
    """Even if its downgrade would drop what is renamed; the answers are for the revision only."""
    app.alembic("revision", "-m", "other")
    text = app.revisions()[-1].read_text()
    app.revisions()[-1].write_text(text.replace('back."""\n', 'back."""\n    op.drop_column("item", "raw")\n'))
    change(app, ("raw:", "raw_data:"))
    error = app.alembic("-x", "rename=item.raw:raw_data", "revision", "--autogenerate", check=False).block
    assert error.splitlines()[1:] == [
        "  fix    apply what is pending:",
        "         alembic upgrade head",
        "  then   run the same command again:",
        "         alembic -x rename=item.raw:raw_data revision --autogenerate",
    ]


def list_detected(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("Detected")]


def test_what_was_renamed_is_told_as_that_only(app: Project) -> None:
    """No line says that it was added or removed; what differs apart from it is told after it."""
    change(app, ("raw:", "raw_data:"), ("body: str | None", "body: str | None\n    views: int | None"), ("Post", "Article"))
    output = app.alembic("-x", "rename=item.raw:raw_data", "-x", "rename_table=post:article", "revision", "--autogenerate").output
    assert list_detected(output) == [
        "Detected rename of 'item.raw' to 'raw_data'",
        "Detected rename of 'post' to 'article'",
        "Detected added column 'article.views'",
    ]
    app.revisions()[-1].unlink()
    output = app.alembic("-q", "-x", "rename=item.raw:raw_data", "revision", "--autogenerate").output
    assert list_detected(output) == []


def test_handlers_of_a_program_hear_what_it_is_told(database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A handler of the logger itself, and one above it, get the same, and the logger is as it was."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", declare(plain_before))
    logger = logging.getLogger("alembic.autogenerate")
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        caplog.set_level(logging.INFO)
        caplog.clear()
        migrations.arguments = ["rename=item.raw:raw_data"]
        migrations.revise(declare(plain_after), "two")
        assert (logger.handlers, logger.propagate) == ([handler], True)
    finally:
        logger.removeHandler(handler)
    assert heard
    assert not [message for message in heard if "added column" in message or "removed column" in message]
    assert heard == [record.getMessage() for record in caplog.records if record.name.startswith("alembic.autogenerate")]


def test_what_was_not_renamed_is_told_once_and_after_the_questions(app: Project) -> None:
    """Nor does an answer that is refused keep anyone from reading what differs."""
    change(app, ("raw:", "raw_data:"))
    detected = ["Detected added column 'item.raw_data'", "Detected removed column 'item.raw'"]
    refused = app.alembic("-x", "rename=item.raw:other", "revision", "--autogenerate", check=False)
    assert "FAILED" in refused.stderr
    assert list_detected(refused.output) == detected
    returncode, output = ask(app, (ITEM, "n\n"))
    assert returncode == 0, output
    assert list_detected(output) == detected
    assert output.index(ITEM) < output.index(detected[0])


@pytest.mark.parametrize("answer", ["n\n", "\n", "what\nNo\n"])
def test_any_other_answer_writes_what_is_dropped_and_added(app: Project, answer: str) -> None:
    """The next best match is asked about then; what was answered with no is no hint any more."""
    change(app, ("raw:", "raw_data:"))
    returncode, output = ask(app, (ITEM, answer))
    assert returncode == 0, output
    assert "This revision loses data, as its comments say: column item.raw\n" in output
    assert "renamed" not in app.revisions()[-1].read_text()


def test_the_end_of_the_input_is_no_answer(app: Project) -> None:
    """No one can be asked any more: the revision has the line to use instead, as without a terminal."""
    change(app, ("raw:", "raw_data:"))
    returncode, output = ask(app, (ITEM, "\x04"))
    assert returncode == 0, output
    assert 'op.alter_column("item", "raw", new_column_name="raw_data")' in app.revisions()[-1].read_text().replace("'", '"')


def test_check_says_that_it_reads_no_answer(app: Project) -> None:
    """It compares as if nothing was renamed."""
    change(app, ("raw:", "raw_data:"))
    result = app.alembic("-x", "rename=item.raw:raw_data", "check", check=False)
    assert "WARNING: -x rename is for alembic revision --autogenerate; alembic check compares without it\n" in result.stderr


@pytest.mark.sqlite
def test_a_revision_that_is_not_generated_reads_no_answers(project: Project) -> None:
    """It is said, and nothing without an answer; the revision is written."""
    project.write({"app/__init__.py": ""})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    said = "WARNING: -x rename is for alembic revision --autogenerate; without that option the revision is empty\n"
    for arguments, is_told in (("rename=item.a:b", True), ("rename_table=none", True), ("a=b", False)):
        result = project.alembic("-x", arguments, "revision", "-m", "x")
        assert (said in result.stderr) is is_told, str(result)
    assert len(project.revisions()) == 3


def test_each_name_is_renamed_once_and_the_best_match_is_asked_about_first(app: Project) -> None:
    """Two columns that go and two that come are four questions at most, and two after the first yes."""
    change(app, ("    title: str\n    body: str | None", "    titles: str\n    text: str | None"))
    returncode, output = ask(
        app,
        ("Was post.title renamed to post.titles? [y/N] ", "y\n"),
        ("Was post.body renamed to post.text? [y/N] ", "n\n"),
    )
    assert returncode == 0, output
    assert output.count("[y/N]") == 2


def test_many_questions_say_how_to_be_asked_none(project: Project, sqlite_url: str) -> None:
    """Columns that all fit each other are many pairs; without a terminal the best three of each are shown."""
    project.environment["DATABASE_URL"] = sqlite_url
    model = "from sqlmodel import Field, SQLModel\n\n\nclass Item(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"
    project.write({"app/models.py": f"{model}    old_one: str\n    old_two: str\n"})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    project.write({"app/models.py": f"{model}    one: str\n    two: str\n    three: str\n    four: str\n"})
    project.alembic("revision", "--autogenerate")
    text = project.revisions()[-1].read_text()
    shown = re.findall(r"new_column_name='(\w+)'", text.partition("values of column item.old_two")[2].partition("drop_column")[0])
    assert len(shown) == 3
    assert shown[0] == "two"
    project.revisions()[-1].unlink()
    returncode, output = ask(project, *[("? [y/N] ", "n\n")] * 8)
    assert returncode == 0, output
    assert "8 questions at most; -x rename=none answers all of them with no.\n" in output


def test_ctrl_c_at_a_question_writes_nothing(app: Project) -> None:
    """The command ends at once, though an event loop waits behind it."""
    change(app, ("raw:", "raw_data:"))
    returncode, output = ask(app, (ITEM, "\x03"))
    assert returncode == 130, output
    assert "INTERRUPTED" in output
    assert "Traceback" not in output
    assert len(app.revisions()) == 1


def test_no_transaction_is_open_while_a_question_waits(app: Project, database_url: str) -> None:
    """Whoever answers takes their time: no lock is held, no snapshot, and the table can be changed."""
    change(app, ("raw:", "raw_data:"))

    def answer() -> str:
        if database_url.startswith("postgresql"):
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            assert execute(database_url, query) == [(0,)]
        execute(database_url, "ALTER TABLE item ADD COLUMN other INTEGER", "ALTER TABLE item DROP COLUMN other")
        return "y\n"

    returncode, output = ask(app, (ITEM, answer))
    assert returncode == 0, output
    assert "raw_data" in app.revisions()[-1].read_text()
    assert "drop_column" not in app.revisions()[-1].read_text()


def test_check_and_programs_never_ask(app: Project) -> None:
    """On a terminal too: `check` writes nothing, and no one may sit in front of a program."""
    change(app, ("raw:", "raw_data:"))
    returncode, output = ask(app, arguments=["check"])
    assert returncode == 255, output
    assert "?" not in output.replace("?]", "")
    program = (
        "from alembic import command\nfrom alembic.config import Config\n"
        "command.revision(Config('alembic.ini'), 'two', autogenerate=True)\n"
        "import asyncio\nfrom alembic_async_template import Migrations\nprint(len(asyncio.run(Migrations().heads())))\n"
    )
    app.write({"program.py": program})
    environment = keep_variables(**app.environment)
    returncode, output = run_on_terminal([ALEMBIC.with_name("python"), "program.py"], app.directory, environment)
    assert returncode == 0, output
    assert "[y/N]" not in output
    assert "-x rename=item.raw:raw_data" in app.revisions()[-1].read_text()


def test_without_a_terminal_the_warning_and_a_comment_tell_what_to_write(app: Project, database_url: str) -> None:
    """What the warning proposes keeps the values; `-x rename=none` says that there is nothing to propose."""
    app.set(online="off")
    change(app, ("raw:", "raw_data:"))
    output = app.alembic("revision", "--autogenerate").output
    assert "This revision loses data, as its comments say: column item.raw (renamed? -x rename=item.raw:raw_data)\n" in output
    comment = re.sub(r"\s*\n *# ", " ", app.revisions()[-1].read_text())
    assert "no value for item.raw_data. If it was raw before, see what is said about its removal. If not: give them" in comment
    assert "If it was renamed to raw_data, write this revision again with -x rename=item.raw:raw_data." in comment
    app.revisions()[-1].unlink()
    assert "(renamed?" not in app.alembic("-x", "rename=none", "revision", "--autogenerate").output
    assert "renamed" not in app.revisions()[-1].read_text()
    app.revisions()[-1].unlink()
    app.alembic("-x", "rename=item.raw:raw_data", "-x", "rename=none", "revision", "--autogenerate")
    app.alembic("upgrade", "head")
    assert execute(database_url, "SELECT raw_data FROM item") == [("kept",)]


def test_the_line_of_the_comment_keeps_the_values_too(app: Project, database_url: str) -> None:
    """Written in place of the addition and of the removal, as the comment says."""
    app.set(online="off")
    change(app, ("raw:", "raw_data:"), ("Post", "Article"))
    app.alembic("revision", "--autogenerate")
    path = app.revisions()[-1]
    upgrade, middle, downgrade = path.read_text().partition("\n\ndef downgrade")
    lines = re.findall(r"# (op\.(?:alter_column|rename_table)\(.*\))", upgrade)
    assert [line.replace("'", '"') for line in lines] == [
        'op.rename_table("post", "article")',
        'op.alter_column("item", "raw", new_column_name="raw_data")',
    ]
    upgrade = re.sub(
        r"^( *)\w+\.add_column\((?:.|\n)*?\n\1\)|^( *)\w+\.add_column\(.*\)$", rf"\1\2{lines[1]}", upgrade, flags=re.M
    )
    upgrade = re.sub(r"^    op\.create_table\((?:.|\n)*?^    \)$", f"    {lines[0]}", upgrade, flags=re.M)
    upgrade = re.sub(r"^ *\w+\.drop_(?:column|table)\(.*\)$", "", upgrade, flags=re.M)
    path.write_text(upgrade + middle + downgrade)
    app.alembic("upgrade", "head")
    assert execute(database_url, "SELECT raw_data FROM item") == execute(database_url, "SELECT title FROM article") == [("kept",)]
    assert "No new upgrade operations" in app.alembic("check").stdout


def test_an_answer_that_fits_nothing_names_what_does(app: Project) -> None:
    """Nothing is written, and the line of the fix writes the rename."""
    change(app, ("raw:", "raw_data:"))
    result = app.alembic("-x", "rename=item.rwa:raw_data", "revision", "--autogenerate", check=False)
    assert result.block == (
        "-x rename=item.rwa:raw_data fits nothing that differs between the database and the models\n"
        "  where  in the database only: item.raw\n"
        "         in the models only: item.raw_data\n"
        "  fix    one that fits:\n"
        "         alembic -x rename=item.raw:raw_data revision --autogenerate\n"
        "  or     leave it out:\n"
        "         alembic revision --autogenerate"
    )
    assert len(app.revisions()) == 1
    app.alembic(*result.block.split("alembic ")[1].split("\n")[0].split())
    assert "drop_column" not in app.revisions()[-1].read_text()


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("rename=raw:raw_data", "rename=item.raw:raw_data"),
        ("rename=post:article", "rename_table=post:article"),
        ("rename=rwa:raw_data", None),
    ],
)
def test_an_answer_without_a_table_names_the_one_that_fits(app: Project, argument: str, meant: str | None) -> None:
    """In front of the forms, with what is open beside it; typed, it writes the rename."""
    change(app, ("raw:", "raw_data:"), ("Post", "Article"))
    block = app.alembic("-x", argument, "revision", "--autogenerate", "-m", "two", check=False).block
    headline, _, label, command, *_ = [*block.splitlines(), ""]
    assert headline == f"-x {argument} does not say which name became which"
    if meant is None:
        assert label == "  fix    for a column:"
        return
    assert label == "  fix    one that fits:"
    assert "  or     for a column:\n         -x rename=[schema.]table.column:new_name\n" in block
    assert command.startswith(f"         alembic -x {meant} ")
    assert command.endswith(" revision --autogenerate -m two")
    app.alembic(*shlex.split(command)[1:])
    assert "drop_" not in app.revisions()[-1].read_text()


STATUS = """
import sqlalchemy as sa

status = sa.Enum({labels}, name="status", schema={schema!r})
post = sa.Table("post", sa.MetaData(schema={schema!r}), sa.Column("id", sa.Integer), sa.Column("status", status))
"""


@pytest.mark.parametrize(("schema", "name"), [(None, "status"), ("billing", "billing.status"), (None, "public.status")])
def test_an_answer_about_a_value_of_an_enum_type(project: Project, postgresql_url: str, schema: str | None, name: str) -> None:
    """It is told with the line to write, which keeps the rows."""
    project.environment["DATABASE_URL"] = postgresql_url
    execute(postgresql_url, "CREATE SCHEMA billing")
    project.write({"app/models.py": STATUS.format(schema=schema, labels="'open', 'retired'")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    table = "billing.post" if schema else "post"
    execute(postgresql_url, f"INSERT INTO {table} VALUES (1, 'retired')")
    project.write({"app/models.py": STATUS.format(schema=schema, labels="'open', 'gone'")})
    answer = f"rename={name}.retired:gone"
    block = project.alembic("-x", answer, "revision", "--autogenerate", "-m", "two", check=False).block
    ending = ", schema='billing')" if schema else ")"
    line = f"op.rename_enum_value('status', 'retired', 'gone'{ending}"
    assert block == (
        f"-x {answer} names a value of an enum type, and is for tables and columns\n"
        "  fix    leave it out:\n"
        "         alembic revision --autogenerate -m two\n"
        "  then   in upgrade(), put this in place of what changes the values; in downgrade(), its reverse:\n"
        f"         {line}"
    )
    project.alembic("revision", "--autogenerate", "-m", "two")
    upgrade, middle, downgrade = project.revisions()[-1].read_text().partition("def downgrade")
    upgrade = re.sub(r"^    op\.(add|remove)_enum_value\((.|\n)*?\)$", "", upgrade, flags=re.MULTILINE)
    upgrade = re.sub(r"^    op\.replace_enum_values\((.|\n)*?\)$", "", upgrade, flags=re.MULTILINE)
    project.revisions()[-1].write_text(f"{upgrade.rstrip()}\n    {line}\n\n\n{middle}{downgrade}")
    project.alembic("upgrade", "head")
    assert execute(postgresql_url, f"SELECT CAST(status AS text) FROM {table}") == [("gone",)]
    block = project.alembic("-x", answer, "revision", "--autogenerate", check=False).block
    assert block.startswith(f"-x {answer} fits nothing that differs")


NAMES = """
import sqlalchemy as sa

metadata = sa.MetaData()
person = sa.Table("person", metadata, sa.Column("id", sa.Integer, primary_key=True), {columns})
"""


def write_names(project: Project, *names: str) -> None:
    columns = ", ".join(f'sa.Column("{name}", sa.String(30))' for name in names)
    project.write({"app/models.py": NAMES.format(columns=columns)})


def type_advice(project: Project, output: str, begin: str) -> str:
    """Type the command that an output has after some words; the new revision."""
    found = re.search(rf"{begin}\s*alembic (.*)$", output, re.MULTILINE)
    assert found, output
    project.alembic(*shlex.split(found[1]))
    return project.revisions()[-1].read_text()


def test_the_whole_command_is_printed_again(project: Project, sqlite_url: str) -> None:
    """With all that was typed, `-m` too, the argument corrected, and the renames that are still open: nothing is dropped."""
    project.environment["DATABASE_URL"] = sqlite_url
    write_names(project, "street", "town", "phone")
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    write_names(project, "street_name", "town_name", "phone_number")
    typed = ("-x", "a=b c", "-x", "rename=person.stret:street_name", "revision", "--autogenerate", "-m", "names of it")
    block = project.alembic(*typed, check=False).block
    text = type_advice(project, block, "one that fits:\n")
    assert "names of it" in text
    assert "drop_column" not in text
    project.revisions()[-1].unlink()
    output = project.alembic("revision", "--autogenerate", "-m", "names of it").stderr
    project.revisions()[-1].unlink()
    text = type_advice(project, output, "remove this revision and write it again:")
    assert "names of it" in text
    assert "drop_column" not in text


def test_two_columns_are_not_asked_to_become_one(project: Project, sqlite_url: str) -> None:
    """Of two columns that may have become the same one, the likelier is proposed, and the command works."""
    project.environment["DATABASE_URL"] = sqlite_url
    write_names(project, "first_name", "last_name")
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    write_names(project, "family")
    output = project.alembic("revision", "--autogenerate", "-m", "two").stderr
    assert output.count("(renamed?") == 1
    project.revisions()[-1].unlink()
    assert type_advice(project, output, "remove this revision and write it again:").count("op.drop_column(") <= 1


@pytest.mark.parametrize(
    "value", ["", "item", "item.raw", "raw:raw_data", "a.b.c.d:e", "item.raw:a:b", 'item."raw:x', "item.:x", "None"]
)
def test_an_answer_without_form_is_refused(value: str) -> None:
    """The error shows the forms."""
    with pytest.raises(RenameAnswerError) as caught:
        read_answers([f"rename={value}"])
    assert caught.value.example == "-x rename=[schema.]table.column:new_name"


def test_an_answer_with_a_misspelt_name_is_refused() -> None:
    """It would be left out, and the column be dropped. Arguments of a project's own are left alone."""
    with pytest.raises(RenameAnswerError, match=r"renames=a\.b:c does not say which name became which"):
        read_answers(["renames=a.b:c"])
    assert read_answers(["name=x", "tenant=a.b:c"]) == ({}, False)


def test_answers_are_read_with_their_quotes() -> None:
    """Every argument counts, not only the last; others are left alone."""
    arguments = [
        "url=x",
        "rename=a.b:c",
        'rename="s.x"."t ""1""".B:"c:d"',
        "rename_table=s.post:article",
        "rename=none",
        "baseline",
    ]
    renames, nothing_else = read_answers(arguments)
    assert list(renames.values()) == [
        Rename(None, "a", "b", "c"),
        Rename("s.x", 't "1"', "B", "c:d"),
        Rename("s", "post", None, "article"),
    ]
    assert nothing_else
    for argument, rename in renames.items():
        assert read_answers([rename.argument.removeprefix("-x ").strip("'")])[0].popitem()[1] == rename, argument


def find(removed: Sequence[Column[Any]], added: Sequence[Column[Any]]) -> list[str]:
    """The candidates among columns of one table, as old and new name."""
    difference = Difference(removed_columns={(None, "t"): list(removed)}, added_columns={(None, "t"): list(added)})
    return [f"{one.column}:{one.new_name}" for one in find_candidates(difference, PGDialect())]  # type: ignore[no-untyped-call]


def test_the_candidates_have_types_that_fit_and_come_in_a_stable_order() -> None:
    """The likeness of names counts, then whether the type is the same; a number is no text."""
    text, number = Column("title", Text), Column("count", Integer)
    assert find([text, number], [Column("name", Text), Column("titles", String(3)), Column("counts", sa.BigInteger)]) == [
        "count:counts",
        "title:titles",
        "title:name",
    ]
    assert find([number], [Column("n", Integer, sa.Computed("1")), Column("when", sa.DateTime), Column("is", sa.Boolean)]) == []
    assert find([Column("x", pg.ARRAY(Text))], [Column("y", pg.ARRAY(String)), Column("z", pg.ARRAY(Integer))]) == ["x:y"]
    assert find([Column("x", sa.types.NullType)], [Column("y", sa.types.NullType)]) == ["x:y"]
    assert find([text], [text, Column("other", Text)]) == find([text], [Column("other", Text), text])


def test_tables_are_candidates_where_most_columns_are_the_same() -> None:
    """Half of the columns are not enough, and a table does not move to another schema."""
    old: list[Column[Any]] = [Column("id", Integer), Column("a", Text), Column("b", Text)]
    added: dict[tuple[str | None, str], list[Column[Any]]] = {
        (None, "same"): old,
        (None, "most"): [*old[:2], Column("c", Text)],
        (None, "few"): [old[0], Column("c", Text)],
        ("s", "elsewhere"): old,
    }
    difference = Difference(removed_tables={(None, "old"): old}, added_tables=added)
    found = find_candidates(difference, PGDialect())  # type: ignore[no-untyped-call]
    assert [one.new_name for one in found] == ["same", "most"]
