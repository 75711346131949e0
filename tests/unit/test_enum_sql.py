"""The enum operations without a server: their SQL, what they refuse in any case, and their reverses."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from alembic_async_template.enums import ops
from alembic_async_template.enums.expressions import find_labels, replace_labels
from alembic_async_template.enums.model import Change, EnumType
from alembic_async_template.errors import EnumOfflineError, InvalidEnumError
from support.enums import NASTY, EnumOperations, offline

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
        """CREATE TYPE "mo""od" AS ENUM ('a', '{}', E'\\\\');\n\n""",
    ),
    "drop": (lambda op: op.drop_enum("mood", ["a"], schema="s"), 'DROP TYPE "s"."mood";\n\n'),
    "rename": (lambda op: op.rename_enum("mood", "fee ling", schema="s"), 'ALTER TYPE "s"."mood" RENAME TO "fee ling";\n\n'),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_sql_of_offline_mode(call: str) -> None:
    """Each operation is exactly one statement; an addition stands outside of the transaction that surrounds it."""
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
            'Enum s.mood: Value "b" cannot be both before "a" and after "c": keep one of them\n  fix    correct the arguments:\n'
            "         op.add_enum_value('mood', 'b', after='c', schema='s')",
        ),
        (lambda op: op.add_enum_value("mood", "b", after="b"), 'Enum mood: Value "b" is given twice\n'),
        (
            lambda op: op.add_enum_value("mood", LONG),
            f"Enum mood: Value '{LONG}' is 64 bytes long, and PostgreSQL takes 63 at most\n",
        ),
        (lambda op: op.add_enum_value("mood", "a\0"), "Enum mood: Value 'a\\x00' has a NUL character, which PostgreSQL cannot"),
        (lambda op: op.add_enum_value("mood", 1), "Enum mood: Value 1 is of type int and no text\n"),
        (
            lambda op: op.add_enum_value("mood", Mood.glad),
            "Enum mood: Value <Mood.glad: 'GLAD'> is a member of a Python enum, and which label that is depends on the column: "
            "SQLAlchemy stores the member's name (glad) unless it is told otherwise. Write the label as plain text\n",
        ),
        (lambda op: op.add_enum_value("", "a"), "Enum : The name of the enum '' is empty\n"),
        (lambda op: op.add_enum_value("mood", "a", schema=""), "Enum mood: The schema '' is empty\n"),
        (lambda op: op.rename_enum_value("mood", "a", "a"), 'Enum mood: Value "a" is given twice\n'),
        (lambda op: op.rename_enum("mood", LONG), f"Enum {LONG}: The name of the enum '{LONG}' is 64 bytes long"),
        (lambda op: op.create_enum("mood", []), "Enum mood: The list of values is empty\n"),
        (lambda op: op.create_enum("mood", "draft"), 'Enum mood: The values are one text, "draft", and not a list\n'),
        (lambda op: op.create_enum("mood", ["a", "b", "a"]), 'Enum mood: Value "a" is given twice\n'),
        (lambda op: op.drop_enum("mood", []), "Enum mood: The list of values is empty\n"),
    ],
)
@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_what_has_no_meaning_is_refused_before_sql(dialect: str, work: Callable[[EnumOperations], None], message: str) -> None:
    """The arguments are refused on every database, so that a test on SQLite finds them; with an example to type."""
    op, output = offline(dialect)
    with pytest.raises(InvalidEnumError) as error:
        work(op)
    assert str(error.value).startswith(message)
    assert "\n  fix    correct the arguments:\n         op." in str(error.value)
    assert output.getvalue() == ""


def test_the_empty_label_is_one() -> None:
    """PostgreSQL takes the empty label."""
    op, output = offline()
    op.create_enum("mood", [""])
    assert output.getvalue() == """CREATE TYPE "mood" AS ENUM ('');\n\n"""


OPERATIONS = [
    ops.AddEnumValueOp("mood", "b", after="a", schema="s"),
    ops.RemoveEnumValueOp("mood", "b", before="a", schema="s"),
    ops.ReorderEnumValuesOp("mood", ["b", "a"], existing_values=["a", "b"], schema="s"),
    ops.ReplaceEnumValuesOp("mood", ["b", "a"], existing_values=["a", "c"], schema="s"),
    ops.RenameEnumValueOp("mood", "a", "b", schema="s"),
    ops.RenameEnumOp("mood", "feeling", schema="s"),
    ops.CreateEnumOp("mood", ["a", "b"], schema="s"),
    ops.DropEnumOp("mood", ["a", "b"]),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: type(operation).__name__)
def test_the_reverse_of_the_reverse_is_the_operation(operation: ops.EnumOperation) -> None:
    """The reverse is never the operation itself."""
    assert operation.reverse() != operation
    assert operation.reverse().reverse() == operation
    assert operation.to_diff_tuple()[1] == operation.schema


def test_diff_tuples_name_operation_schema_and_enum() -> None:
    """Diff tuples look like those of Alembic's own operations."""
    assert [operation.to_diff_tuple() for operation in OPERATIONS] == [
        ("add_enum_value", "s", "mood", "b", None, "a"),
        ("remove_enum_value", "s", "mood", "b"),
        ("reorder_enum_values", "s", "mood", ("a", "b"), ("b", "a")),
        ("replace_enum_values", "s", "mood", ("a", "c"), ("b", "a")),
        ("rename_enum_value", "s", "mood", "a", "b"),
        ("rename_enum", "s", "mood", "feeling"),
        ("create_enum", "s", "mood", ("a", "b")),
        ("drop_enum", None, "mood", ("a", "b")),
    ]


