"""Writes the statements that make a thing which the database does not have, with all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable

from ..enums.sql import create_type
from ..postgresql import literal
from .thing import Thing


def make(thing: Thing, parts: Iterable[Thing], *, alone: bool = True) -> list[str] | None:
    """The statements for a thing and for those of its parts that are written with it; None where no statement can be written.

    :param alone: whether it is made in a table that is in use.
    """
    match thing.kind:
        case "schema":
            return [f"CREATE SCHEMA {thing.name}"]
        case "extension":
            schema = "" if thing["makes_schema"] else f" SCHEMA {thing['in_schema']}"
            return [f"CREATE EXTENSION {thing.name}{schema} VERSION {literal(thing['version'])}"]
        case "table":
            return [_make_table(thing, list(parts))]
        case "column":
            return [f"ALTER TABLE {_parent(thing)} ADD COLUMN {_describe_column(thing)}"]
        case "view column":
            return []
        case "view" | "materialized view":
            return [write_view(thing)]
        case "index":
            return [make_concurrently(thing) if alone else thing["definition"]]
        case "enum type":
            return [create_type(thing.name, thing["labels"])]
        case "domain":
            default = f" DEFAULT {thing['default']}" if thing["default"] is not None else ""
            not_null = " NOT NULL" if thing["not_null"] else ""
            return [f"CREATE DOMAIN {thing.name} AS {thing['type']}{default}{not_null}"]
        case "composite type":
            pairs = zip(thing["attributes"] or (), thing["attribute_types"] or (), strict=True)
            return [f"CREATE TYPE {thing.name} AS ({', '.join(map(' '.join, pairs))})"]
        case "range type":
            return [f"CREATE TYPE {thing.name} AS RANGE ({thing['subtype']})"]
        case "sequence":
            return [f"CREATE SEQUENCE {thing.name} {' '.join(thing['clauses'])}", *(_continue_sequence(thing) if alone else ())]
        case "function" | "procedure" | "aggregate":
            return None if thing["is_rare"] else [thing["definition"].rstrip()]
        case "trigger" | "rule" | "statistics object":
            return [thing["definition"]]
        case "policy":
            clauses = [f"TO {thing['roles']}", *list_policy_clauses(thing)]
            return [f"CREATE POLICY {thing.label} ON {_parent(thing)} {thing['command']} {' '.join(clauses)}"]
        case _:
            return [f"{_alter_owner(thing)} ADD {_describe_constraint(thing)}"] if thing.key.family == "constraint" else None


def is_written_with_table(thing: Thing) -> bool:
    """Whether CREATE TABLE has it: columns, and constraints but for keys to other tables and those that are not validated."""
    is_constraint = thing.key.family == "constraint"
    return thing.key.family == "column" or (is_constraint and thing.kind != "foreign key" and thing["valid"])


def is_made_by_attaching(thing: Thing) -> bool:
    """Whether a partition gets it from its table: a CHECK has to be there before."""
    return thing.inherits is not None and thing.key.family != "column" and thing.kind != "check constraint"


def write_type(column: Thing) -> str:
    """The type of a column, with its collation."""
    collation = f" COLLATE {column['collation']}" if column["collation"] else ""
    return f"{column['type']}{collation}"


def write_view(view: Thing, prefix: str = "CREATE") -> str:
    """A view with its options."""
    return f"{prefix} {view.kind.upper()} {view.name}{_describe_options(view)} AS\n{view['definition']}"


def write_identity(column: Thing) -> str:
    """What makes a column count; the type of the sequence is the column's."""
    return f"GENERATED {column['identity']} AS IDENTITY ({' '.join(column['clauses'][1:])})"


def make_concurrently(index: Thing) -> str:
    """The statement that builds an index and lets others write meanwhile, which a partitioned table does not have."""
    definition: str = index["definition"]
    if index["is_partitioned"]:
        return definition
    return definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1)


def list_policy_clauses(policy: Thing) -> list[str]:
    """The conditions of a policy."""
    clauses = [("USING", policy["using"]), ("WITH CHECK", policy["check"])]
    return [f"{word} ({condition})" for word, condition in clauses if condition is not None]


def set_next_value(sequence: str, table: str, column: str) -> str:
    """The statement by which a sequence goes on after the rows that are there."""
    return f"SELECT pg_catalog.setval({sequence}, COALESCE(max({column}) + 1, 1), false) FROM {table}"


def _continue_sequence(sequence: Thing) -> list[str]:
    if sequence["owned_by"] == "NONE":
        return []
    return [set_next_value(literal(sequence.name), sequence["owner_table"], sequence["owner_label"])]


def _parent(thing: Thing) -> str:
    assert thing.parent is not None
    return thing.parent.name


def _alter_owner(constraint: Thing) -> str:
    assert constraint.parent is not None
    return f"ALTER {'DOMAIN' if constraint.parent.family == 'type' else 'TABLE'} {constraint.parent.name}"


def _describe_options(relation: Thing) -> str:
    return f" WITH ({', '.join(relation['options'])})" if relation["options"] else ""


def _describe_constraint(constraint: Thing) -> str:
    not_valid = "" if constraint["valid"] else " NOT VALID"
    return f"CONSTRAINT {constraint.label} {constraint['definition']}{not_valid}"


def _describe_column(column: Thing) -> str:
    parts = [column.label, write_type(column)]
    if column["generated"]:
        parts.append(f"GENERATED ALWAYS AS ({column['expression']}) {column['generated']}")
    elif column["default"] is not None:
        parts.append(f"DEFAULT {column['default']}")
    elif column["identity"] and column.inherits is None:
        parts.append(write_identity(column))
    if column["not_null"]:
        parts.append("NOT NULL")
    return " ".join(parts)


def _make_table(table: Thing, parts: list[Thing]) -> str:
    lines = [_describe_column(part) for part in parts if part.key.family == "column"]
    lines += [
        _describe_constraint(part)
        for part in parts
        if part.key.family == "constraint" and is_written_with_table(part) and not is_made_by_attaching(part)
    ]
    body = ",\n".join(f"    {line}" for line in lines)
    unlogged = "UNLOGGED " if table["persistence"] == "unlogged" else ""
    partition_by = f" PARTITION BY {table['partition_key']}" if table["partition_key"] else ""
    return f"CREATE {unlogged}TABLE {table.name} (\n{body}\n){partition_by}{_describe_options(table)}"
