"""The enum operations that PostgreSQL has, on real servers: what they do, what they refuse, and whom they blame."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection

from alembic_async_template.enums import ops
from alembic_async_template.errors import (
    EnumExistsError,
    EnumInUseError,
    EnumOperationError,
    EnumValueExistsError,
    UncommittedEnumValueError,
    UncommittedWorkError,
    UnknownEnumError,
    UnknownEnumValueError,
)
from support.enums import NASTY, EnumOperations, OnConnection, create_enum, operations, read_enums


def committed(work: Callable[[EnumOperations], Any]) -> Callable[[Connection], None]:
    """A function for `on_connection` that works like a migration: in a transaction which is committed at its end."""

    def run(connection: Connection) -> None:
        op = operations(connection)
        with op.get_context().begin_transaction():
            work(op)

    return run


def test_a_value_is_added_at_its_place_and_can_be_used(on_connection: OnConnection, postgresql_url: str) -> None:
    """A value comes at the end, before or after a neighbour; adding it twice is harmless, and it can be used at once."""
    create_enum(postgresql_url, "mood", ["a", "z"])

    def work(op: EnumOperations) -> None:
        op.add_enum_value("mood", "end")
        op.add_enum_value("mood", "first", before="a")
        op.add_enum_value("mood", "middle", after="a")
        op.add_enum_value("mood", "middle", after="a")
        op.execute("SELECT 'middle'::mood")

    on_connection(committed(work))
    assert read_enums(postgresql_url) == {"public.mood": ["first", "a", "middle", "z", "end"]}


def test_a_value_at_another_position_is_said(
    on_connection: OnConnection, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays where it is, and the warning shows the order; at the right position there is none."""
    create_enum(postgresql_url, "mood", ["a", "b", "c"])

    def work(op: EnumOperations) -> None:
        op.add_enum_value("mood", "a", before="b")
        op.add_enum_value("mood", "c", after="b")
        op.add_enum_value("mood", "b")
        assert not [record for record in caplog.records if record.levelname == "WARNING"]
        op.add_enum_value("mood", "c", after="a")
        op.add_enum_value("mood", "a", before="gone")

    on_connection(committed(work))
    message = 'Value "{}" of enum public.mood is there already, at another position, where it stays: the order is "a", "b", "c"'
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [message.format("c"), message.format("a")]
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c"]}


@pytest.mark.parametrize("nasty", NASTY)
def test_every_name_is_quoted(on_connection: OnConnection, postgresql_url: str, nasty: str) -> None:
    """Schema, type, label and neighbour of every operation may have nasty names, and its reverse restores the earlier state."""
    schema, other, new = f"{nasty[:60]}_s", f"{nasty[:60]}_t", f"{nasty[:60]}_n"
    create_enum(postgresql_url, "unrelated", ["a"], schema=schema)

    def invoke(*operations: ops.EnumOperation) -> Callable[[Connection], None]:
        return committed(lambda op: [op.invoke(operation) for operation in operations])

    create = ops.CreateEnumOp(nasty, ["a", nasty], schema=schema)
    renames: list[Any] = [
        ops.RenameEnumValueOp(nasty, nasty, new, schema=schema),
        ops.RenameEnumOp(nasty, other, schema=schema),
    ]
    unrelated = {f"{schema}.unrelated": ["a"]}
    on_connection(invoke(create))
    on_connection(invoke(ops.AddEnumValueOp(nasty, f"{nasty[:60]}_x", before=nasty, schema=schema)))
    assert read_enums(postgresql_url) == {f"{schema}.{nasty}": ["a", f"{nasty[:60]}_x", nasty], **unrelated}
    on_connection(invoke(*renames))
    assert read_enums(postgresql_url) == {f"{schema}.{other}": ["a", f"{nasty[:60]}_x", new], **unrelated}
    on_connection(invoke(*(operation.reverse() for operation in reversed(renames))))
    assert read_enums(postgresql_url) == {f"{schema}.{nasty}": ["a", f"{nasty[:60]}_x", nasty], **unrelated}
    on_connection(invoke(create.reverse()))
    assert read_enums(postgresql_url) == unrelated


