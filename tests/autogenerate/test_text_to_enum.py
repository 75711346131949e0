"""A column of text, as Django's choices are, becomes an enum: what is advised where rows hold other texts, typed as printed."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Enum, MetaData, String, Table
from sqlalchemy.types import TypeEngine

from alembic_async_template import errors
from support.constructs import key
from support.history import History, migrate

pytestmark = pytest.mark.postgresql


class PostStatus(enum.Enum):
    """Members whose names are not what Django has stored."""

    DRAFT = "draft"
    IN_REVIEW = "in-review"


def post(type_: TypeEngine[Any]) -> MetaData:
    metadata = MetaData()
    Table("post", metadata, key(), Column("status", type_, nullable=False))
    return metadata


@pytest.fixture
def history(embedded_url: str, tmp_path: Path) -> History:
    """A database with another application's enum, and rows from Django."""
    history = History(tmp_path / "one", embedded_url).initialise()
    migrate(history, "first", post(String(9)))
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TYPE status AS ENUM ('other'); CREATE TABLE other (status status)")
        connection.execute("INSERT INTO post (status) VALUES ('in-review'), ('draft'), ('draft')")
    return history


def find_revision(history: History) -> Path:
    (path,) = (history.directory / "migrations/versions").glob("second*.py")
    return path


def refuse(history: History, first_line: str = "") -> errors.AlembicAsyncTemplateError:
    """Migrate to the second revision, with another line in front of all others; the error."""
    if first_line:
        path = find_revision(history)
        path.write_text(path.read_text().replace("    op.create_enum(", f"    {first_line}\n    op.create_enum(", 1))
    with pytest.raises(errors.AlembicAsyncTemplateError) as refused:
        history.upgrade()
    return refused.value


def read_rows(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT status::text FROM post ORDER BY id")]


def test_the_texts_are_changed_before(history: History) -> None:
    """One statement gives every row the name of its member."""
    assert history.revise(post(Enum(PostStatus)), "second")
    error = refuse(history)
    assert error.fix == "rows have texts that are not values of the type: give them its values before"
    assert error.example == (
        "op.execute(\"UPDATE post SET status = CASE status WHEN 'draft' THEN 'DRAFT' WHEN 'in-review' THEN 'IN_REVIEW' "
        'ELSE status END")'
    )
    assert "add_enum_value" not in str(error)
    path = find_revision(history)
    path.write_text(path.read_text().replace("    op.alter_column(", f"    {error.example}\n    op.alter_column(", 1))
    history.upgrade()
    assert read_rows(history.url) == ["IN_REVIEW", "DRAFT", "DRAFT"]
    assert history.find_differences() == []


def test_the_model_stores_values(history: History) -> None:
    """The second way leaves the rows as they are, and Django can go on reading them."""
    assert history.revise(post(Enum(PostStatus)), "second")
    way = refuse(history).fixes[1]
    assert way.advice.endswith("write this revision again")
    find_revision(history).unlink()
    type_ = eval(way.example.replace("...", "PostStatus"))
    # Another name: a file of the same name, second and length would run the byte code of the first.
    migrate(history, "third", post(type_))
    assert read_rows(history.url) == ["in-review", "draft", "draft"]
    assert history.find_differences() == []


class Colour(enum.Enum):
    """Members with names that are longer than the texts, and with values that SQL and `text()` read otherwise."""

    RED = "it's:red"
    DEEP_BLUISH_GREEN = "\\%s"


@pytest.mark.parametrize(
    ("type_", "texts", "result", "statement"),
    [
        (Enum(PostStatus), ["draft", "in-review"], ["DRAFT", "IN_REVIEW"], r"CASE status WHEN .* ELSE status END"),
        (Enum(Colour), ["it's:red", "\\%s", "RED"], ["RED", "DEEP_BLUISH_GREEN", "RED"], r"CASE status .* END"),
        (
            Enum(PostStatus, values_callable=lambda members: [member.value for member in members]),
            ["draft", "DRAFT", "IN_REVIEW"],
            ["draft", "draft", "in-review"],
            r"CASE status .* END",
        ),
        (Enum("a", "b", name="letter"), ["a", "draft"], ["a", "b"], r"\.\.\. WHERE status NOT IN \('a', 'b'\)"),
    ],
)
def test_the_line_in_front_works_as_printed(
    type_: Any, texts: list[str], result: list[str], statement: str, embedded_url: str, tmp_path: Path
) -> None:
    """A revision says which texts it refuses; the UPDATE of its comment gives them the labels of their members."""
    history = History(tmp_path / "one", embedded_url).initialise()
    migrate(history, "first", post(String(9)))
    with psycopg.connect(embedded_url) as connection:
        for text in texts:
            connection.execute("INSERT INTO post (status) VALUES (%s)", [text])
    written = history.revise(post(type_), "second")
    assert written is not None
    comment = re.search(r"^ *# Fails while rows hold texts in post\.status that the enum .*\n(?: *#.*\n)+", written, re.M)
    assert comment, written
    assert "This may lose" not in written
    refuse(history)
    code = re.sub("^    # ", "    ", comment[0][comment[0].index("    # op.") :], flags=re.M)
    assert re.search(f"UPDATE post SET status = {statement}", code)
    assert code.count("op.") == (2 if type_.enum_class is Colour else 1)
    path = find_revision(history)
    path.write_text(path.read_text().replace("    # Fails", code.replace("...", "'b'") + "    # Fails", 1))
    history.upgrade()
    assert read_rows(history.url) == result
    assert history.find_differences() == []


def test_a_type_that_is_not_there_is_not_the_one_of_another_application(history: History) -> None:
    """`status` is not near enough to `poststatus`."""
    assert history.revise(post(Enum(PostStatus)), "second")
    error = refuse(history, 'op.add_enum_value("poststatus", "draft")')
    assert isinstance(error, errors.UnknownEnumError)
    assert error.near == ()
    assert error.fix == "create it first"


def test_a_value_of_a_type_that_the_same_revision_creates(history: History) -> None:
    """It is created with the type; nothing can come in front of that."""
    assert history.revise(post(Enum(PostStatus)), "second")
    path = find_revision(history)
    creation = next(line.strip() for line in path.read_text().splitlines() if "op.create_enum(" in line)
    path.write_text(path.read_text().replace(creation, f"{creation}\n    op.add_enum_value('poststatus', 'draft')", 1))
    error = refuse(history)
    assert isinstance(error, errors.UncommittedWorkError)
    path.write_text(path.read_text().replace(f"{creation}\n    op.add_enum_value('poststatus', 'draft')", str(error.example), 1))
    assert "poststatus" in str(error.example)
    assert refuse(history).headline == 'invalid input value for enum poststatus: "in-review"'
