"""A renamed enum value, as a newcomer meets it: the lines of each message, typed, keep the rows apart on every database."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Enum, MetaData, Table

from alembic_async_template import errors
from support.constructs import key
from support.history import History, migrate
from support.servers import create_postgresql_database

pytestmark = pytest.mark.postgresql


def item(labels: Sequence[str], schema: str | None = None) -> MetaData:
    metadata = MetaData()
    Table("item", metadata, key(), Column("status", Enum(*labels, name="status", schema=schema)))
    return metadata


def fill(url: str, labels: Sequence[str]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO item (status) VALUES (%s)", [(label,) for label in labels])


def read_rows(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT status::text FROM item ORDER BY id")]


def read_labels(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT enumlabel FROM pg_enum ORDER BY enumsortorder")]


@pytest.fixture
def histories(embedded_postgresql: str, tmp_path: Path) -> Iterator[tuple[History, History]]:
    """The same revisions on two databases."""
    with ExitStack() as servers:
        urls = [servers.enter_context(create_postgresql_database(embedded_postgresql)) for _ in range(2)]
        first = History(tmp_path / "one", urls[0]).initialise()
        yield first, History(first.directory, urls[1])


def write(history: History, revision: str, upgrade: str) -> None:
    """Give a revision another `upgrade`."""
    (path,) = (history.directory / "migrations/versions").glob(f"{revision}*.py")
    source = path.read_text()
    body = "\n".join(f"    {line}" for line in upgrade.splitlines())
    path.write_text(re.sub(r"(?s)def upgrade\(\).*?\n\n\n", lambda _: f"def upgrade() -> None:\n{body}\n\n\n", source))


def read_upgrade(text: str) -> list[str]:
    """The lines of `upgrade` without its comments."""
    body = text.partition("def upgrade")[2].partition("def downgrade")[0]
    return [line.strip() for line in body.splitlines() if line.strip().startswith("op.")]


@pytest.mark.parametrize(
    ("before", "after", "mapping"),
    [
        (["NEW", "OPEN"], ["CREATED", "ACTIVE"], ["CREATED", "ACTIVE"]),
        (["DRAFT", "PUBLISHED"], ["draft", "published"], ["draft", "published"]),
        (["DRAFT", "PUBLISHED"], ["draft", "review", "published"], ["draft", "published"]),
        (["DRAFT", "IN_REVIEW"], ["in-review", "draft"], ["draft", "in-review"]),
        (["a", "b"], ["x"], ["x", "x"]),
    ],
)
def test_the_example_pairs_each_value_with_its_own(
    histories: tuple[History, History], before: list[str], after: list[str], mapping: list[str]
) -> None:
    """The error proposes what the revision's comment does, also when it runs again; typed, the rows stay apart."""
    history, fresh = histories
    migrate(history, "first", item(before))
    fresh.upgrade()
    for url in (history.url, fresh.url):
        fill(url, before)
    text = history.revise(item(after), "second")
    assert text is not None
    pairs = ", ".join(f"{old!r}: {new!r}" for old, new in zip(before, mapping, strict=True))
    assert f"# replace_with={{{pairs}}}\n" in text
    example = f"op.replace_enum_values('status', {after!r}, replace_with={{{pairs}}})"
    for _ in range(2):  # the additions are committed by the first attempt
        with pytest.raises(errors.EnumValueInUseError) as refused:
            history.upgrade()
        assert refused.value.fix == "say which values take their places, such as"
        assert refused.value.example == example
    *additions, _ = read_upgrade(text)
    write(history, "second", "\n".join([*additions, example]))
    for one in (history, fresh):
        one.upgrade()
        assert read_rows(one.url) == mapping
        assert read_labels(one.url) == after
    assert history.find_differences() == []


def test_an_example_without_likely_pairs_has_dots_that_are_refused(histories: tuple[History, History]) -> None:
    """Nothing is changed while they are there; with values in their place it runs."""
    history, _ = histories
    migrate(history, "first", item(["a", "b", "draft", "live"]))
    fill(history.url, ["a", "b", "draft"])
    text = history.revise(item(["draft", "live"]), "second")
    assert text is not None
    assert "# replace_with={'a': ..., 'b': ...}\n" in text
    with pytest.raises(errors.EnumValueInUseError) as refused:
        history.upgrade()
    assert refused.value.fix == 'say which values take their places: "draft", "live", one in place of each three dots'
    example = str(refused.value.example)
    assert example == "op.replace_enum_values('status', ['draft', 'live'], replace_with={'a': ..., 'b': ...})"
    write(history, "second", example)
    with pytest.raises(errors.InvalidEnumError, match='three dots for "a", "b": put the value that takes its place there'):
        history.upgrade()
    assert read_rows(history.url) == ["a", "b", "draft"]
    write(history, "second", example.replace("...", "'live'", 1).replace("...", "'draft'"))
    history.upgrade()
    assert read_rows(history.url) == ["live", "draft", "draft"]


