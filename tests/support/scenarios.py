"""From one set of models to another: what autogenerate has to write is in `revisions`, under the scenario's name."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy import Column, MetaData, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import registry
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import ARRAY, TypeDecorator, TypeEngine
from sqlmodel import AutoString, Field, SQLModel

Models = Callable[[MetaData], Any]


def declare(*models: Models) -> MetaData:
    metadata = MetaData()
    for model in models:
        model(metadata)
    return metadata


class Status(enum.Enum):
    """Its names are not its values."""

    DRAFT = "draft"
    LIVE = "live"


class Longer(enum.Enum):
    """The same with a member more."""

    DRAFT = "draft"
    LIVE = "live"
    GONE = "gone"


Level = Literal["low", "high"]


class StatusType(TypeDecorator[str]):
    """An application's own type over an enum."""

    impl = sa.Enum("draft", "live", name="status")
    cache_ok = True


def values(class_: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in class_]


def post(*columns: SchemaItem, name: str = "post", schema: str | None = None) -> Models:
    return lambda metadata: sa.Table(name, metadata, Column("id", sa.Integer(), primary_key=True), *columns, schema=schema)


def column(type_: TypeEngine[Any] | type[TypeEngine[Any]], name: str = "status", **options: Any) -> Column[Any]:
    return Column(name, type_, **options)


def status(*labels: str, name: str = "status", **options: Any) -> sa.Enum:
    return sa.Enum(*labels, name=name, **options)


def sqlmodel_post(metadata: MetaData) -> None:
    class Base(SQLModel, registry=registry(metadata=metadata)):
        pass

    class Post(Base, table=True):
        id: int | None = Field(default=None, primary_key=True)
        status: Status


def sqlmodel_post_with_another_member(metadata: MetaData) -> None:
    class Base(SQLModel, registry=registry(metadata=metadata)):
        pass

    class Post(Base, table=True):
        id: int | None = Field(default=None, primary_key=True)
        status: Longer = Field(sa_type=sa.Enum(Longer, name="status"))


LIVE_ROW = "INSERT INTO post (status) VALUES ('LIVE')"


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    before: tuple[Models, ...]
    after: tuple[Models, ...]
    # What is in the tables when the revision runs, and has to be there in the end.
    rows: str = "INSERT INTO post (status) VALUES ('draft'), ('live')"
    # Whether the revisions run on SQLite too, which can create and drop, and add columns.
    portable: bool = False


def _both(make: Callable[..., TypeEngine[Any]], *labels: str) -> tuple[Models, ...]:
    return (post(column(make(*labels))),)


def _old() -> tuple[Models, ...]:
    return _both(status, "draft", "live")