def test_renaming_keeps_rows_and_defaults_and_is_rolled_back_whole(on_connection: OnConnection, postgresql_url: str) -> None:
    """A rename runs in the revision's transaction, where the new name can be used at once."""
    create_enum(postgresql_url, "mood", ["sad", "glad"])

    def work(op: EnumOperations) -> None:
        op.execute("CREATE TABLE t (m mood DEFAULT 'sad')")
        op.execute("INSERT INTO t DEFAULT VALUES")
        op.rename_enum_value("mood", "sad", "blue")
        op.rename_enum("mood", "feeling")
        op.execute("INSERT INTO t VALUES ('blue'), (DEFAULT)")
        assert op.get_bind().scalars(text("SELECT m::text FROM t")).all() == ["blue"] * 3

    def fail(op: EnumOperations) -> None:
        work(op)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_connection(committed(fail))
    assert read_enums(postgresql_url) == {"public.mood": ["sad", "glad"]}
    on_connection(committed(work))
    assert read_enums(postgresql_url) == {"public.feeling": ["blue", "glad"]}


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (
            lambda op: op.add_enum_value("moods", "x"),
            UnknownEnumError,
            "Enum moods does not exist in the database\n  fix    correct the name: is it billing.mood, public.mood?",
        ),
        (
            lambda op: op.rename_enum_value("other", "x", "y"),
            UnknownEnumError,
            "Enum other does not exist in the database\n  fix    name the schema of billing.other:\n         schema='billing'",
        ),
        (
            lambda op: op.drop_enum("zzz", ["x"], schema="billing"),
            UnknownEnumError,
            "Enum billing.zzz does not exist in the database\n  fix    create it first:\n         "
            "op.create_enum('zzz', ['draft', 'live'], schema='billing')",
        ),
        (
            lambda op: op.add_enum_value("mood", "x", after="GLADD"),
            UnknownEnumValueError,
            'Enum public.mood has no value "GLADD"\n  where  its values are "sad", "glad"\n'
            '  fix    correct the value: is it "glad"?',
        ),
        (
            lambda op: op.rename_enum_value("mood", "zzz", "y"),
            UnknownEnumValueError,
            'Enum public.mood has no value "zzz"\n  where  its values are "sad", "glad"\n  fix    correct the value',
        ),
        (
            lambda op: op.rename_enum_value("mood", "sad", "glad"),
            EnumValueExistsError,
            'Value "sad" of enum public.mood cannot be renamed to "glad": the enum has that value too\n'
            '  where  nothing holds "glad" in this database\n'
            "  fix    if an addition has left it, write this instead, which renames on every database:\n"
            "         op.replace_enum_values('mood', ['glad'], replace_with={'sad': 'glad'})\n"
            "  or     put this before the line on this database only, and take it out again afterwards:\n"
            "         op.remove_enum_value('mood', 'glad')\n"
            "  or     choose a name that is free",
        ),
        (
            lambda op: op.create_enum("mood", ["x"]),
            EnumExistsError,
            'Enum public.mood exists already, with other values\n  where  its values are "sad", "glad"; it is to have "x"\n'
            "  fix    if older models have made it, add what is missing:\n         ALTER TYPE public.mood ADD VALUE 'x';\n"
            "  or     if create_all, or something else, has made all that the revision makes, count it as done with alembic stamp\n"
            "  or     choose another name\n  or     drop it first, if nothing uses it:\n"
            "         DROP TYPE public.mood",
        ),
        (
            lambda op: op.rename_enum("other", "mood", schema="billing"),
            EnumExistsError,
            'Enum billing.mood exists already\n  where  its values are "x"\n'
            "  fix    choose another name\n  or     drop it first, if nothing uses it:\n         DROP TYPE billing.mood",
        ),
        (
            lambda op: op.drop_enum("mood", ["sad", "glad"]),
            EnumInUseError,
            "Enum public.mood cannot be dropped: column m of table t, column many of table t, default value for column m of "
            "table t use it\n  fix    drop these first\n  or     let a column have another type:\n         "
            'op.alter_column("t", "m", type_=sa.String(), postgresql_using="m::text")',
        ),
    ],
)
def test_refusals_name_what_stands_in_the_way(
    on_connection: OnConnection, postgresql_url: str, work: Any, error: type[Exception], message: str
) -> None:
    """The message names similar types and values, a taken name, and all that uses a type; nothing is changed."""
    create_enum(postgresql_url, "mood", ["sad", "glad"])
    create_enum(postgresql_url, "other", ["x"], schema="billing")
    create_enum(postgresql_url, "mood", ["x"], schema="billing")
    on_connection(committed(lambda op: op.execute("CREATE TABLE t (m mood DEFAULT 'sad', many mood[])")))
    before = read_enums(postgresql_url)
    with pytest.raises(error) as caught:
        on_connection(committed(work))
    assert str(caught.value) == message
    assert read_enums(postgresql_url) == before


