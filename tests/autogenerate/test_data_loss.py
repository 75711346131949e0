"""What loses data is said as the revision is written: one warning, and a comment in front of each operation."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, create_engine
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.base import PGDialect

from alembic_async_template.autogenerate.narrowing import explain_loss
from alembic_async_template.errors import RevisionFailedError
from support.constructs import key
from support.history import History, migrate

COLOURS = sa.Enum("red", "green", name="colour")


def item(*columns: Any, schema: str | None = None) -> MetaData:
    """Models with one table, and one that it may refer to."""
    metadata = MetaData()
    Table("owner", metadata, key(), schema=schema)
    Table("item", metadata, key(), *columns, schema=schema)
    return metadata


def execute(url: str, *statements: str) -> list[Any]:
    """Run SQL; the rows of the last statement."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return list(results[-1]) if results[-1].returns_rows else []


def read_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_one_warning_lists_all_that_is_lost_and_each_operation_has_its_comment(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tables, columns and types are told alike, in a batch of SQLite too; the downgrade has no comments, and `check` says nothing."""
    migrations = History(tmp_path / "one", database_url).initialise()
    before = item(Column("raw", sa.Text), Column("price", sa.Numeric(10, 2)), Column("kept", sa.String(5)))
    Table("gone", before, key())
    migrate(migrations, "before", before)
    caplog.clear()
    migrations.metadata = item(Column("price", sa.Numeric(8, 1)), Column("kept", sa.String(9)))
    migrations.find_differences()
    assert read_warnings(caplog) == []
    text = migrations.revise(migrations.metadata, "after")
    assert text is not None
    assert read_warnings(caplog) == [
        "This revision loses data, as its comments say: table gone, type of item.price (NUMERIC(10, 2) to NUMERIC(8, 1)), "
        "column item.raw"
    ]
    upgrade, downgrade = text.split("def downgrade")
    for comment, operation in (
        ("This loses data: all rows of table gone.", "op.drop_table('gone')"),
        ("This may lose data: decimal places are rounded, and larger numbers do not fit.", "alter_column('price'"),
        ("This loses data: all values of column item.raw.", "drop_column('raw'"),
    ):
        below = upgrade.replace("'item', ", "").partition(f"# {comment}\n")[2].partition("\n")[0]
        assert operation in below
    assert "lose" not in downgrade
    migrations.upgrade()
    assert migrations.find_differences() == []
    migrations.downgrade("-1")
    migrations.upgrade()


def test_a_value_that_goes_is_listed(postgresql_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An enum value that is removed, alone or with others, is in the warning; the comment about its rows is that of the renderer."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", item(Column("colour", sa.Enum("a", "b", "c", "d", name="colour"))))
    text = migrate(migrations, "two", item(Column("colour", sa.Enum("a", "b", "c", name="colour"))))
    assert "# Refused while rows hold 'd'" in text
    migrate(migrations, "three", item(Column("colour", sa.Enum("a", name="colour"))))
    assert read_warnings(caplog) == [
        "This revision loses data, as its comments say: value 'd' of enum colour",
        "This revision loses data, as its comments say: value 'b' of enum colour, value 'c' of enum colour",
    ]


def test_a_generated_column_loses_nothing(postgresql_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its values are computed from those of other columns, which stay."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()
    migrate(migrations, "one", item(Column("n", Integer), Column("double", Integer, sa.Computed("n * 2", persisted=True))))
    migrate(migrations, "two", item(Column("n", Integer)))
    assert read_warnings(caplog) == []


@pytest.mark.parametrize(
    ("existing", "target", "loss"),
    [
        (sa.String(20), sa.String(10), "texts longer than 10 do not fit"),
        (sa.Text(), sa.String(10), "texts longer than 10 do not fit"),
        (sa.String(10), sa.String(20), None),
        (sa.String(10), sa.Text(), None),
        (sa.BigInteger(), sa.Integer(), "larger numbers do not fit"),
        (sa.Integer(), sa.BigInteger(), None),
        (sa.Integer(), sa.SmallInteger(), "larger numbers do not fit"),
        (sa.Numeric(10, 2), sa.Numeric(10, 1), "decimal places are rounded"),
        (sa.Numeric(10, 2), sa.Numeric(9, 2), "larger numbers do not fit"),
        (sa.Numeric(10, 2), sa.Numeric(11, 3), None),
        (sa.Numeric(10, 2), sa.Numeric(), None),
        (sa.Numeric(), sa.Numeric(10, 2), "decimal places are rounded, and larger numbers do not fit"),
        (sa.Numeric(9, 2), sa.Integer(), "decimal places are rounded"),
        (sa.Integer(), sa.Numeric(5, 2), "larger numbers do not fit"),
        (sa.Integer(), sa.Numeric(12, 2), None),
        (sa.Float(), sa.Integer(), "decimal places are rounded, and larger numbers do not fit"),
        (sa.Double(), sa.REAL(), "digits after the first 6 are lost"),
        (sa.REAL(), sa.Double(), None),
        (sa.BigInteger(), sa.Double(), "digits after the first 15 are lost"),
        (sa.Integer(), sa.Double(), None),
        (sa.DateTime(), sa.Date(), "the time of day is lost"),
        (sa.Date(), sa.DateTime(), None),
        (sa.DateTime(), sa.Time(), "the date is lost"),
        (
            sa.DateTime(timezone=True),
            sa.DateTime(),
            "the time zone is lost: each value becomes the local time of the session that runs this",
        ),
        (sa.DateTime(), sa.DateTime(timezone=True), "each value is read as a local time of the session that runs this"),
        (pg.TIMESTAMP(precision=6), pg.TIMESTAMP(precision=0), "fractions of seconds are rounded"),
        (pg.TIMESTAMP(), sa.DateTime(), None),
        (sa.Integer(), sa.Text(), None),
        (sa.Integer(), sa.String(5), "values longer than 5 do not fit"),
        (sa.Uuid(), sa.String(36), None),
        (sa.Text(), sa.Integer(), "values that are none of the new type do not fit"),
        (sa.JSON(), pg.JSONB(), "the order of keys, and all but the last of equal keys, are lost"),
        (pg.JSONB(), sa.JSON(), None),
        (pg.ARRAY(sa.BigInteger), pg.ARRAY(sa.Integer), "larger numbers do not fit"),
        (pg.ARRAY(sa.Integer), sa.Integer(), "only arrays of one element fit"),
        (COLOURS, sa.Text(), None),
        (COLOURS, sa.String(4), "values longer than 4 do not fit"),
        (sa.Text(), COLOURS, "only the values of the enum fit"),
        (COLOURS, sa.Enum("green", name="other"), "the new type does not have 'red'"),
        (sa.Integer(), sa.Boolean(), "all values but two become the same as another, or do not fit"),
        (pg.INET(), pg.CIDR(), "values that are none of the new type do not fit"),
        (pg.DOMAIN("short", sa.String(5)), sa.String(5), None),
        (sa.types.NullType(), sa.Integer(), None),
    ],
)
def test_what_a_type_loses(existing: Any, target: Any, loss: str | None) -> None:
    """What becomes narrower is told in words, and what every value survives is not."""
    assert explain_loss(existing, target, PGDialect()) == loss  # type: ignore[no-untyped-call,unused-ignore]


REQUIRED: dict[str, Callable[[], tuple[Column[Any], ...]]] = {
    "text": lambda: (Column("new", sa.String(4), nullable=False),),
    "quoted": lambda: (Column("New: %", sa.String, default="it's", nullable=False),),
    "number": lambda: (Column("new", sa.Numeric(5, 2), nullable=False),),
    "truth": lambda: (Column("new", sa.Boolean, default=True, nullable=False),),
    "moment": lambda: (Column("new", sa.DateTime, nullable=False),),
    "day": lambda: (Column("new", sa.Date, nullable=False),),
    "json": lambda: (Column("new", sa.JSON, nullable=False),),
    "enum": lambda: (Column("new", sa.Enum("red", "green", name="colour"), nullable=False),),
    "array": lambda: (Column("new", sa.JSON().with_variant(pg.ARRAY(Integer), "postgresql"), nullable=False),),
    "key": lambda: (Column("new", ForeignKey("owner.id"), nullable=False),),
    "unique": lambda: (Column("new", sa.String(40), unique=True, nullable=False),),
    "uuid": lambda: (Column("new", sa.String(40).with_variant(pg.UUID(), "postgresql"), unique=True, nullable=False),),
}


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("kind", REQUIRED)
def test_each_way_to_add_a_required_column_works_as_printed(kind: str, way: int, database_url: str, tmp_path: Path) -> None:
    """The operation as written fails on a table with rows; the code of the comment in its place adds and fills the column."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", item())
    execute(database_url, "INSERT INTO owner VALUES (1)", "INSERT INTO item VALUES (1), (2)")
    columns = REQUIRED[kind]()
    metadata = item(*columns)
    text = migrations.revise(metadata, "two")
    assert text is not None
    ways = read_ways(text)
    if way >= len(ways):
        assert kind in {"key", "unique", "uuid"}
        return
    (path,) = (tmp_path / "one/migrations/versions").glob("two*.py")
    with pytest.raises(Exception, match=r"(?i)not.null|null values"):
        migrations.upgrade()
    type_way(path, ways[way])
    migrations.upgrade()
    name = columns[0].name.replace("%", "%%")
    assert execute(database_url, f'SELECT count(*), count("{name}") FROM item') == [(2, 2)]
    differences = migrations.find_differences()
    is_default = way == 0 and len(ways) == 2
    assert [difference[0][0] for difference in differences] == (["modify_default"] if is_default else [])
    migrations.downgrade("-1")


