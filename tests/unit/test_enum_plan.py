"""The plan of a change: computed without a database, in the order that PostgreSQL needs."""

from dataclasses import replace

from alembic_async_template.enums.dependents import Address, Blocker, Default, Dependent, EnumColumn, Relation, Usage
from alembic_async_template.enums.model import Change, EnumType
from alembic_async_template.enums.rebuild_plan import (
    EXCLUSIVE,
    count_rows,
    find_change_blockers,
    find_defaults,
    plan_change,
    refresh_views,
)

ENUM = EnumType(oid=7, schema="public", name="mood", labels=("a", "b", "c"), visible=True)
CHANGE = Change(ENUM, ("c", "b"), {"a": "b"})
USAGE = Usage(
    relations=(Relation(1, "public.t", 5, "8192 bytes", True),),
    columns=(
        EnumColumn(1, 1, "m", is_array=False, inherited=False, restore=()),
        EnumColumn(1, 2, '"n\'s"', is_array=True, inherited=False, restore=("ALTER TABLE ONLY public.t ...",)),
        EnumColumn(1, 3, "inherited", is_array=False, inherited=True, restore=()),
    ),
    defaults=(Default(4, 1, "public.t", 1, "m", "m", "'a'::public.mood", "", None, None, inherited=False),),
    dependents=(
        Dependent("index", 2, "public.i", "m = 'b'::public.mood", ("DROP INDEX public.i",), ("CREATE INDEX i",)),
        Dependent("view", 3, "public.v", "SELECT m", ("DROP VIEW public.v",), ("CREATE VIEW v", "GRANT v"), ("FINISH v",)),
    ),
    blockers=(),
    restore_type=('ALTER TYPE "public"."mood" OWNER TO app',),
    refreshed=("public.mv",),
)


def test_the_plan_drops_rewrites_once_and_restores() -> None:
    """Dependents are dropped in the opposite order, the old type without CASCADE, and every table is altered once."""
    statements = plan_change(USAGE, CHANGE, "old")
    assert [statement.text for statement in statements] == [
        "DROP VIEW public.v",
        "DROP INDEX public.i",
        'ALTER TYPE "public"."mood" RENAME TO "old"',
        """CREATE TYPE "public"."mood" AS ENUM ('c', 'b')""",
        "ALTER TABLE ONLY public.t ALTER COLUMN m DROP DEFAULT",
        'ALTER TABLE public.t ALTER COLUMN m TYPE "public"."mood" USING '
        "(CASE m::pg_catalog.text WHEN 'a' THEN 'b' ELSE m::pg_catalog.text END)::\"public\".\"mood\", "
        'ALTER COLUMN "n\'s" TYPE "public"."mood"[] USING '
        '(pg_catalog.array_replace("n\'s"::pg_catalog.text[], \'a\', \'b\'))::"public"."mood"[]',
        "ALTER TABLE ONLY public.t ALTER COLUMN m SET DEFAULT 'b'::public.mood",
        "ALTER TABLE ONLY public.t ...",
        'DROP TYPE "public"."old"',
        'ALTER TYPE "public"."mood" OWNER TO app',
        "CREATE INDEX i",
        "CREATE VIEW v",
        "GRANT v",
        "FINISH v",
        "ALTER TABLE public.t FORCE ROW LEVEL SECURITY",
    ]
    assert [statement.text for statement in refresh_views(USAGE)] == ["REFRESH MATERIALIZED VIEW public.mv"]


def test_statements_know_their_lock_and_say_what_takes_long() -> None:
    """The log names the table, its rows and its size."""
    statements = plan_change(USAGE, CHANGE, "old")
    (rewrite,) = (statement for statement in statements if statement.progress and "rewritten" in statement.progress)
    assert rewrite.lock == EXCLUSIVE
    assert rewrite.progress == "table public.t is rewritten (about 5 rows, 8192 bytes)"


def test_rows_are_counted_with_one_query_per_table() -> None:
    """Arrays by their elements; labels are constants."""
    ((relation, columns, query),) = count_rows(USAGE, ["it's", "\\"])
    assert relation == "public.t"
    assert len(columns) == 3
    assert query.startswith(
        "SELECT count(*) FILTER (WHERE m::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['it''s', E'\\\\']::"
    )
    assert query.endswith("FROM ONLY public.t")


def test_labels_in_definitions_block_and_defaults_are_counted() -> None:
    """A default with a replacement is none of either."""
    assert find_change_blockers(USAGE, CHANGE) == []
    assert find_change_blockers(USAGE, Change(ENUM, ("a", "c"), {"b": "a"})) == [
        Blocker("index public.i", 'names the value "b"', Address("pg_class", 2))
    ]
    assert find_defaults(USAGE, ["a"]) == ["public.t.m"]
    assert find_defaults(USAGE, ["c"]) == []


def test_a_table_where_only_a_generated_column_uses_the_type_gets_its_expression_back() -> None:
    """A table without a column of the type is emptied and filled like the others."""
    default = Default(4, 9, "public.u", 1, "g", "g", "lower('b'::public.mood::text)", "s", None, None, inherited=False)
    usage = replace(USAGE, relations=(), columns=(), defaults=(default,), dependents=())
    statements = [statement.text for statement in plan_change(usage, CHANGE, "old")]
    assert statements.index("ALTER TABLE public.u ALTER COLUMN g SET EXPRESSION AS (NULL)") < statements.index(
        "ALTER TABLE public.u ALTER COLUMN g SET EXPRESSION AS (lower('b'::public.mood::text))"
    )


def test_only_a_change_that_renames_every_removed_value_in_its_place_is_a_rename() -> None:
    """A new order, a value that stays as the replacement, and rows without a replacement are none."""
    assert Change(ENUM, ("x", "b", "y"), {"a": "x", "c": "y"}).renames == {"a": "x", "c": "y"}
    for target, replace_with in (
        (("b", "x", "c"), {"a": "x"}),
        (("x", "b", "c"), {}),
        (("x", "b", "c"), {"a": "b"}),
        (("x", "b"), {"a": "x", "c": "b"}),
        (("b", "a", "c"), {}),
    ):
        assert Change(ENUM, target, replace_with).renames == {}