@pytest.mark.parametrize(
    ("work", "after"),
    [
        (lambda op: op.remove_enum_value("mood", "b", schema="billing"), ["a", "c"]),
        (lambda op: op.replace_enum_values("mood", ["c", "a"], schema="billing"), ["c", "a"]),
        (lambda op: op.replace_enum_values("mood", ["b", "a"], replace_with={"c": "z"}, schema="billing"), None),
        (lambda op: op.reorder_enum_values("mood", ["c", "b"], schema="billing"), ["c", "b", "a"]),
        (lambda op: op.add_enum_value("mood", "z", before="a", after="b", schema="billing"), ["a", "b", "z", "c"]),
        (lambda op: op.remove_enum_value("single", "x", schema="billing"), ["a", "b", "c"]),
        (lambda op: op.drop_enum("new", ["x"], schema="billing"), ["a", "b", "c"]),
    ],
)
def test_an_example_does_what_it_says_to_the_type_of_the_message(
    on_connection: OnConnection, postgresql_url: str, work: Any, after: list[str] | None
) -> None:
    """Typed as it is printed; a type of the same name in the default schema stays as it is."""
    for schema in ("public", "billing"):
        create_enum(postgresql_url, "mood", ["a", "b", "c"], schema=schema)
    create_enum(postgresql_url, "single", ["x"], schema="billing")
    on_connection(committed(lambda op: op.execute("CREATE TABLE t AS SELECT 'b'::billing.mood AS m, 'b'::mood AS n")))
    with pytest.raises(EnumOperationError) as caught:
        on_connection(committed(work))
    example = caught.value.example or ""
    assert str(caught.value).endswith(f":\n         {example}")
    if after is None:
        example = example.replace("'old'", "'c'")
    on_connection(committed(lambda op: eval(example, {"op": op})))
    enums = read_enums(postgresql_url)
    assert enums["public.mood"] == ["a", "b", "c"]
    assert enums["billing.mood"] == (after or ["b", "a"])


def test_the_search_path_decides_which_type_is_meant(on_connection: OnConnection, postgresql_url: str) -> None:
    """PostgreSQL's search path applies, also if an earlier schema gets a type of that name later."""
    create_enum(postgresql_url, "mood", ["a"], schema="one")
    create_enum(postgresql_url, "mood", ["a"], schema="two")

    def work(op: EnumOperations) -> None:
        op.execute("SET LOCAL search_path = two, one, public")
        op.rename_enum_value("mood", "a", "b")
        op.execute("SET LOCAL search_path = public, one")
        op.create_enum("mood", ["mine"])

    on_connection(committed(work))
    assert read_enums(postgresql_url) == {"one.mood": ["a"], "two.mood": ["b"], "public.mood": ["mine"]}


