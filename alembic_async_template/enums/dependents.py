"""Reads what depends on an enum type: the columns that have it, and each object that stands in the way of changing them.

Read with an empty search path, so that every name in a definition is qualified. The number of queries is the same whatever
the number of tables. The statements are written by the server, which quotes its own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy.engine import Connection

from ..errors import FOREIGN
from . import dependent_queries as queries
from .model import EnumType


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that has columns of the type, or a partition or child of one."""

    oid: int
    name: str
    rows: int
    size: str
    forces_row_security: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the type, or of arrays of it."""

    relation: int
    number: int
    quoted_name: str
    is_array: bool
    inherited: bool
    # What the rewrite would reset, as statements.
    restore: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Default:
    """A default or a generation expression that uses the type."""

    relation: int
    relation_name: str
    number: int
    column: str
    quoted_column: str
    expression: str
    # "" for a default, "s" for stored and "v" for virtual: pg_attribute.attgenerated.
    generated: str
    # How NOT NULL is taken from a generated column for as long as it has no values, and given back.
    drop_not_null: str | None
    set_not_null: str | None
    inherited: bool


@dataclass(frozen=True, slots=True)
class Dependent:
    """An object that is dropped before the type is changed, and made again afterwards."""

    kind: str
    oid: int
    name: str
    # The text in which a label may be named.
    definition: str
    drop: tuple[str, ...]
    create: tuple[str, ...]
    # Made again after everything of its kind is there.
    finish: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocker:
    """An object that cannot be made again."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """All that uses an enum type."""

    relations: tuple[Relation, ...]
    columns: tuple[Column, ...]
    defaults: tuple[Default, ...]
    # In the order in which they are made again; they are dropped in the opposite one.
    dependents: tuple[Dependent, ...]
    blockers: tuple[Blocker, ...]
    # How the new type gets owner, privileges and comment of the old one.
    restore_type: tuple[str, ...]
    # Materialized views that had rows, each after those it is built on.
    refreshed: tuple[str, ...]


def read_usage(connection: Connection, enum: EnumType) -> Usage:
    """Read all that uses an enum type, and what of it cannot be made again; the search path has to be empty."""
    return _Reader(connection, enum).read()


class _Reader:
    """The rows of one reading, and which of the dependencies they account for."""

    def __init__(self, connection: Connection, enum: EnumType) -> None:
        self.connection = connection
        self.enum = enum
        self.blockers: list[Blocker] = []
        self.walked = connection.execute(queries.WALK, {"enum": enum.oid}).mappings().all()

    def read(self) -> Usage:
        relations, columns = self.read_columns()
        views, refreshed = self.read_views()
        defaults = self.read_defaults({view.oid for view in views})
        for (index,) in self.rows(queries.INVALID_INDEXES, self.oids("pg_class")):
            self.block(f"index {index}", "is not valid")
        dependents = [
            *self.read_objects("index", queries.INDEXES, "pg_class"),
            *views,
            *self.read_constraints(),
            *self.read_objects("statistics", queries.STATISTICS, "pg_statistic_ext"),
            *self.read_objects("rule", queries.RULES, "pg_rewrite"),
            *self.read_objects("trigger", queries.TRIGGERS, "pg_trigger"),
            *self.read_objects("policy", queries.POLICIES, "pg_policy"),
        ]
        if self.version >= (15,):
            dependents += self.read_objects("table", queries.PUBLICATIONS, "pg_publication_rel")
        self.refuse_unknown(columns, defaults, dependents)
        (restore_type,) = self.connection.execute(queries.TYPE, {"enum": self.enum.oid}).one()
        return Usage(
            tuple(relations),
            tuple(columns),
            tuple(defaults),
            tuple(dependents),
            tuple(self.blockers),
            tuple(restore_type),
            tuple(refreshed),
        )

    @property
    def version(self) -> tuple[int | str, ...]:
        return self.connection.dialect.server_version_info or (0,)

    def oids(self, catalog: str) -> list[int]:
        return sorted({row["objid"] for row in self.walked if row["catalog"] == catalog})

    def rows(self, query: Any, oids: Iterable[int]) -> Sequence[Any]:
        return self.connection.execute(query, {"oids": list(oids)}).all()

    def read_columns(self) -> tuple[list[Relation], list[Column]]:
        relations: dict[int, Relation] = {}
        columns = []
        for row in self.connection.execute(queries.COLUMNS, {"enum": self.enum.oid}):
            oid, number, name, quoted, is_array, parents, restore, relation, rows, size, forces, is_key, row_types = row
            relations[oid] = Relation(oid, relation, rows, size, forces)
            columns.append(Column(oid, number, quoted, is_array, parents > 0, tuple(restore)))
            if parents > 1:
                self.block(f"column {name} of table {relation}", "is inherited from several tables")
            if is_key:
                self.block(f"column {name} of table {relation}", "is a partition key")
            for user in row_types:
                self.block(user, f"has the row type of table {relation}")
        return list(relations.values()), columns

    def read_defaults(self, views: set[int]) -> list[Default]:
        """Defaults and generation expressions; those of views that are made again are made with them."""
        defaults = []
        for row in self.rows(queries.DEFAULTS, self.oids("pg_attrdef")):
            relation, relation_name, name, quoted, expression, generated, not_null, constraint, number, *rest = row
            inherited, differs, is_key = rest
            if relation in views:
                continue
            drop = set_ = None
            if generated and not_null:
                alter = f"ALTER TABLE ONLY {relation_name} ALTER COLUMN {quoted}"
                drop, set_ = f"{alter} DROP NOT NULL", constraint or f"{alter} SET NOT NULL"
            for blocks, reason in (
                (generated and self.version < (17,), "cannot be changed before PostgreSQL 17"),
                (differs, "is NOT NULL, or another expression, in a table that inherits it"),
                (is_key, "is part of a key, or of an index of a partitioned table"),
            ):
                if blocks:
                    self.block(f"generated column {name} of table {relation_name}", reason)
            defaults.append(Default(relation, relation_name, number, name, quoted, expression, generated, drop, set_, inherited))
        return defaults

    def read_objects(self, kind: str, query: Any, catalog: str) -> list[Dependent]:
        return [
            Dependent(kind, oid, name, definition, tuple(drop), tuple(create), tuple(finish[0]) if finish else ())
            for oid, name, definition, drop, create, *finish in self.rows(query, self.oids(catalog))
        ]

    def read_constraints(self) -> list[Dependent]:
        constraints = []
        oids = {"oids": self.oids("pg_constraint"), "indexes": self.oids("pg_class")}
        for row in self.connection.execute(queries.CONSTRAINTS, oids):
            oid, name, kind, definition, drop, create, finish, disabled, includes, _, parent = row
            if disabled:
                self.block(f"constraint {name}", "has triggers that are disabled, or enabled in another way than usual")
            if includes:
                self.block(f"constraint {name}", "includes the column, and a foreign key or view stands on it")
            if kind == "x" and parent:
                self.block(f"constraint {name}", "is an exclusion constraint of a partitioned table")
            constraints.append(Dependent("constraint", oid, name, definition, tuple(drop), tuple(create), tuple(finish)))
        return constraints

    def read_views(self) -> tuple[list[Dependent], list[str]]:
        """Views in the order in which they can be made, each after those it is built on, and which of them to fill."""
        views, sources, populated = {}, {}, {}
        for row in self.rows(queries.VIEWS, self.oids("pg_rewrite")):
            oid, name, definition, drop, create, built_on, populated[oid], special = row
            views[oid] = Dependent("view", oid, name, definition, tuple(drop), tuple(create))
            sources[oid] = built_on
            if special:
                self.block(f"view {name}", "has a replica identity, or column privileges that another role than its owner gave")
        order = list(TopologicalSorter({oid: [s for s in sources[oid] if s in views] for oid in views}).static_order())
        empty: set[int] = set()
        for oid in order:
            if populated[oid] is False or empty & set(sources[oid]):
                empty.add(oid)
                if populated[oid]:
                    self.block(f"view {views[oid].name}", "has rows of a materialized view that is not populated any more")
        return [views[oid] for oid in order], [views[oid].name for oid in order if populated[oid]]

    def block(self, name: str, reason: str) -> None:
        self.blockers.append(Blocker(name, reason))

    def refuse_unknown(self, columns: Sequence[Column], defaults: Sequence[Default], dependents: Sequence[Dependent]) -> None:
        """Every dependency that nothing above has accounted for blocks the change, whatever it is."""
        known_columns = {(column.relation, column.number) for column in columns}
        known_columns |= {(default.relation, default.number) for default in defaults if default.generated}
        relations = {column.relation for column in columns}
        views = {dependent.oid for dependent in dependents if dependent.kind == "view"}
        made_again = {dependent.oid for dependent in dependents}
        view_types = {row["objid"] for row in self.walked if row["typrelid"] in views}
        for row in self.walked:
            oid, name = row["objid"], row["description"]
            if row["catalog"] == "pg_class":
                known = (
                    row["relkind"] in ("i", "I", "t")
                    or oid in views
                    or (oid, row["objsubid"]) in known_columns
                    or (oid in relations and row["objsubid"] == 0)
                )
            elif row["catalog"] == "pg_type":
                known = (
                    oid == self.enum.oid or row["typelem"] == self.enum.oid or oid in view_types or row["typelem"] in view_types
                )
            elif row["catalog"] == "pg_attrdef" or row["catalog"] == "pg_rewrite":
                known = True
            else:
                known = oid in made_again
            if not known:
                self.block(name, _describe_kind(row))
            if row["not_owned"]:
                self.block(name, FOREIGN)
            if row["extension"]:
                self.block(name, f"belongs to extension {row['extension']}, or depends on it")
            if row["labelled"]:
                self.block(name, "has a security label")
            if row["foreign_temporary"]:
                self.block(name, "belongs to another connection")


def _describe_kind(row: Any) -> str:
    if row["catalog"] == "pg_proc":
        return "has the type in its signature or body"
    if row["catalog"] == "pg_type":
        return {"d": "is a domain over the type", "r": "is a range of the type"}.get(row["typtype"], "is made of the type")
    if row["catalog"] == "pg_class":
        return {"c": "is part of a composite type", "f": "is a column of a foreign table"}.get(row["relkind"], "uses the type")
    return "uses the type"