def test_a_required_key_gets_no_row_by_chance(database_url: str, tmp_path: Path) -> None:
    """Of several rows that it may refer to, the code of the comment takes none: it fails, and nothing is changed."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", item())
    execute(database_url, "INSERT INTO owner VALUES (1), (2)", "INSERT INTO item VALUES (1)")
    text = migrations.revise(item(Column("owner_id", ForeignKey("owner.id"), nullable=False)), "two")
    assert text is not None
    comment = re.sub(r"\s*\n *# ", " ", text)
    assert "# Fails while the table has rows, which get no value for item.owner_id. " in comment
    assert "The UPDATE gives them the only row of owner; of several, say which: they keep nulls. Add it, fill it, and" in comment
    (path,) = (tmp_path / "one/migrations/versions").glob("two*.py")
    (way,) = read_ways(text)
    type_way(path, way)
    with pytest.raises(Exception, match=r"(?i)not.null|null values"):
        migrations.upgrade()
    path.write_text(re.sub(r"\(SELECT id FROM owner WHERE .* = 1\)", "2", path.read_text()))
    migrations.upgrade()
    assert execute(database_url, "SELECT owner_id FROM item") == [(2,)]


def type_way(path: Path, way: str) -> None:
    """Write the code of a comment about a required column in place of the operation that fails."""
    lines = path.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.strip().startswith("# Fails while"))
    lines[place:place] = indent(way, "    ").splitlines()
    end = place + way.count("\n") + 1
    changed = re.sub(r"^    ( *)batch_op\.add_column\(.*\)$", r"    \1pass", "\n".join(lines[end:]), count=1, flags=re.M)
    changed = re.sub(r"^    op\.add_column\(.*\)\n", "", changed, count=1, flags=re.M)
    path.write_text("\n".join([*lines[:end], changed]))


def read_ways(text: str) -> list[str]:
    """The code of each way in the comment about a required column."""
    comment = re.search(r"^( *# Fails while .*\n(?: *#.*\n)+)", text, re.M)
    assert comment, text
    ways: list[list[str]] = []
    for line in dedent(comment[1]).splitlines():
        code = line.removeprefix("# ")
        if code.endswith((" too:", " then:")):
            ways.append([])
        elif ways and not code.startswith("Or "):
            ways[-1].append(code)
    return ["\n".join(lines) for lines in ways]


def test_one_warning_lists_the_columns_that_rows_need_a_value_for(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It names what has a comment; a revision without such columns warns of nothing, and `check` does not either."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", item())
    migrations.metadata = item(
        Column("title", sa.Text, nullable=False), Column("n", Integer, nullable=False), Column("x", Integer)
    )
    migrations.find_differences()
    assert read_warnings(caplog) == []
    text = migrations.revise(migrations.metadata, "two")
    assert text is not None
    assert read_warnings(caplog) == [
        "Rows that exist need a value, as the comments of this revision say: column item.title, column item.n"
    ]
    assert text.count("# Fails while the table has rows") == 2


def test_a_column_that_has_a_value_needs_no_comment(database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a default, or where nulls are allowed, the column can be added as it is; in a new table any column can."""
    migrations = History(tmp_path / "one", database_url).initialise()
    migrate(migrations, "one", item())
    metadata = item(Column("a", Integer), Column("b", Integer, server_default="1", nullable=False))
    Table("new", metadata, key(), Column("c", Integer, nullable=False))
    assert "# Fails" not in migrate(migrations, "two", metadata)
    assert read_warnings(caplog) == []


