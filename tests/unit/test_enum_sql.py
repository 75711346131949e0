"""The enum operations without a server: their SQL, what they refuse in any case, and their reverses."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from alembic.operations import Operations
from enums import NASTY, offline

from alembic_async_template.enums import operations as ops
from alembic_async_template.errors import EnumOperationError, InvalidEnumError

CALLS: dict[str, tuple[Callable[[Any], None], str]] = {
    "add": (
        lambda op: op.add_enum_value("mo'od", "it's :x %", after="100%", schema="S"),
        """COMMIT;\n\nALTER TYPE "S"."mo'od" ADD VALUE IF NOT EXISTS 'it''s :x %' AFTER '100%';\n\nBEGIN;\n\n""",
    ),
    "add before": (
        lambda op: op.add_enum_value("mood", "b", before="c"),
        """COMMIT;\n\nALTER TYPE "mood" ADD VALUE IF NOT EXISTS 'b' BEFORE 'c';\n\nBEGIN;\n\n""",
    ),
    "rename value": (
        lambda op: op.rename_enum_value("mood", "a'", "%b", schema="s"),
        """ALTER TYPE "s"."mood" RENAME VALUE 'a''' TO '%b';\n\n""",
    ),
    "create": (
        lambda op: op.create_enum('mo"od', ["a", "{}", "\\"]),
        """CREATE TYPE "mo""od" AS ENUM ('a', '{}', '\\');\n\n""",
    ),
    "drop": (lambda op: op.drop_enum("mood", ["a"], schema="s"), 'DROP TYPE "s"."mood";\n\n'),
    "rename": (lambda op: op.rename_enum("mood", "fee ling", schema="s"), 'ALTER TYPE "s"."mood" RENAME TO "fee ling";\n\n'),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_sql_of_offline_mode(call: str) -> None:
    """Exactly one statement; an addition stands outside of the transaction that surrounds it."""
    work, expected = CALLS[call]
    op, output = offline()
    work(op)
    assert output.getvalue() == expected


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_other_databases_are_left_alone_offline(dialect: str, call: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what is not done."""
    op, output = offline(dialect)
    with caplog.at_level("INFO"):
        CALLS[call][0](op)
    assert output.getvalue() == ""
    assert f"{dialect} has no enum types" in caplog.text
    assert ("op.execute" in caplog.text) == (call == "rename value")


class Mood(Enum):
    glad = "GLAD"


LONG = "ž" * 32  # 64 bytes


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (
            lambda op: op.add_enum_value("mood", "b", before="a", after="c", schema="s"),
            'Enum s.mood: Value "b" cannot be both before "a" and after "c": keep one of them. For example: '
            "op.add_enum_value('mood', 'b', after='c')",
        ),
        (lambda op: op.add_enum_value("mood", "b", after="b"), 'Enum mood: Value "b" is given twice.'),
        (
            lambda op: op.add_enum_value("mood", LONG),
            f"Enum mood: Value '{LONG}' is 64 bytes long, and PostgreSQL takes 63 at most.",
        ),
        (lambda op: op.add_enum_value("mood", "a\0"), "Enum mood: Value 'a\\x00' has a NUL character, which PostgreSQL cannot"),
        (lambda op: op.add_enum_value("mood", 1), "Enum mood: Value 1 is of type int and no text."),
        (
            lambda op: op.add_enum_value("mood", Mood.glad),
            "Enum mood: Value <Mood.glad: 'GLAD'> is a member of a Python enum, and which label that is depends on the column: "
            "SQLAlchemy stores the member's name (glad) unless it is told otherwise. Write the label as plain text.",
        ),
        (lambda op: op.add_enum_value("", "a"), "Enum : The name of the enum '' is empty."),
        (lambda op: op.add_enum_value("mood", "a", schema=""), "Enum mood: The schema '' is empty."),
        (lambda op: op.rename_enum_value("mood", "a", "a"), 'Enum mood: Value "a" is given twice.'),
        (lambda op: op.rename_enum("mood", LONG), f"Enum {LONG}: The name of the enum '{LONG}' is 64 bytes long"),
        (lambda op: op.create_enum("mood", []), "Enum mood: The list of values is empty."),
        (lambda op: op.create_enum("mood", "draft"), 'Enum mood: The values are one text, "draft", and not a list.'),
        (lambda op: op.create_enum("mood", ["a", "b", "a"]), 'Enum mood: Value "a" is given twice.'),
        (lambda op: op.drop_enum("mood", []), "Enum mood: The list of values is empty."),
    ],
)
@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_what_has_no_meaning_is_refused_before_sql(dialect: str, work: Callable[[Operations], None], message: str) -> None:
    """On every database, so that a test on SQLite finds it; with an example to type."""
    op, output = offline(dialect)
    with pytest.raises(InvalidEnumError) as error:
        work(op)
    assert str(error.value).startswith(message)
    assert ". For example: op." in str(error.value)
    assert output.getvalue() == ""


def test_the_empty_label_is_one() -> None:
    """PostgreSQL takes the empty label."""
    op, output = offline()
    op.create_enum("mood", [""])
    assert output.getvalue() == """CREATE TYPE "mood" AS ENUM ('');\n\n"""


OPERATIONS = [
    ops.RenameEnumValueOp("mood", "a", "b", schema="s"),
    ops.RenameEnumOp("mood", "feeling", schema="s"),
    ops.CreateEnumOp("mood", ["a", "b"], schema="s"),
    ops.DropEnumOp("mood", ["a", "b"]),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: type(operation).__name__)
def test_the_reverse_of_the_reverse_is_the_operation(operation: ops.EnumOperation) -> None:
    """And never the operation itself."""
    assert operation.reverse() != operation
    assert operation.reverse().reverse() == operation
    assert operation.to_diff_tuple()[1] == operation.schema


def test_diff_tuples_name_operation_schema_and_enum() -> None:
    """As Alembic's own do."""
    assert [operation.to_diff_tuple() for operation in OPERATIONS] == [
        ("rename_enum_value", "s", "mood", "a", "b"),
        ("rename_enum", "s", "mood", "feeling"),
        ("create_enum", "s", "mood", ("a", "b")),
        ("drop_enum", None, "mood", ("a", "b")),
    ]
    addition = ops.AddEnumValueOp("mood", "b", after="a")
    assert addition.to_diff_tuple() == ("add_enum_value", None, "mood", "b", None, "a")
    with pytest.raises(EnumOperationError, match='The addition of value "b" to enum mood cannot be reversed'):
        addition.reverse()


@pytest.mark.parametrize("nasty", NASTY)
def test_names_are_quoted_in_scripts(nasty: str) -> None:
    """What the server reads is the name again."""
    op, output = offline()
    op.create_enum(nasty, [nasty], schema=nasty)
    name = '"' + nasty.replace('"', '""') + '"'
    label = "'" + nasty.replace("'", "''") + "'"
    assert output.getvalue() == f"CREATE TYPE {name}.{name} AS ENUM ({label});\n\n"
