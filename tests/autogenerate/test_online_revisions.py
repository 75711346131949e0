"""What autogenerate writes with `online = on`: the block, a second revision where it needs one, and the reverse of both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import DOMAIN

from support.fingerprint import read_fingerprint
from support.history import History, migrate
from support.project import Project

_COLUMNS = ["one", "two"]
_COLUMN = st.fixed_dictionaries(
    {
        "nullable": st.booleans(),
        "default": st.booleans(),
        "length": st.sampled_from([10, 20]),
        "index": st.sampled_from([None, "index", "unique", "constraint"]),
        "key": st.booleans(),
        "check": st.booleans(),
    }
)
_TABLES = st.dictionaries(
    st.sampled_from(["post", "page", 'a "b" c']),
    st.fixed_dictionaries(
        {"comment": st.sampled_from([None, "x"]), "columns": st.dictionaries(st.sampled_from(_COLUMNS), _COLUMN)}
    ),
    min_size=1,
)
_MODELS = st.fixed_dictionaries({"tables": _TABLES, "author": st.booleans()})


def declare(models: dict[str, Any]) -> MetaData:
    metadata = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    if models["author"]:
        sa.Table("author", metadata, sa.Column("code", sa.String(20), primary_key=True))
    for name, chosen in models["tables"].items():
        table = sa.Table(name, metadata, sa.Column("id", sa.Integer(), primary_key=True), comment=chosen["comment"])
        for column_name, options in chosen["columns"].items():
            _add_column(table, column_name, options, has_author=models["author"])
    return metadata


def _add_column(table: sa.Table, name: str, options: dict[str, Any], *, has_author: bool) -> None:
    default = "x" if options["default"] else None
    table.append_column(sa.Column(name, sa.String(options["length"]), nullable=options["nullable"], server_default=default))
    column = table.c[name]
    match options["index"]:
        case "constraint":
            table.append_constraint(sa.UniqueConstraint(column))
        case "index" | "unique" as kind:
            sa.Index(f"ix {table.name} {name}", column, unique=kind == "unique")
    if options["check"]:
        table.append_constraint(sa.CheckConstraint(column != "'", name=name))
    if options["key"] and has_author:
        table.append_constraint(sa.ForeignKeyConstraint([column], ["author.code"]))


def read_unversioned(url: str) -> dict[str, Any]:
    """The database, but for its revision."""
    found = read_fingerprint(url, positions=False)
    del found["rows of public.alembic_version"]
    return found


def test_any_models_lead_to_any_others(postgresql_url: str, tmp_path: Path) -> None:
    """What the blocks make is what plain operations make, each step comes to rest, and each revision can be taken back."""
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    ini = tmp_path / "project/alembic.ini"
    versions = tmp_path / "project/migrations/versions"
    empty = read_fingerprint(postgresql_url)

    def switch(word: str) -> None:
        ini.write_text(ini.read_text().replace("online = on", "online = off").replace("online = off", f"online = {word}"))

    @settings(max_examples=8, deadline=None, phases=[Phase.generate], derandomize=True)
    @given(first=_MODELS, second=_MODELS)
    def check(first: dict[str, Any], second: dict[str, Any]) -> None:
        try:
            switch("off")
            history.revise(declare(first), "one")
            history.upgrade()
            if history.revise(declare(second), "two") is None:
                return
            history.upgrade()
            plain = read_unversioned(postgresql_url)
            history.downgrade("one")
            before = read_unversioned(
                postgresql_url
            )  # without a check that only the old models had: autogenerate leaves it to its column
            for path in versions.glob("*two*.py"):
                path.unlink()
            switch("on")
            history.revise(declare(second), "two")
            for _ in range(2):
                history.upgrade()
                assert history.find_differences() == []
                assert read_unversioned(postgresql_url) == plain
                history.downgrade("one")
                assert read_unversioned(postgresql_url) == before
            history.downgrade("base")
            assert read_fingerprint(postgresql_url) == empty
        finally:
            with psycopg.connect(postgresql_url) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
            for path in versions.glob("*.py"):
                path.unlink()

    check()


BEFORE = """
from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str | None = None
"""
AFTER = """
from sqlmodel import Field, SQLModel