REFUSING_NULLS: dict[str, Callable[[], tuple[Column[Any], ...]]] = REQUIRED | {
    "with a default": lambda: (Column("new", sa.String(4), server_default="it's", nullable=False),),
    "of every row": lambda: (Column("new", sa.Float, server_default=sa.func.random(), unique=True, nullable=False),),
    "with a null": lambda: (Column("new", sa.Text, server_default=sa.text("NULL"), nullable=False),),
    "dots": lambda: (Column("new", sa.Text().with_variant(pg.CIDR(), "postgresql"), unique=True, nullable=False),),
    "deferred key": lambda: (Column("new", ForeignKey("owner.id", deferrable=True, initially="deferred"), nullable=False),),
}


@pytest.mark.parametrize("kind", REFUSING_NULLS)
def test_the_line_in_front_of_a_column_that_refuses_nulls_works_as_printed(
    kind: str, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The operation as written fails while a row has no value; typed in front of it, the code of the comment gives it one."""
    migrations = History(tmp_path / "one", database_url).initialise()
    columns = REFUSING_NULLS[kind]()
    columns[0].nullable = True
    migrate(migrations, "one", item(*columns))
    name = columns[0].name
    execute(database_url, "INSERT INTO owner VALUES (1)", "INSERT INTO item (id) VALUES (1), (2)")
    quoted = f'"{name}"' if "sqlite" in database_url else f'"{name.replace("%", "%%")}"'
    execute(database_url, f"UPDATE item SET {quoted} = NULL")
    caplog.clear()
    text = migrations.revise(item(*REFUSING_NULLS[kind]()), "two")
    assert text is not None
    assert read_warnings(caplog) == [f"Rows that exist need a value, as the comments of this revision say: column item.{name}"]
    with pytest.raises(RevisionFailedError, match=r"(?i)not.null|null values") as refused:
        migrations.upgrade()
    _, code = read_fill(text)
    # What is advised where it fails is the same line, without the value.
    advised = str(refused.value.example).replace('"', "").removeprefix("op.execute(").removesuffix(")").strip()
    assert re.search(re.escape(advised).replace(r"\.\.\.", ".*"), re.sub(r'[\\"]', "", code[0]))
    assert ("..." in code[0]) == (kind == "dots" and "sqlite" not in database_url)
    type_in_front(tmp_path, "\n".join(code).replace("...", "CAST(host(inet_client_addr() + id) AS cidr)"))
    migrations.upgrade()
    assert execute(database_url, f"SELECT count(*), count({quoted}) FROM item") == [(2, 2)]
    assert migrations.find_differences() == []
    migrations.downgrade("-1")


def test_what_is_said_of_columns_that_refuse_nulls(postgresql_url: str, tmp_path: Path) -> None:
    """A value fits the type that the column still has; the words name the table in its schema, and say what they cannot know."""
    migrations = History(tmp_path / "one", postgresql_url).initialise()

    def declare(number: Any, text: Any, *, nullable: bool) -> MetaData:
        return item(
            Column("Number", number, nullable=nullable),
            Column("text", text, default="green", nullable=nullable),
            Column("twice", Integer, sa.Computed("owner_id * 2", persisted=True), nullable=nullable),
            Column("owner_id", ForeignKey("Sales: %.owner.id"), nullable=nullable),
            schema="Sales: %",
        )

    migrate(migrations, "one", declare(Integer, sa.Text, nullable=True))
    schema = '"Sales: %%"'
    execute(postgresql_url, f"INSERT INTO {schema}.owner VALUES (1)", f"INSERT INTO {schema}.item (id) VALUES (1)")
    text = migrations.revise(declare(sa.Text, sa.Enum(*COLOURS.enums, name="colour"), nullable=False), "two")
    assert text is not None
    name, fill = "Fails while rows hold no value for Sales: %.item", 'op.execute(\'UPDATE "Sales\\\\: %".item SET '
    front = "Write this in front, to give them one:"
    parent = "The UPDATE gives them the only row of Sales: %.owner; of several, say which: they keep nulls."
    first = f"""{fill}owner_id = (SELECT id FROM "Sales\\\\: %".owner WHERE (SELECT count(*) FROM "Sales\\\\: %".owner) = 1)"""
    comments = re.findall(r"((?: *#(?! ###).*\n)+)", text.partition("def downgrade")[0])
    assert [re.sub(r"\s*\n *# ", " ", comment).strip(" #\n") for comment in comments if "Fails" in comment] == [
        f'{name}.Number. {front} {fill}"Number" = 0 WHERE "Number" IS NULL\')',
        f"{name}.text. {front} {fill}text = \\'green\\' WHERE text IS NULL') "
        "Fails while rows hold texts in Sales: %.item.text that the enum does not have. Write this in front, with one of its values "
        f"in place of the dots: {fill}text = ... WHERE text NOT IN (\\'red\\', \\'green\\')')",
        f"{name}.twice. It is computed from other columns: fill those in front.",
        f"{name}.owner_id. {parent} {front} {first} WHERE owner_id IS NULL')",
    ]
    code = [line for line in text.splitlines() if re.match(r" *# op\.", line) and "..." not in line]
    type_in_front(tmp_path, "\n".join(line.strip(" #") for line in code))
    migrations.upgrade()
    rows = execute(postgresql_url, f'SELECT "Number", text::text, twice, owner_id FROM {schema}.item')
    assert rows == [("0", "green", 2, 1)]
    assert migrations.find_differences() == []


def test_nulls_are_filled_on_mysql(mysql_url: str, tmp_path: Path) -> None:
    """MySQL gives no row a value here, though it does where such a column is added; a backslash is one in its SQL too."""
    migrations = History(tmp_path / "one", mysql_url).initialise()
    url = mysql_url.replace("mysql:", "mysql+pymysql:")

    def declare(*, nullable: bool) -> MetaData:
        text = Column("text", sa.String(20), default="it's \\ %: \"", nullable=nullable)
        return item(text, Column("from", sa.Boolean, nullable=nullable), Column("day", sa.Date, nullable=nullable))

    migrate(migrations, "one", declare(nullable=True))
    execute(url, "INSERT INTO item (id) VALUES (1)")
    text = migrations.revise(declare(nullable=False), "two")
    assert text is not None
    with pytest.raises(RevisionFailedError):
        migrations.upgrade()
    code = re.findall(r"# (op\.execute.*)", text)
    assert len(code) == 3
    type_in_front(tmp_path, "\n".join(code))
    migrations.upgrade()
    assert execute(url, "SELECT text, `from` FROM item WHERE day = CURRENT_DATE") == [("it's \\ %: \"", 0)]


def read_fill(text: str) -> tuple[str, list[str]]:
    """The sentences of the comment about a column that refuses nulls, and its lines of code."""
    comment = re.search(r"^ *# Fails while rows hold no value .*\n(?: *#.*\n)+", text, re.M)
    assert comment, text
    lines = [line.strip().removeprefix("# ") for line in comment[0].splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("op."))
    return " ".join(lines[:first]), lines[first:]


def type_in_front(directory: Path, code: str) -> None:
    """Write code in front of all operations of the second revision."""
    (path,) = (directory / "one/migrations/versions").glob("two*.py")
    begin = '"""Upgrade the schema."""\n'
    path.write_text(path.read_text().replace(begin, begin + indent(code, "    ") + "\n"))
