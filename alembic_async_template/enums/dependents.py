"""Reads what depends on an enum type: the columns that have it, and each object that keeps them from being changed.

The search path is empty meanwhile, so that every name in a definition is qualified. The number of queries does not grow with
the number of tables. The server writes the statements, and quotes its own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.engine import Connection, Row

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
class EnumColumn:
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

    oid: int
    relation: int
    relation_name: str
    number: int
    column: str
    quoted_column: str
    expression: str
    # "" for a default, "s" for stored and "v" for virtual: pg_attribute.attgenerated.
    generated: str
    # A generated column loses NOT NULL for as long as it has no values, and gets it back.
    drop_not_null: str | None
    set_not_null: str | None
    inherited: bool


@dataclass(frozen=True, slots=True)
class Dependent:
    """An object that is dropped before the type is changed, and restored afterwards."""

    kind: str
    oid: int
    name: str
    # The text in which a label may be named.
    definition: str
    drop: tuple[str, ...]
    create: tuple[str, ...]
    # Run after everything of its kind is there.
    finish: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        return Address(_CATALOGS[self.kind], self.oid)


@dataclass(frozen=True, slots=True)
class Address:
    """Where PostgreSQL describes an object: the catalog, the OID in it, and the number of a column."""

    catalog: str
    oid: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Blocker:
    """An object that cannot be restored, or cannot be changed."""

    name: str
    reason: str
    # What has to go, or the statements that help; neither where only the reason says what to do.
    address: Address | None = None
    remedy: tuple[str, ...] = ()
    # Whether only another role may change it.
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """All that uses an enum type."""

    relations: tuple[Relation, ...]
    columns: tuple[EnumColumn, ...]
    defaults: tuple[Default, ...]
    # In the order in which they are restored; they are dropped in the opposite one.
    dependents: tuple[Dependent, ...]
    blockers: tuple[Blocker, ...]
    # The statements that give the new type owner, privileges and comment of the old one.
    restore_type: tuple[str, ...]
    # Materialized views that had rows, each after its sources.
    refreshed: tuple[str, ...]


def read_usage(connection: Connection, enum: EnumType) -> Usage:
    """Read all that uses an enum type, and what blocks a change; the search path has to be empty."""
    return _Reader(connection, enum).read()


def list_removals(connection: Connection, blockers: Sequence[Blocker]) -> list[str] | None:
    """The statements that take blockers out of the way, in order; None if at least one has none.

    The search path has to be empty.
    """
    addresses = [blocker.address for blocker in blockers if blocker.address is not None]
    if any(blocker.address is None and not blocker.remedy for blocker in blockers):
        return None
    given = {
        "catalogs": [address.catalog for address in addresses],
        "oids": [address.oid for address in addresses],
        "numbers": [address.number for address in addresses],
    }
    removals = connection.scalars(queries.REMOVALS, given).all() if addresses else []
    statements = [*(statement for blocker in blockers for statement in blocker.remedy), *removals]
    return None if None in statements else list(dict.fromkeys(statements))


# The catalog of each kind of dependent.
_CATALOGS = {
    "index": "pg_class",
    "view": "pg_class",
    "constraint": "pg_constraint",
    "statistics": "pg_statistic_ext",
    "rule": "pg_rewrite",
    "trigger": "pg_trigger",
    "policy": "pg_policy",
    "table": "pg_publication_rel",
}


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
        for row in self.rows(queries.INVALID_INDEXES, self.oids("pg_class")):
            self.block(f"index {row.name}", "is not valid", Address("pg_class", row.oid))
        dependents = [
            *self.read_objects("index", queries.INDEXES),
            *views,
            *self.read_constraints(),
            *self.read_objects("statistics", queries.STATISTICS),
            *self.read_objects("rule", queries.RULES),
            *self.read_objects("trigger", queries.TRIGGERS),
            *self.read_objects("policy", queries.POLICIES),
        ]
        if self.version >= (15,):
            dependents += self.read_objects("table", queries.PUBLICATIONS)
        self.refuse_unknown(columns, defaults, dependents)
        return Usage(
            tuple(relations),
            tuple(columns),
            tuple(defaults),
            tuple(dependents),
            tuple(self.blockers),
            tuple(self.connection.execute(queries.TYPE, {"enum": self.enum.oid}).one().restore),
            tuple(refreshed),
        )

    @property
    def version(self) -> tuple[int | str, ...]:
        return self.connection.dialect.server_version_info or (0,)

    def oids(self, catalog: str) -> list[int]:
        return sorted({row["objid"] for row in self.walked if row["catalog"] == catalog})

    def rows(self, query: TextClause, oids: Iterable[int]) -> Sequence[Row[Any]]:
        return self.connection.execute(query, {"oids": list(oids)}).all()

    def read_columns(self) -> tuple[list[Relation], list[EnumColumn]]:
        relations: dict[int, Relation] = {}
        columns = []
        for row in self.connection.execute(queries.COLUMNS, {"enum": self.enum.oid}):
            relations[row.relation] = Relation(
                row.relation, row.relation_name, row.row_estimate, row.size, row.forces_row_security
            )
            columns.append(EnumColumn(row.relation, row.number, row.quoted_name, row.is_array, row.inherited, tuple(row.restore)))
            name = f"column {row.column_name} of table {row.relation_name}"
            if row.leave_parents:
                self.block(name, "is inherited from several tables", remedy=row.leave_parents)
            if row.is_partition_key:
                self.block(name, "is a partition key, which PostgreSQL cannot change")
        for row in self.rows(queries.ROW_TYPES, relations):
            address = Address("pg_class", row.relation, row.number)
            self.block(row.description, f"has the row type of table {row.relation_name}", address)
        return list(relations.values()), columns

    def read_defaults(self, views: set[int]) -> list[Default]:
        """Defaults and generation expressions; those of views are restored with their views."""
        defaults = []
        for row in self.rows(queries.DEFAULTS, self.oids("pg_attrdef")):
            if row.relation in views:
                continue
            drop = set_ = None
            if row.generated and row.not_null:
                alter = f"ALTER TABLE ONLY {row.relation_name} ALTER COLUMN {row.quoted_name}"
                drop, set_ = f"{alter} DROP NOT NULL", row.not_null_constraint or f"{alter} SET NOT NULL"
            for blocks, reason in (
                (row.generated and self.version < (17,), "cannot be changed before PostgreSQL 17"),
                (row.differs_in_children, "is NOT NULL, or another expression, in a table that inherits it"),
                (row.is_key, "is part of a key, or of an index of a partitioned table"),
            ):
                if blocks:
                    name = f"generated column {row.column_name} of table {row.relation_name}"
                    self.block(name, reason, Address("pg_class", row.relation, row.number))
            facts = (row.column_name, row.quoted_name, row.expression, row.generated, drop, set_, row.inherited)
            defaults.append(Default(row.oid, row.relation, row.relation_name, row.number, *facts))
        return defaults

    def read_objects(self, kind: str, query: TextClause) -> list[Dependent]:
        return [_read_dependent(kind, row) for row in self.rows(query, self.oids(_CATALOGS[kind]))]

    def read_constraints(self) -> list[Dependent]:
        constraints = []
        oids = {"oids": self.oids("pg_constraint"), "indexes": self.oids("pg_class")}
        for row in self.connection.execute(queries.CONSTRAINTS, oids):
            name = f"constraint {row.name}"
            if row.enable_triggers:
                reason = "has triggers that are disabled, or enabled in another way than usual"
                self.block(name, reason, remedy=row.enable_triggers)
            if row.drop_users_of_key:
                reason = "includes the column, and a foreign key or view depends on it"
                self.block(name, reason, remedy=row.drop_users_of_key)
            if row.kind == "x" and row.parent:
                self.block(name, "is an exclusion constraint of a partitioned table", Address("pg_constraint", row.parent))
            constraints.append(_read_dependent("constraint", row))
        return constraints

    def read_views(self) -> tuple[list[Dependent], list[str]]:
        """Views in the order in which they can be created, each after its sources, and the materialized ones to fill."""
        rows = {row.oid: row for row in self.rows(queries.VIEWS, self.oids("pg_rewrite"))}
        views = {oid: _read_dependent("view", row) for oid, row in rows.items()}
        order = list(TopologicalSorter({oid: [one for one in rows[oid].sources if one in rows] for oid in rows}).static_order())
        empty: list[int] = []
        for oid in order:
            view, row = views[oid], rows[oid]
            if row.is_special:
                reason = "has a replica identity, or column privileges that another role than its owner gave"
                self.block(f"view {view.name}", reason, view.address)
            empty_sources = [source for source in empty if source in row.sources]
            if row.populated is False or empty_sources:
                empty.append(oid)
                if row.populated:
                    refresh = [f"REFRESH MATERIALIZED VIEW {views[one].name}" for one in empty if rows[one].populated is False]
                    reason = "has rows of a materialized view that is not populated any more"
                    self.block(f"view {view.name}", reason, remedy=refresh)
        return [views[oid] for oid in order], [views[oid].name for oid in order if rows[oid].populated]

    def block(self, name: str, reason: str, address: Address | None = None, *, remedy: Iterable[str] = ()) -> None:
        self.blockers.append(Blocker(name, reason, address, tuple(remedy)))

    def refuse_unknown(self, columns: Sequence[EnumColumn], defaults: Sequence[Default], dependents: Sequence[Dependent]) -> None:
        """Let every dependency that was not read before block the change, whatever it is."""
        known_columns = {(column.relation, column.number) for column in columns}
        known_columns |= {(default.relation, default.number) for default in defaults if default.generated}
        relations = {column.relation for column in columns}
        views = {dependent.oid for dependent in dependents if dependent.kind == "view"}
        restored = {dependent.oid for dependent in dependents}
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
                known = oid in restored
            address = Address(row["catalog"], oid, row["objsubid"])
            if not known:
                self.block(name, _describe_kind(row), address)
            if row["not_owned"]:
                self.blockers.append(Blocker(name, "belongs to another role", is_foreign=True))
            if row["extension"]:
                self.block(name, f"belongs to extension {row['extension']}, or depends on it")
            if row["labelled"]:
                self.block(name, "has a security label", address)
            if row["foreign_temporary"]:
                self.block(name, "belongs to another connection")


def _read_dependent(kind: str, row: Row[Any]) -> Dependent:
    facts = (row.name, row.definition, tuple(row.drop), tuple(row.create), tuple(row.finish))
    return Dependent(kind, row.oid, *facts)


def _describe_kind(row: Any) -> str:
    if row["catalog"] == "pg_proc":
        return "has the type in its signature or body"
    if row["catalog"] == "pg_type":
        return {"d": "is a domain over the type", "r": "is a range of the type"}.get(row["typtype"], "is made of the type")
    if row["catalog"] == "pg_class":
        return {"c": "is part of a composite type", "f": "is a column of a foreign table"}.get(row["relkind"], "uses the type")
    return "uses the type"