def test_in_a_transaction_of_the_caller_it_stays_there(on_connection: OnConnection, postgresql_url: str) -> None:
    """There is no autocommit block, a rollback takes the value back, and its use before commit is explained."""
    create_enum(postgresql_url, "mood", ["a"])

    def work(connection: Connection) -> None:
        for _ in range(2):
            transaction = connection.begin()
            connection.execute(text("CREATE TABLE t (m mood)"))
            operations(connection, transaction_per_migration=True).add_enum_value("mood", "b")
            with pytest.raises(UncommittedEnumValueError) as error:
                connection.execute(text("INSERT INTO t VALUES ('b')"))
            assert str(error.value).startswith("PostgreSQL refused to use an enum value in the transaction that added it: "), (
                error.value
            )
            assert 'unsafe use of new value "b" of enum type mood' in str(error.value)
            transaction.rollback()
        with connection.begin():
            operations(connection).add_enum_value("mood", "b")
        connection.execute(text("CREATE TABLE t AS SELECT 'b'::mood"))

    on_connection(work)
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b"]}


def test_an_addition_after_work_is_refused_where_each_revision_is_a_transaction(
    on_connection: OnConnection, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Elsewhere a warning says what is committed; additions in a row, after reading, and of values that exist are fine."""
    create_enum(postgresql_url, "mood", ["a"])

    def run(*, after_work: bool, value: str, **options: Any) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            op = operations(connection, **options)
            per_migration = options.get("transaction_per_migration", False)
            with op.get_context().begin_transaction(_per_migration=per_migration):
                if after_work:
                    op.execute("CREATE TABLE done (id int)")
                op.execute("SELECT 1")
                op.add_enum_value("mood", value)
                op.add_enum_value("mood", f"{value}2")

        return work

    on_connection(run(after_work=False, value="b", transaction_per_migration=True))
    with pytest.raises(UncommittedWorkError) as error:
        on_connection(run(after_work=True, value="c", transaction_per_migration=True))
    assert str(error.value) == (
        'Value "c" is not added to enum public.mood: that would commit what the revision has changed before\n'
        "  where  the database would still count as not migrated, and the revision could not run again\n"
        "  fix    put op.add_enum_value first in the function\n"
        '  or     put it into a revision of its own:\n         alembic revision -m "add c"'
    )
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "b2"]}
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    on_connection(run(after_work=True, value="c"))
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        'The addition of value "c" to enum public.mood commits what this run has done before: should it fail later, that stays. '
        "With transaction_per_migration=True in env.py, each revision has a transaction of its own"
    ]
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "b2", "c", "c2"]}


def test_the_catalog_is_read_a_constant_number_of_times(on_connection: OnConnection, postgresql_url: str) -> None:
    """The number of queries does not depend on the number of types, labels and tables."""
    for number in range(5):
        create_enum(postgresql_url, f"e{number}", [f"v{value}" for value in range(number * 20 + 1)])

    def work(connection: Connection) -> list[int]:
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        counts = []
        for call in (
            lambda op: op.add_enum_value("e1", "new"),
            lambda op: op.rename_enum_value("e2", "v1", "w1"),
            lambda op: op.rename_enum("e3", "f3"),
            lambda op: op.drop_enum("e4", ["v0"]),
            lambda op: op.create_enum("e4", ["v0"]),
        ):
            statements.clear()
            committed(call)(connection)
            counts.append(len(statements))
        return counts

    assert on_connection(work) == [3, 2, 2, 3, 3]


def test_without_any_transaction_of_alembic_it_works_too(on_connection: OnConnection, postgresql_url: str) -> None:
    """The connection may be fresh, or have read something before."""
    create_enum(postgresql_url, "mood", ["a"])

    def work(connection: Connection) -> None:
        op = operations(connection)
        op.add_enum_value("mood", "b")
        assert connection.scalar(text("SELECT 'b'::mood::text")) == "b"
        op.add_enum_value("mood", "c")
        connection.commit()

    on_connection(work)
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c"]}