class Author(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    slug: str = Field(unique=True)
    author_id: int | None = Field(default=None, foreign_key="author.id", index=True)
"""
FIRST = """
    # Fails while rows hold no value for post.title. Write this in front of the block,
    # to give them one:
    # with op.get_context().autocommit_block():
    #     op.execute("UPDATE post SET title = '' WHERE title IS NULL")
    with op.online():
        op.add_column("post", sa.Column("slug", sqlmodel.AutoString(), nullable=True))
        op.add_column("post", sa.Column("author_id", sa.Integer(), nullable=True))
        op.alter_column("post", "title", existing_type=sa.VARCHAR(), nullable=False)
        op.create_index(op.f("ix_post_author_id"), "post", ["author_id"], unique=False)

    op.create_table(
        "author",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # Give the rows a value for post.slug here: the next revision refuses nulls.
    # op.execute('UPDATE post SET slug = CAST(id AS VARCHAR)')
"""
FIRST_BACK = """
    with op.online():
        op.drop_index(op.f("ix_post_author_id"), table_name="post")
        op.alter_column("post", "title", existing_type=sa.VARCHAR(), nullable=True)
        op.drop_column("post", "author_id")
        op.drop_column("post", "slug")

    op.drop_table("author")
"""
SECOND = """
    with op.online():
        op.alter_column(
            "post", "slug", existing_type=sqlmodel.AutoString(), nullable=False
        )
        op.create_unique_constraint("post_slug_key", "post", ["slug"])
        op.create_foreign_key(
            "post_author_id_fkey", "post", "author", ["author_id"], ["id"]
        )
"""
SECOND_BACK = """
    with op.online():
        op.drop_constraint("post_author_id_fkey", "post", type_="foreignkey")
        op.drop_constraint("post_slug_key", "post", type_="unique")
        op.alter_column(
            "post", "slug", existing_type=sqlmodel.AutoString(), nullable=True
        )
"""


def read_bodies(path: Path) -> tuple[str, str]:
    """What a revision and its reverse do."""
    begin, end = "# ### commands auto generated by Alembic - please adjust! ###", "# ### end Alembic commands ###"
    upgrade, downgrade = (part.partition(end)[0] for part in path.read_text().split(begin)[1:])
    return f"{upgrade.rstrip()}\n", f"{downgrade.rstrip()}\n"


def test_what_needs_a_new_table_is_a_second_revision(project: Project, postgresql_url: str) -> None:
    """Both are named by the command; with rows, the code of the comments as typed lets both run, and back."""
    project.environment["DATABASE_URL"] = postgresql_url
    project.write({"app/models.py": BEFORE})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    project.alembic("upgrade", "head")
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("INSERT INTO post (title) VALUES ('x'), (NULL)")
    project.write({"app/models.py": AFTER})
    command = ["revision", "--autogenerate", "-m", "posts have authors", "--rev-id", "2a", "--branch-label", "blog"]
    output = project.alembic(*command).output
    first, second = sorted(project.revisions()[-2:], key=lambda path: "-2a_" not in path.name)
    assert [name for name in (first.name, second.name) if name in output] == [first.name, second.name]
    assert read_bodies(first) == (FIRST, FIRST_BACK)
    assert read_bodies(second) == (SECOND, SECOND_BACK)
    assert first.read_text().startswith('"""posts have authors\n\nRevision ID: 2a\n')
    assert second.read_text().startswith('"""part 2 of posts have authors\n')
    assert ("blog" in first.read_text(), "blog" in second.read_text()) == (True, False)

    block = project.alembic("upgrade", "head", check=False).block
    print(block)
    assert block.startswith('check constraint "online_not_null_title" of relation "post" is violated by some row')
    for path in (first, second):
        path.write_text(path.read_text().replace("    # op.exec", "    op.exec").replace("    # with", "    with"))
        path.write_text(path.read_text().replace("    #     op.exec", "        op.exec"))
    for _ in range(2):
        project.alembic("upgrade", "head")
        project.alembic("check")
        project.alembic("downgrade", "-2")
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT id, title FROM post ORDER BY id").fetchall() == [(1, "x"), (2, "")]


def post(*parts: Any, name: str = "post") -> MetaData:
    metadata = MetaData()
    sa.Table(name, metadata, sa.Column("id", sa.Integer(), primary_key=True), *parts)
    return metadata


def make_history(directory: Path, url: str, **options: Any) -> History:
    """A history whose first revision has created posts with a number."""
    history = History(directory / "project", url, online=True, **options).initialise()
    migrate(history, "one", post(sa.Column("n", sa.Integer())))
    return history


INDEXED = post(sa.Column("n", sa.Integer(), index=True))


def test_an_index_alone_is_one_revision(postgresql_url: str, tmp_path: Path) -> None:
    """Nothing else has to be there; its downgrade is a block too."""
    history = make_history(tmp_path, postgresql_url)
    text = migrate(history, "two", INDEXED)
    assert "    with op.online():\n        op.create_index(op.f('ix_post_n'), 'post', ['n'], unique=False)\n" in text
    assert "    with op.online():\n        op.drop_index(op.f('ix_post_n'), table_name='post')\n" in text
    assert history.find_differences() == []
    history.downgrade("one")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param([sa.Column("m", sa.Integer()), sa.Column("n", sa.Integer())], id="a column"),
        pytest.param([sa.Column("n", sa.BigInteger())], id="a type"),
        pytest.param([sa.Column("n", sa.Integer(), server_default="1")], id="a default"),
        pytest.param([], id="no column"),
    ],
)
def test_what_scans_nothing_or_has_no_safe_sequence_stays(postgresql_url: str, tmp_path: Path, change: list[Any]) -> None:
    """It is written as Alembic writes it."""
    history = make_history(tmp_path, postgresql_url)
    assert "op.online" not in migrate(history, "two", post(*change))