@pytest.mark.parametrize("nasty", NASTY)
def test_names_are_quoted_in_scripts(nasty: str) -> None:
    """What the server reads is the name again."""
    op, output = offline()
    op.create_enum(nasty, [nasty], schema=nasty)
    name = '"' + nasty.replace('"', '""') + '"'
    label = "'" + nasty.replace("'", "''") + "'"
    if "\\" in nasty:  # which means the same in an escape string, whatever standard_conforming_strings is
        label = "E" + label.replace("\\", "\\\\")
    assert output.getvalue() == f"CREATE TYPE {name}.{name} AS ENUM ({label});\n\n"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda op: op.remove_enum_value("mood", "a", schema="s"), "remove_enum_value"),
        (lambda op: op.reorder_enum_values("mood", ["a"], schema="s"), "reorder_enum_values"),
        (lambda op: op.replace_enum_values("mood", ["a"], schema="s"), "replace_enum_values"),
    ],
)
def test_what_needs_the_catalog_is_refused_offline(call: Callable[[EnumOperations], None], name: str) -> None:
    """The message names the operation and what to do instead; on other databases there is nothing to do."""
    op, output = offline()
    with pytest.raises(EnumOfflineError) as error:
        call(op)
    assert str(error.value) == (
        f"op.{name} cannot be written as a script for enum s.mood: its statements depend on what uses the type\n"
        "  fix    run this revision with a connection, and print those before and after it as ranges"
    )
    other, nothing = offline("sqlite")
    call(other)
    assert (output.getvalue(), nothing.getvalue()) == ("", "")


def test_removals_say_what_rows_need_on_other_databases(caplog: pytest.LogCaptureFixture) -> None:
    """Rows of other databases hold text."""
    op, _ = offline("sqlite")
    op.remove_enum_value("mood", "a", replace_with="b")
    op.replace_enum_values("mood", ["d"], replace_with={"c": "d"})
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        'Rows hold the text "a", change it in each table that has it, for example: '
        "op.execute(\"UPDATE post SET status = 'b' WHERE status = 'a'\")",
        'Rows hold the text "c", change it in each table that has it, for example: '
        "op.execute(\"UPDATE post SET status = 'd' WHERE status = 'c'\")",
    ]


@pytest.mark.parametrize(
    ("expression", "labels", "replaced"),
    [
        ("'a'::s.mood", {"a"}, "'x'::s.mood"),
        ("""'a'::"s"."mood" || 'a'::text || 'a'""", {"a"}, """'x'::"s"."mood" || 'a'::text || 'a'"""),
        ("'a'::s.other", {"a"}, "'a'::s.other"),
        ("'{a,b}'::s.mood[]", {"{a,b}", "a", "b"}, """'{"x",b}'::s.mood[]"""),
        (
            """'{{a,NULL},{"a b","a"}}'::s.mood[]""",
            {'{{a,NULL},{"a b","a"}}', "a", "a b"},
            """'{{"x",NULL},{"a b","x"}}'::s.mood[]""",
        ),
        ("'{a}'::character varying[]", {"{a}", "a"}, "'{a}'::character varying[]"),
        ("""ARRAY['a'::s.mood, 'it''s'::s.mood]""", {"a", "it's"}, "ARRAY['x'::s.mood, 'it''s'::s.mood]"),
        (r"""E'back\\slash'::s.mood""", {"back\\slash"}, r"""E'back\\slash'::s.mood"""),
        ("""("it's a" = 'a'::s.mood) OR ("'a'" = 'b')""", {"a", "b"}, """("it's a" = 'x'::s.mood) OR ("'a'" = 'b')"""),
        (r"""E'{"qu\\"ote"}'::s.other[]""", {r'{"qu\"ote"}', 'qu"ote'}, r"""E'{"qu\\"ote"}'::s.other[]"""),
        ("lower(x) || 1", set(), "lower(x) || 1"),
    ],
)
def test_labels_are_found_in_expressions(expression: str, labels: set[str], replaced: str) -> None:
    """Labels are constants of any type, and elements of arrays of any depth, never names; those of the type are replaced."""
    assert find_labels(expression) == labels
    enum = EnumType(oid=1, schema="s", name="mood", labels=("a", "x"), visible=False)
    assert replace_labels(expression, Change(enum, ("x",), {"a": "x"})) == replaced


def test_an_unknown_order_cannot_be_reversed() -> None:
    """Without the existing values, the order before is unknown."""
    for operation in (ops.ReorderEnumValuesOp("mood", ["a"]), ops.ReplaceEnumValuesOp("mood", ["a"])):
        with pytest.raises(ValueError, match="existing_values are needed to reverse the operation"):
            operation.reverse()