def test_what_was_given_is_not_proposed_again(histories: tuple[History, History]) -> None:
    """A value that takes the place of one is not proposed for another."""
    history, _ = histories
    migrate(history, "first", item(["a", "b", "c"]))
    fill(history.url, ["a", "b"])
    assert history.revise(item(["x", "y", "c"]), "second")
    write(history, "second", "op.replace_enum_values('status', ['x', 'y', 'c'], replace_with={'a': 'y'})")
    with pytest.raises(errors.EnumValueInUseError) as refused:
        history.upgrade()
    assert str(refused.value.example).endswith("replace_with={'a': 'y', 'b': ...})")


@pytest.mark.parametrize("schema", [None, "billing"])
@pytest.mark.parametrize("way", ["everywhere", "on this database only", "as the refusal says"])
def test_a_rename_after_a_refused_removal(
    histories: tuple[History, History], caplog: pytest.LogCaptureFixture, way: str, schema: str | None
) -> None:
    """The addition is committed already: each way works here, and on a database that has not seen it."""
    history, fresh = histories
    for one in histories:
        with psycopg.connect(one.url) as connection:
            connection.execute("CREATE SCHEMA billing")
    migrate(history, "first", item(["DRAFT", "OPEN"], schema))
    fresh.upgrade()
    for one in histories:
        fill(one.url, ["OPEN", "DRAFT"])
    caplog.clear()
    text = history.revise(item(["DRAFT", "LIVE"], schema), "second")
    assert text is not None
    ending = f", schema={schema!r})" if schema else ")"
    name = f"{schema}.status" if schema else "status"
    rename = f"op.rename_enum_value('status', 'OPEN', 'LIVE'{ending}"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"This revision loses data, as its comments say: value 'OPEN' of enum {name} (renamed? {rename})"
    ]
    with pytest.raises(errors.EnumValueInUseError) as in_use:
        history.upgrade()
    write(history, "second", rename)
    with pytest.raises(errors.EnumValueExistsError) as exists:
        history.upgrade()
    assert not exists.value.is_used
    everywhere, here, free = exists.value.fixes
    assert "every database" in everywhere.advice
    assert "this database only" in here.advice
    assert not free.example
    match way:
        case "everywhere":
            write(history, "second", everywhere.example)
            history.upgrade()
        case "on this database only":
            write(history, "second", f"{here.example}\n{rename}")
            history.upgrade()
            write(history, "second", rename)
        case _:
            write(history, "second", "\n".join([*read_upgrade(text)[:-1], str(in_use.value.example)]))
            history.upgrade()
    fresh.upgrade()
    for one in histories:
        assert read_rows(one.url) == ["LIVE", "DRAFT"]
        assert read_labels(one.url) == ["DRAFT", "LIVE"]
    assert history.find_differences() == []


def test_two_renames_after_a_refused_removal(histories: tuple[History, History]) -> None:
    """Both lines of the comment are told what to write, one after the other."""
    history, fresh = histories
    migrate(history, "first", item(["NEW", "OPEN"]))
    fresh.upgrade()
    for one in histories:
        fill(one.url, ["OPEN", "NEW"])
    assert history.revise(item(["CREATED", "ACTIVE"]), "second")
    with pytest.raises(errors.EnumValueInUseError):
        history.upgrade()
    lines = ["op.rename_enum_value('status', 'NEW', 'CREATED')", "op.rename_enum_value('status', 'OPEN', 'ACTIVE')"]
    for number in range(2):
        write(history, "second", "\n".join(lines))
        with pytest.raises(errors.EnumValueExistsError) as exists:
            history.upgrade()
        lines[number] = str(exists.value.example)
    write(history, "second", "\n".join(lines))
    for one in histories:
        one.upgrade()
        assert read_rows(one.url) == ["ACTIVE", "CREATED"]
        assert read_labels(one.url) == ["CREATED", "ACTIVE"]


def test_a_rename_to_a_value_that_rows_hold(histories: tuple[History, History]) -> None:
    """The first way is another name, since afterwards nothing tells the rows apart."""
    history, _ = histories
    migrate(history, "first", item(["a", "b"]))
    fill(history.url, ["a", "b"])
    history.revise(item(["b"]), "second")
    write(history, "second", "op.rename_enum_value('status', 'a', 'b')")
    with pytest.raises(errors.EnumValueExistsError, match='rows or defaults hold "b" in this database') as exists:
        history.upgrade()
    assert [bool(fix.example) for fix in exists.value.fixes] == [False, True]
    write(history, "second", exists.value.fixes[1].example)
    history.upgrade()
    assert read_rows(history.url) == ["b", "b"]
