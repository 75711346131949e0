"""Everything that SQLAlchemy can declare for PostgreSQL, by subject: functions that declare it on a MetaData."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, MetaData, Table, Text, func, text
from sqlalchemy import Column as C
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import TypeEngine

CONSTRUCTS: dict[str, Callable[[MetaData], None]] = {}


def construct(declare: Callable[[MetaData], None]) -> Callable[[MetaData], None]:
    CONSTRUCTS[declare.__name__] = declare
    return declare


def key() -> C[Any]:
    return C("id", Integer, primary_key=True)


@construct
def cycles(metadata: MetaData) -> None:
    Table("husband", metadata, key(), C("wife_id", ForeignKey("wife.id")))
    Table("wife", metadata, key(), C("husband_id", ForeignKey("husband.id")))
    # Through others, with a table that refers to itself, and one behind that is in no cycle.
    Table("one", metadata, key(), C("two_id", ForeignKey("two.id", name="fk_%: two", deferrable=True, initially="DEFERRED")))
    Table("two", metadata, key(), C("three_id", ForeignKey("three.id", ondelete="CASCADE")), C("self_id", ForeignKey("two.id")))
    Table("three", metadata, key(), C("one_id", ForeignKey("one.id", onupdate="SET NULL")))
    Table("after", metadata, key(), C("one_id", ForeignKey("one.id")))
    columns = [C("i", Integer, primary_key=True), C("j", Integer, primary_key=True), C("x", Integer), C("y", Integer)]
    for name, other in (("left", "right"), ("right", "left")):
        copies = [C(column.name, Integer, primary_key=column.primary_key) for column in columns]
        Table(name, metadata, *copies, ForeignKeyConstraint(["x", "y"], [f"{other}.i", f"{other}.j"]))


@construct
def cycles_across_schemas(metadata: MetaData) -> None:
    Table("a", metadata, key(), C("b_id", ForeignKey("second.b.id")), schema="first")
    Table("b", metadata, key(), C("c_id", ForeignKey("c.id")), schema="second")
    Table("c", metadata, key(), C("a_id", ForeignKey("first.a.id")))


@construct
def cycles_by_convention(metadata: MetaData) -> None:
    metadata.schema = "tenant"
    metadata.naming_convention = {"fk": "fk_%(table_name)s_%(column_0_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s"}
    Table("a", metadata, key(), C("b_id", ForeignKey("tenant.b.id")), CheckConstraint("b_id > 0", name="positive"))
    Table("b", metadata, key(), C("a_id", ForeignKey("tenant.a.id")))


@construct
def keys_after_their_tables(metadata: MetaData) -> None:
    Table("a", metadata, key(), C("named", ForeignKey("b.id", use_alter=True, name="fk_b")), C("unnamed", Integer))
    metadata.tables["a"].append_constraint(ForeignKeyConstraint(["unnamed"], ["b.id"], use_alter=True, match="FULL"))
    Table("b", metadata, key(), C("self_id", ForeignKey("b.id", use_alter=True)))


DEFAULTS: list[tuple[Any, Any]] = [
    (sa.Uuid, text("gen_random_uuid()")),
    (sa.Uuid, func.gen_random_uuid()),
    (sa.DateTime, func.now()),
    (sa.DateTime(timezone=True), text("NOW()")),
    (sa.DateTime(timezone=True), text("CURRENT_TIMESTAMP")),
    (sa.DateTime(timezone=True), text("Clock_Timestamp()")),
    (sa.DateTime, text("(now() at time zone 'utc')")),
    (sa.DateTime, text("timezone('utc', now())")),
    (sa.DateTime, "2020-01-01 00:00:00"),
    (sa.Date, text("now() + interval '1 day'")),
    (sa.Date, func.current_date()),
    (sa.Time, text("localtime")),
    (sa.Float, text("random()")),
    (sa.Float, text("random( ) * 2")),
    (Text, text("md5(random()::text)")),
    (Text, text("'a' || 'b%:c'")),
    (Text, text("current_user")),
    (Text, text("NULL")),
    (Text, ""),
    (Text, "''"),
    (Text, "'a:b'"),
    (Text, "it's"),
    (sa.Numeric, text("0.0")),
    (sa.BigInteger, text("extract(epoch from now())::bigint")),
    (Integer, text("coalesce(NULL, 3)")),
    (sa.Interval, text("'1 day'")),
    (sa.Interval, "1 day"),
    (pg.INET, "127.0.0.1"),
    (sa.JSON, text("'[]'::json")),
    (pg.JSONB, text("'{ }'::jsonb")),
    (pg.JSONB, text("jsonb_build_object('a', random())")),
    (sa.LargeBinary, text("'\\x00'")),
    (pg.ARRAY(Text), "{}"),
    (pg.ARRAY(Text), text("ARRAY[]::text[]")),
    (sa.Boolean, "0"),
    (sa.Boolean, sa.true()),
]


@construct
def defaults(metadata: MetaData) -> None:
    columns = [C(f"c{number}", type_, server_default=default) for number, (type_, default) in enumerate(DEFAULTS)]
    Table("a", metadata, key(), *columns)


@construct
def sequences(metadata: MetaData) -> None:
    plain = sa.Sequence("plain", metadata=metadata)
    nasty = sa.Sequence("nasty %: \"'", start=100, increment=5, schema="other", metadata=metadata)
    Table("a", metadata, key(), C("n", Integer, server_default=plain.next_value()))
    Table("b", metadata, key(), C("n", Integer, nasty, server_default=nasty.next_value()), schema="other")
    Table("c", metadata, C("id", Integer, sa.Sequence("of_key"), primary_key=True))
    # PostgreSQL does without, and numbers the rows itself.
    Table("e", metadata, C("id", Integer, sa.Sequence("optional", optional=True), primary_key=True))
    default = sa.Sequence("of_default")
    Table("d", metadata, C("id", Integer, default, server_default=default.next_value(), primary_key=True))


@construct
def identities(metadata: MetaData) -> None:
    Table(
        "a",
        metadata,
        C("id", Integer, sa.Identity(always=True), primary_key=True),
        C("n", Integer, sa.Identity(start=5, increment=2)),
    )
    Table("b", metadata, C("id", sa.SmallInteger, sa.Identity(start=42, cycle=True, maxvalue=100), primary_key=True))


@construct
def primary_keys(metadata: MetaData) -> None:
    Table("a", metadata, C("i", Integer), C("j", Integer), sa.PrimaryKeyConstraint("j", "i", name="pk%:x"))
    Table("b", metadata, C("i", Integer, primary_key=True, autoincrement=False))
    Table("c", metadata, C("i", sa.BigInteger, primary_key=True), C("j", Integer, primary_key=True))
    deferred = sa.PrimaryKeyConstraint("i", deferrable=True, initially="DEFERRED", name="deferred")
    Table("d", metadata, C("i", Integer), deferred)
    Table("e", metadata, C("x", Integer))
    # Constraints that PostgreSQL makes one of.
    Table("f", metadata, C("i", Integer, primary_key=True, unique=True))
    Table("g", metadata, C("i", Integer, primary_key=True, unique=True, index=True))
    Table("h", metadata, C("i", Integer, primary_key=True), C("j", Integer, primary_key=True), Unique("i", "j", name="u"))


@construct
def uniques(metadata: MetaData) -> None:
    Table(
        "a",
        metadata,
        key(),
        C("x", Integer, unique=True),
        C("y", Integer, unique=True, index=True),
        Unique("x", name="again"),
        Unique("y", "x", name="deferred", deferrable=True, initially="DEFERRED"),
        Unique("x", "y", name="nulls", postgresql_nulls_not_distinct=True),
        Unique("y", "id", name="including", postgresql_include=["x"]),
        Unique("y", "id", "x"),
    )


@construct
def checks(metadata: MetaData) -> None:
    Table(
        "a",
        metadata,
        C("id", Integer, CheckConstraint("id > 0"), primary_key=True),
        C("x", Integer, CheckConstraint("x > 0", name="of_column"), CheckConstraint("x < 9")),
        C("y", Text),
        CheckConstraint("y LIKE 'a%' AND y <> ':z'", name='nasty%: "check"'),
        CheckConstraint(sa.column("y").in_(["a", "b'c"])),
        CheckConstraint("x <> 5", name="not_valid", postgresql_not_valid=True),
    )


@construct
def foreign_keys(metadata: MetaData) -> None:
    Table("p", metadata, key(), C("k", Integer, unique=True), C("i", Integer), C("j", Integer), Unique("i", "j"))
    for number, rule in enumerate(["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"]):
        Table(
            f"c{number}",
            metadata,
            key(),
            C("p_id", ForeignKey("p.id", ondelete=rule, onupdate=rule)),
            C("k", ForeignKey("p.k", deferrable=bool(number % 2), initially="DEFERRED" if number % 2 else None)),
            C("i", Integer),
            C("j", Integer),
            ForeignKeyConstraint(["i", "j"], ["p.i", "p.j"], match="FULL"),
            ForeignKeyConstraint(["i", "j"], ["p.i", "p.j"], ondelete="SET NULL (i)", name="some"),
            schema="elsewhere" if number else None,
        )
    Table("keyed", metadata, C("real id", Integer, key="pid", primary_key=True))
    Table("to_keyed", metadata, key(), C("Key Column", Integer, ForeignKey("keyed.pid"), key="kc"), Index("ix_kc", "kc"))


@construct
def indexes(metadata: MetaData) -> None:
    columns: list[C[Any]] = [C("x", Text), C("y", Integer), C("j", pg.JSONB), C("a", pg.ARRAY(Text)), C("r", pg.INT4RANGE)]
    c = Table("a", metadata, key(), *columns).c
    Index("partial", c.x, postgresql_where=c.y > 5)
    Index("partial_text", c.x, postgresql_where=text("x LIKE 'a%' AND y IS NOT NULL"))
    Index("lower", func.lower(c.x), unique=True)
    Index("several", text("lower(x) DESC NULLS LAST"), c.y.desc())
    Index("order", c.y.desc().nulls_last(), c.x.asc())
    Index("path", c.j, postgresql_using="gin", postgresql_ops={"j": "jsonb_path_ops"})
    Index("with_option", c.a, postgresql_using="gin", postgresql_with={"fastupdate": "off"})
    Index("including", c.y, postgresql_include=["x"])
    Index("nulls", c.y, unique=True, postgresql_nulls_not_distinct=True)
    Index("pattern", c.x, postgresql_ops={"x": "text_pattern_ops"})
    Index("lower_pattern", func.lower(c.x).label("low"), postgresql_ops={"low": "text_pattern_ops"})
    Index("gist", c.r, postgresql_using="gist")
    Index("astext", c.j["a"].astext)
    Index("apostrophe", func.coalesce(c.x, "it's"))
    Index("collated", c.x.collate("C"))
    Index("cast", text("(y::text)"))
    Index('Nasty %:" index', c.x)
    Index("english", func.to_tsvector(text("'english'"), c.x), postgresql_using="gin")


@construct
def computed_columns(metadata: MetaData) -> None:
    Table(
        "a",
        metadata,
        key(),
        C("x", Integer),
        C("y", Integer, sa.Computed("x * 2", persisted=True)),
        C("z", Text),
        C("search", pg.TSVECTOR, sa.Computed("to_tsvector('english', coalesce(z, ''))", persisted=True)),
        C("nasty", Text, sa.Computed("lower(z) || '%:a'", persisted=True)),
    )


@construct
def comments(metadata: MetaData) -> None:
    nasty = 'it\'s % :x "q" \\'
    Table(
        "a",
        metadata,
        C("id", Integer, primary_key=True, comment=nasty),
        Unique("id", name="u", comment=nasty),
        CheckConstraint("id > 0", name="c", comment=nasty),
        ForeignKeyConstraint(["id"], ["a.id"], name="f", comment=nasty),
        comment=nasty,
    )


@construct
def table_options(metadata: MetaData) -> None:
    Table("a", metadata, key(), C("day", sa.Date, primary_key=True), postgresql_partition_by="RANGE (day)")
    Table("parent", metadata, key(), postgresql_with={"fillfactor": 70})
    Table("parents_child", metadata, C("own", Text), postgresql_inherits="parent")
    Table("d", metadata, key(), prefixes=["UNLOGGED"])
    Table("e", metadata, key(), postgresql_using="heap", info={"x": 1})


@construct
def exclusions(metadata: MetaData) -> None:
    Table(
        "a",
        metadata,
        key(),
        C("r", pg.INT4RANGE),
        pg.ExcludeConstraint(("r", "&&"), name="some", where=text("id > 0")),
        pg.ExcludeConstraint((sa.column("r"), "-|-"), using="gist", name="deferred", deferrable=True, initially="DEFERRED"),
    )


TYPES: list[TypeEngine[Any]] = [
    sa.String(5),
    sa.String(5, collation="C"),
    sa.Numeric(10, 2),
    sa.Float(24),
    sa.Float(53),
    sa.Double(),
    sa.Interval(),
    sa.CHAR(3),
    sa.Uuid(as_uuid=False),
    sa.Enum("a", "b", name="plain"),
    sa.Enum("a", "b", native_enum=False, length=10),
    sa.Enum("a", "b", name="checked", native_enum=False, create_constraint=True),
    sa.Boolean(create_constraint=True, name="bool"),
    sa.PickleType(),
    sa.DECIMAL(5, 1),
    sa.Integer().with_variant(sa.BigInteger(), "postgresql"),
    sa.JSON().with_variant(pg.JSONB(), "postgresql"),
    pg.ARRAY(sa.Enum("q", "r", name="in_array")),
    pg.ARRAY(Text, dimensions=2),
    pg.ARRAY(sa.String(5)),
    pg.BIT(3),
    pg.BIT(5, varying=True),
    pg.CIDR(),
    pg.INTERVAL(fields="DAY TO SECOND", precision=3),
    pg.JSONB(none_as_null=True),
    pg.MACADDR8(),
    pg.MONEY(),
    pg.REGCLASS(),
    pg.TIME(precision=2),
    pg.TIMESTAMP(precision=3, timezone=True),
    pg.TSQUERY(),
    pg.TSTZMULTIRANGE(),
    pg.TSTZRANGE(),
]


@construct
def types(metadata: MetaData) -> None:
    Table("a", metadata, key(), *(C(f"c{number}", type_) for number, type_ in enumerate(TYPES)))


@construct
def domains(metadata: MetaData) -> None:
    positive = pg.DOMAIN("positive", Integer, check="VALUE > 0")
    Table("a", metadata, key(), C("x", positive))
    Table("b", metadata, key(), C("x", positive))
    strict = pg.DOMAIN("strict", Text, schema="other", not_null=True, default="x")
    array = pg.ARRAY(pg.DOMAIN("in_array", Text, schema="other"))
    Table("c", metadata, key(), C("x", strict), C("a", array), schema="other")


@construct
def names(metadata: MetaData) -> None:
    nasty = "Weird %:\"'T"
    Table(nasty, metadata, C('Id %:"', Integer, primary_key=True), C("next", ForeignKey('select.Id %:"')))
    columns = [C('Id %:"', Integer, primary_key=True), C("from", Integer, unique=True, index=True)]
    Table("select", metadata, *columns, C("back", ForeignKey(f'{nasty}.Id %:"')))
    long = "ž" * 30
    Table(long, metadata, key(), C("c" * 60, Integer, unique=True), C("x", ForeignKey("reverse.id")))
    Table("reverse", metadata, key(), C("x", ForeignKey(f"{long}.id")))