@pytest.mark.parametrize("way", ["off", "absent", "batch", "sqlite", "check"])
def test_it_is_written_only_where_it_is_asked_for(postgresql_url: str, tmp_path: Path, way: str) -> None:
    """Without the setting, in batches, on SQLite and for `alembic check`, the operations are Alembic's."""
    url = f"sqlite:///{tmp_path}/app.db" if way == "sqlite" else postgresql_url
    history = make_history(tmp_path, url, options={"render_as_batch": True} if way == "batch" else {})
    ini = tmp_path / "project/alembic.ini"
    if way in {"off", "absent"}:
        ini.write_text(ini.read_text().replace("online = on", "online = off" if way == "off" else ""))
    if way == "check":
        history.metadata = INDEXED
        assert [difference[0] for difference in history.find_differences()] == ["add_index"]
    else:
        assert "op.online" not in (history.revise(INDEXED, "two") or "")


def test_a_hook_names_the_first_revision(postgresql_url: str, tmp_path: Path) -> None:
    """A hook of env.py that numbers revisions, or leaves operations out, comes before."""

    def number(_context: Any, _revision: Any, directives: list[Any]) -> None:
        assert len(directives) == 1
        directives[0].rev_id = f"{len(list(tmp_path.rglob('versions/*.py'))):04}"

    history = make_history(tmp_path, postgresql_url, options={"process_revision_directives": number})
    metadata = post(sa.Column("n", sa.Integer()), sa.Column("author_id", sa.ForeignKey("author.id")))
    sa.Table("author", metadata, sa.Column("id", sa.Integer(), primary_key=True))
    text = history.revise(metadata, "two")
    assert text is not None
    assert "Revision ID: 0001\nRevises: 0000\n" in text
    assert "\nRevises: 0001\n" in text
    assert "down_revision: str | Sequence[str] | None = '0001'" in text
    history.upgrade()
    assert history.find_differences() == []


def test_values_are_added_in_front_of_the_block_and_removed_at_the_end(postgresql_url: str, tmp_path: Path) -> None:
    """An addition commits by itself: one revision does both, and back."""

    def declare_kind(*labels: str, index: bool) -> MetaData:
        return post(sa.Column("n", sa.Enum(*labels, name="kind"), index=index))

    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    migrate(history, "one", declare_kind("a", "b", index=False))
    for name, labels, index, sign in (("two", "abc", True, "create"), ("three", "ab", False, "drop")):
        text = migrate(history, name, declare_kind(*labels, index=index))
        assert text.count("Revision ID") == 1
        upgrade, downgrade = text.split("def downgrade()")
        assert f"op.{sign}_index" in upgrade
        assert upgrade.index("op.online") < upgrade.index("enum_value") or name == "two"
        assert downgrade.index("op.online") < downgrade.index("enum_value") or name == "three"
        assert history.find_differences() == []
    history.downgrade("one")
    history.upgrade()