def make_scenarios() -> list[Scenario]:
    """Make all of them for each use, since a type and a column belong to one table."""
    return [
        # New types
        Scenario("new_type", (), _old(), rows="", portable=True),
        Scenario(
            "new_type_of_two_tables",
            (),
            (*_old(), post(column(status("draft", "live")), name="page")),
            rows="",
            portable=True,
        ),
        Scenario(
            "new_type_in_an_existing_table",
            (post(),),
            (post(column(status("draft", "live"), nullable=False, server_default="draft")),),
            rows="INSERT INTO post VALUES (1), (2)",
            portable=True,
        ),
        Scenario(
            "new_types_in_several_schemas",
            (post(),),
            (
                post(),
                post(column(status("draft", schema="other")), schema="other"),
                post(column(status("live", schema="third")), name="page"),
            ),
            rows="",
        ),
        Scenario(
            "new_type_as_an_array",
            (),
            (
                post(
                    column(ARRAY(status("draft", "live"))),
                    column(postgresql.ARRAY(status("a.b", "c\\d", "(e)", name="x[1]"), dimensions=2), "more"),
                ),
            ),
            rows="",
        ),
        Scenario("new_type_by_member_names", (), (post(column(sa.Enum(Status))),), rows="", portable=True),
        Scenario(
            "new_type_by_member_values", (), (post(column(sa.Enum(Status, values_callable=values))),), rows="", portable=True
        ),
        Scenario("new_type_of_a_literal", (), (post(column(sa.Enum(*get_args(Level), name="level"))),), rows="", portable=True),
        Scenario("new_type_of_a_sqlmodel_field", (), (sqlmodel_post,), rows="", portable=True),
        Scenario("new_type_under_a_decorator", (), (post(column(StatusType())),), rows="", portable=True),
        Scenario(
            "new_type_as_a_variant",
            (),
            (
                post(
                    column(sa.String(20).with_variant(status("draft"), "postgresql")),
                    column(sa.JSON().with_variant(ARRAY(status("x", name="mark")), "postgresql"), "marks"),
                ),
            ),
            rows="",
            portable=True,
        ),
        Scenario(
            "new_type_with_a_check_elsewhere",
            (),
            (post(column(status("draft", "live", create_constraint=True, length=20))),),
            rows="",
            portable=True,
        ),
        Scenario("new_type_that_is_no_type", (), (post(column(status("draft", native_enum=False))),), rows="", portable=True),
        # The last use goes
        Scenario("type_goes_with_its_table", (*_old(), post(name="page")), (post(name="page"),), rows="", portable=True),
        Scenario("type_goes_with_its_column", _old(), (post(),), rows=""),
        Scenario("type_stays_for_another_column", (*_old(), post(column(status("draft", "live")), name="page")), _old()),
        Scenario(
            "default_goes_with_its_column",
            (
                post(
                    column(status("draft", "live"), server_default="draft"),
                    sa.Index("by_status", "id", postgresql_where=text("status = 'live'")),
                ),
            ),
            (post(),),
            rows="",
        ),
        # Additions
        Scenario("added_at_the_end", _old(), _both(status, "draft", "live", "gone"), portable=True),
        Scenario("added_at_the_start", _old(), _both(status, "idea", "draft", "live"), portable=True),
        Scenario("added_in_the_middle", _old(), _both(status, "draft", "review", "live"), portable=True),
        Scenario("added_several", _old(), _both(status, "a", "b", "draft", "c", "d", "live", "e", "f"), portable=True),
        Scenario(
            "added_member",
            (post(column(sa.Enum(Status, name="status"))),),
            (post(column(sa.Enum(Longer, name="status"))),),
            rows=LIVE_ROW,
        ),
        Scenario(
            "added_sqlmodel_member",
            (sqlmodel_post,),
            (sqlmodel_post_with_another_member,),
            rows=LIVE_ROW,
        ),
        Scenario(
            "added_and_used_as_default",
            (post(column(status("draft", "live"), server_default="draft")),),
            (post(column(status("draft", "live", "gone"), server_default="gone")),),
        ),
        Scenario(
            "added_and_used_in_a_new_table",
            _old(),
            (
                *_both(status, "draft", "live", "gone"),
                post(column(status("draft", "live", "gone"), server_default="gone"), name="page"),
            ),
        ),
        Scenario(
            "added_to_an_array",
            (post(column(ARRAY(status("draft", "live")), server_default="{draft}")),),
            (post(column(ARRAY(status("draft", "live", "gone")), server_default="{draft,gone}")),),
            rows="INSERT INTO post (status) VALUES ('{draft,live}'), (NULL)",
        ),
        # Removals and reorders
        Scenario("removed", _both(status, "draft", "live", "gone"), _old()),
        Scenario("removed_several", _both(status, "a", "draft", "b", "live", "c"), _old()),
        Scenario("reordered", _old(), _both(status, "live", "draft")),
        Scenario("removed_and_added", _both(status, "draft", "live", "gone"), _both(status, "idea", "draft", "live")),
        Scenario(
            "removed_added_and_reordered", _both(status, "a", "draft", "live", "b"), _both(status, "live", "c", "draft", "d")
        ),
        Scenario("perhaps_renamed", _both(status, "draft", "live", "gone"), _both(status, "draft", "live", "archived")),
        Scenario(
            "perhaps_all_renamed",
            (post(column(sa.Enum(Status, name="status"))),),
            (post(column(sa.Enum(Status, values_callable=values, name="status"))),),
            rows="",
        ),
        Scenario(
            "default_moves_away_from_a_removed_value",
            (post(column(status("draft", "live", "gone"), server_default=text("'gone'::status"), nullable=False)),),
            (post(column(status("draft", "live"), server_default="draft", nullable=False)),),
        ),
        # Conversions
        Scenario("text_becomes_enum", (post(column(sa.String(20))),), _old()),
        Scenario(
            "text_with_a_default_becomes_enum",
            (post(column(sa.Text(), server_default="draft", nullable=False)),),
            (post(column(status("draft", "live"), server_default="draft", nullable=False)),),
        ),
        Scenario(
            "enum_with_a_default_becomes_text",
            (post(column(status("draft", "live"), server_default="draft")),),
            (post(column(sa.String(20), server_default="live", nullable=False, comment="what it is")),),
        ),
        Scenario("sqlmodel_text_becomes_enum", (post(column(AutoString())),), _old()),
        Scenario(
            "array_of_text_becomes_one_of_enum",
            (post(column(ARRAY(sa.String()), server_default="{}")),),
            (post(column(ARRAY(status("draft", "live")), server_default="{}")),),
            rows="INSERT INTO post (status) VALUES ('{draft,live}')",
        ),
        Scenario(
            "enum_becomes_array",
            (post(column(status("draft", "live"), nullable=False), column(status("draft", "live"), "other")),),
            (post(column(ARRAY(status("draft", "live")), nullable=False), column(ARRAY(status("draft", "live")), "other")),),
        ),
        Scenario(
            "number_becomes_enum",
            (post(column(sa.Integer())),),
            _both(status, "1", "2"),
            rows="INSERT INTO post (status) VALUES (1), (2)",
        ),
        Scenario(
            "type_seems_renamed",
            (post(column(status("draft", "live"), server_default="draft")),),
            (post(column(status("draft", "live", name="post_status"), server_default="draft")),),
        ),
        Scenario(
            "type_seems_moved",
            (*_old(), post(name="page", schema="other")),
            (*_both(lambda *labels: status(*labels, schema="other"), "draft", "live"), post(name="page", schema="other")),
        ),
        Scenario(
            "type_seems_moved_and_renamed",
            (*_old(), post(name="page", schema="other")),
            (
                *_both(lambda *labels: status(*labels, name="Post:Status%", schema="other"), "draft", "live"),
                post(name="page", schema="other"),
            ),
        ),
        Scenario(
            "column_gets_another_type_that_is_there",
            (post(column(status("draft", "live")), column(status("draft", "live", "gone", name="state"), "state")),),
            (
                post(
                    column(status("draft", "live", "gone", name="state")),
                    column(status("draft", "live", "gone", name="state"), "state"),
                ),
            ),
        ),
    ]