def test_a_partitioned_table_keeps_what_the_block_refuses(postgresql_url: str, tmp_path: Path) -> None:
    """A unique constraint of it has no safe sequence, and is written as Alembic writes it."""

    def declare_measure(*parts: Any) -> MetaData:
        metadata = MetaData()
        columns = [sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.Integer())]
        sa.Table("measure", metadata, *columns, *parts, postgresql_partition_by="RANGE (id)")
        return metadata

    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    migrate(history, "one", declare_measure())
    assert "op.online" not in migrate(history, "two", declare_measure(sa.UniqueConstraint("id", "n")))
    assert "op.online" in migrate(history, "three", declare_measure(sa.UniqueConstraint("id", "n"), sa.Index("ix", "n")))
    assert history.find_differences() == []
    history.downgrade("base")


def declare_tables(*tables: tuple[Any, ...]) -> MetaData:
    """Tables with a key: each its name, columns, constraints and indexes."""
    metadata = MetaData()
    for name, *parts in tables:
        sa.Table(name, metadata, sa.Column("id", sa.Integer(), primary_key=True), *parts)
    return metadata


def number(name: str, *parts: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), *parts, **options)


def _enum(*labels: str, name: str = "kind") -> sa.Enum:
    return sa.Enum(*labels, name=name)


def _make_sequence() -> MetaData:
    metadata = declare_tables(("a", number("y", index=True), number("u", nullable=False)))
    sa.Sequence("sq", metadata=metadata)
    return metadata


# What is there, what is to be, the answers of -x, and how many revisions that takes.
CHANGES: dict[str, tuple[MetaData, MetaData, list[str], int]] = {
    "include": (
        declare_tables(("a", number("x"))),
        declare_tables(("a", number("x"), number("y"), sa.Index("ix", "x", postgresql_include=["y"]))),
        [],
        1,
    ),
    "old and new": (
        declare_tables(("a", number("x", nullable=False, index=True))),
        declare_tables(("a", number("y", nullable=False, index=True))),
        [],
        2,
    ),
    "renamed table": (
        declare_tables(("a", number("x"))),
        declare_tables(
            ("b", number("x", index=True), sa.Column("u", sa.Uuid(), server_default=sa.func.gen_random_uuid(), unique=True))
        ),
        ["rename_table=a:b"],
        2,
    ),
    "renamed column": (
        declare_tables(("a", number("x"))),
        declare_tables(("a", number("y", nullable=False))),
        ["rename=a.x:y"],
        2,
    ),
    "new domain": (
        declare_tables(("a", number("x"))),
        declare_tables(("a", number("x", index=True), sa.Column("d", DOMAIN("dd", sa.Integer(), check=sa.text("VALUE > 0"))))),
        [],
        1,
    ),
    "sequence": (declare_tables(("a", number("x", index=True))), _make_sequence(), ["rename=a.x:y"], 3),
    "comment": (
        declare_tables(("a", number("x"))),
        declare_tables(("a", number("x", sa.ForeignKey("b.n"))), ("b", number("n"), sa.UniqueConstraint("n", comment="one"))),
        [],
        2,
    ),
    "new enum": (
        declare_tables(("a", number("x")), ("b",)),
        declare_tables(("a", number("x", index=True)), ("b", sa.Column("k", _enum("p", "q"), nullable=False))),
        [],
        2,
    ),
    "new schema": (
        declare_tables(("a", number("x"))),
        declare_tables(("a", number("x", index=True)), ("b", sa.Column("k", sa.Enum("p", name="kind", schema="other")))),
        [],
        1,
    ),
    "cycle": (
        declare_tables(("a", number("x")), ("c", number("a_id"))),
        declare_tables(
            ("a", number("x"), number("b_id", sa.ForeignKey("b.id"))),
            ("b", number("a_id", sa.ForeignKey("a.id", use_alter=True))),
            ("c", number("a_id", sa.ForeignKey("a.id"))),
        ),
        [],
        2,
    ),
    "unique target": (
        declare_tables(("a", number("x")), ("b", number("y"))),
        declare_tables(
            ("a", number("x", unique=True)), ("b", number("y", sa.ForeignKey("a.x"))), ("c", number("z", sa.ForeignKey("a.x")))
        ),
        [],
        2,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_revision_is_taken_back_exactly(name: str, postgresql_url: str, tmp_path: Path) -> None:
    """One after the other, there and back twice; the end is that of the plain operations."""
    before, after, answers, count = CHANGES[name]
    history = History(tmp_path / "project", postgresql_url, online=True, options={"include_schemas": True}).initialise()
    versions = tmp_path / "project/migrations/versions"

    migrate(history, "one", before)
    history.arguments = answers
    ini = tmp_path / "project/alembic.ini"
    ini.write_text(ini.read_text().replace("online = on", "online = off"))
    migrate(history, "two", after)
    plain = read_unversioned(postgresql_url)
    history.downgrade("one")
    (versions / "two_two.py").unlink()
    ini.write_text(ini.read_text().replace("online = off", "online = on"))
    text = history.revise(after, "two")
    assert text is not None
    assert (text.count("Revision ID"), "op.online()" in text) == (count, True)
    states = [read_unversioned(postgresql_url)]
    for _ in range(count):
        history.upgrade("+1")
        states.append(read_unversioned(postgresql_url))
    assert states[-1] == plain
    assert history.find_differences() == []
    for _ in range(2):
        for state in reversed(states[:-1]):
            history.downgrade("-1")
            assert read_unversioned(postgresql_url) == state
        for state in states[1:]:
            history.upgrade("+1")
            assert read_unversioned(postgresql_url) == state


def test_a_column_goes_after_rows_were_filled_from_it(postgresql_url: str, tmp_path: Path) -> None:
    """The place for that is in front of its removal."""
    before, after, _, _ = CHANGES["old and new"]
    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    migrate(history, "one", before)
    text = history.revise(after, "two")
    assert text is not None
    assert text.index("op.add_column('a', sa.Column('y'") < text.index("# op.execute(") < text.index("op.drop_column('a', 'x')")


def test_rows_get_the_key_of_a_table_that_is_new(postgresql_url: str, tmp_path: Path) -> None:
    """The place to fill them comes after its creation."""
    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    migrate(history, "one", declare_tables(("post", number("old_id"))))
    key = sa.ForeignKey("author.id")
    after = declare_tables(
        ("post", number("old_id", key, nullable=False), number("author_id", sa.ForeignKey("author.id"), nullable=False)),
        ("author",),
    )
    text = history.revise(after, "two")
    assert text is not None
    creation = text.index("op.create_table('author'")
    assert creation < text.index("UPDATE post SET author_id") < text.index("part 2 of two")
    assert text.index("part 2 of two") < text.index("UPDATE post SET old_id")


def test_a_renamed_value_is_written_into_the_block(postgresql_url: str, tmp_path: Path) -> None:
    """As the comment says: in place of the addition and the removal."""
    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    migrate(history, "one", declare_tables(("a", number("x"), sa.Column("k", _enum("p", "q")))))
    history.revise(declare_tables(("a", number("x", index=True), sa.Column("k", _enum("p", "r")))), "two")
    path = tmp_path / "project/migrations/versions/two_two.py"
    lines = path.read_text().split("\n")
    kept = [line for line in lines if "add_enum_value" not in line and "remove_enum_value" not in line]
    path.write_text("\n".join(kept).replace("# op.rename_enum_value", "op.rename_enum_value"))
    history.upgrade()
    assert history.find_differences() == []
    history.downgrade("one")


def test_files_of_one_name_are_not_written(postgresql_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where file_template has neither revision nor message, the second would replace the first."""
    history = make_history(tmp_path, postgresql_url)
    ini = tmp_path / "project/alembic.ini"
    ini.write_text(re.sub("# file_template = .*", "file_template = %%(year)d", ini.read_text()))
    metadata = declare_tables(("post", number("n"), number("author_id", sa.ForeignKey("author.id"))), ("author",))
    text = history.revise(metadata, "two")
    assert text is not None
    assert "op.online" not in text
    assert any("add %%(rev)s to it" in record.getMessage() for record in caplog.records)
