"""Turns the current and the target labels of an enum type into the statements that lead from one to the other.

Computed from what `dependents` has read, without a database. The order is the one that PostgreSQL needs: what stands in the
way is dropped, the old type gets another name, each table is rewritten once, and all is made again with the new type. The old
type is dropped without CASCADE: had anything been overlooked, the whole would fail and be rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..postgresql import identifier, literal, qualified
from .dependents import Blocker, Column, Default, Usage
from .model import EnumType

# Lock levels, https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
EXCLUSIVE = "ACCESS EXCLUSIVE"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a plan, with the lock it takes on a table, and what to tell somebody who waits for it."""

    text: str
    lock: str | None = None
    progress: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """From which labels to which, and what becomes of those that go."""

    enum: EnumType
    target: tuple[str, ...]
    replace_with: Mapping[str, str]

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(label for label in self.enum.labels if label not in self.target)

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Removed labels that rows must not hold."""
        return tuple(label for label in self.removed if label not in self.replace_with)


def find_blockers(usage: Usage, change: Change) -> list[Blocker]:
    """All objects that keep the change from being carried out."""
    expressions = [(f"{dependent.kind} {dependent.name}", dependent.definition) for dependent in usage.dependents]
    for default in usage.defaults:
        name = f"{default.column} of table {default.relation_name}"
        if default.generated:
            expressions.append((f"generated column {name}", default.expression))
        elif change.replace_with:
            # What is left is not of the type, and may still become it.
            expression = replace_labels(default.expression, change)
            if find_labels(expression) & (set(change.removed) - set(change.unmapped)):
                expressions.append((f"default of column {name}", expression))
    named = [
        Blocker(name, f'names the value "{label}"')
        for name, definition in expressions
        for label in change.removed
        if label in find_labels(definition)
    ]
    return [*usage.blockers, *named]


def find_defaults(usage: Usage, labels: Sequence[str]) -> list[str]:
    """The columns whose default names one of the labels."""
    return [
        f"{default.relation_name}.{default.quoted_column}"
        for default in usage.defaults
        if not default.generated and find_labels(default.expression) & set(labels)
    ]


def lock_type(change: Change) -> list[Statement]:
    """Add a value that is there: https://www.postgresql.org/docs/current/sql-altertype.html."""
    labels = change.enum.labels[:1]
    return [Statement(f"ALTER TYPE {_type_name(change)} ADD VALUE IF NOT EXISTS {literal(label)}") for label in labels]


def lock_tables(usage: Usage) -> list[Statement]:
    """Keep everybody else out of the tables, so that what has been read stays so."""
    names = ", ".join(f"ONLY {relation.name}" for relation in usage.relations)
    return [Statement(f"LOCK TABLE {names} IN {EXCLUSIVE} MODE", EXCLUSIVE)] if names else []


def reveal_rows(usage: Usage) -> list[Statement]:
    """Let the owner see every row: forced row-level security holds for owners too, and would hide rows from a count."""
    return [
        Statement(f"ALTER TABLE {relation.name} NO FORCE ROW LEVEL SECURITY", EXCLUSIVE)
        for relation in usage.relations
        if relation.forces_row_security
    ]


def count_rows(usage: Usage, labels: Sequence[str]) -> Iterator[tuple[str, list[Column], str]]:
    """For each table: its name, its columns of the type, and a query that counts the rows which hold one of the labels."""
    wanted = f"ARRAY[{', '.join(map(literal, labels))}]::pg_catalog.text[]"
    for relation in usage.relations:
        columns = [column for column in usage.columns if column.relation == relation.oid]
        counts = [
            f"count(*) FILTER (WHERE {column.quoted_name}::pg_catalog.text[] OPERATOR(pg_catalog.&&) {wanted})"
            if column.is_array
            else f"count(*) FILTER (WHERE {column.quoted_name}::pg_catalog.text OPERATOR(pg_catalog.=) ANY ({wanted}))"
            for column in columns
        ]
        yield relation.name, columns, f"SELECT {', '.join(counts)} FROM ONLY {relation.name}"


def plan_change(usage: Usage, change: Change, unused_name: str) -> list[Statement]:
    """The statements that give the type its new labels and keep everything that uses it.

    :param unused_name: a name that no type of the schema has, for the old type.
    """
    new_type, old_type = _type_name(change), qualified(unused_name, change.enum.schema)
    generated = [default for default in usage.defaults if default.generated and not default.inherited]
    plain = [default for default in usage.defaults if not default.generated]
    # Without a cast, the empty value of a generated column would not follow its type.
    make_cast = [Statement(f"CREATE CAST ({old_type} AS {new_type}) WITH INOUT AS ASSIGNMENT")] if generated else []
    drop_cast = [Statement(f"DROP CAST ({old_type} AS {new_type})")] if generated else []
    return [
        *(Statement(text, EXCLUSIVE) for dependent in reversed(usage.dependents) for text in dependent.drop),
        Statement(f"ALTER TYPE {new_type} RENAME TO {identifier(unused_name)}"),
        Statement(f"CREATE TYPE {new_type} AS ENUM ({', '.join(map(literal, change.target))})"),
        *make_cast,
        *_empty_generated(generated),
        *(Statement(f"{_alter_only(default)} DROP DEFAULT", EXCLUSIVE) for default in plain),
        *_rewrite_tables(usage, change, generated),
        *(Statement(default.set_not_null, EXCLUSIVE) for default in generated if default.set_not_null),
        *(
            Statement(f"{_alter_only(default)} SET DEFAULT {replace_labels(default.expression, change)}", EXCLUSIVE)
            for default in plain
        ),
        *(Statement(text, EXCLUSIVE) for column in usage.columns for text in column.restore),
        *drop_cast,
        Statement(f"DROP TYPE {old_type}"),
        *(Statement(text) for text in usage.restore_type),
        *_make_again(usage),
    ]


def _alter_only(default: Default) -> str:
    return f"ALTER TABLE ONLY {default.relation_name} ALTER COLUMN {default.quoted_column}"


def _empty_generated(generated: Sequence[Default]) -> Iterator[Statement]:
    """Take the expressions from generated columns, which would keep other columns from changing their type."""
    for default in generated:
        if default.drop_not_null:
            yield Statement(default.drop_not_null, EXCLUSIVE)
        alter = f"ALTER TABLE {default.relation_name} ALTER COLUMN {default.quoted_column}"
        yield Statement(f"{alter} SET EXPRESSION AS (NULL)", EXCLUSIVE)


def _rewrite_tables(usage: Usage, change: Change, generated: Sequence[Default]) -> Iterator[Statement]:
    """One statement for each table, and so one rewrite; also for those where only a generated column uses the type."""
    relations = {relation.oid: relation for relation in usage.relations}
    actions: dict[str, list[str]] = {}
    for column in usage.columns:
        if not column.inherited:
            action = _change_type(column, _type_name(change), change, generated)
            actions.setdefault(relations[column.relation].name, []).append(action)
    for default in generated:
        action = f"ALTER COLUMN {default.quoted_column} SET EXPRESSION AS ({default.expression})"
        actions.setdefault(default.relation_name, []).append(action)
    sizes = {relation.name: f" (about {relation.rows} rows, {relation.size})" for relation in usage.relations}
    for name, subcommands in actions.items():
        progress = f"table {name} is rewritten{sizes.get(name, '')}"
        yield Statement(f"ALTER TABLE {name} {', '.join(subcommands)}", EXCLUSIVE, progress)


def _make_again(usage: Usage) -> Iterator[Statement]:
    for dependent in usage.dependents:
        progress: str | None = f"{dependent.kind} {dependent.name} is made again"
        for text in dependent.create:
            yield Statement(text, EXCLUSIVE, progress)
            progress = None
    for dependent in reversed(usage.dependents):
        yield from (Statement(text, EXCLUSIVE) for text in dependent.finish)
    for relation in usage.relations:
        if relation.forces_row_security:
            yield Statement(f"ALTER TABLE {relation.name} FORCE ROW LEVEL SECURITY", EXCLUSIVE)


def refresh_views(usage: Usage) -> list[Statement]:
    """Fill the materialized views, as their owners and with every policy in its place."""
    return [
        Statement(f"REFRESH MATERIALIZED VIEW {name}", EXCLUSIVE, f"materialized view {name} is filled")
        for name in usage.refreshed
    ]


def _type_name(change: Change) -> str:
    return qualified(change.enum.name, change.enum.schema)


def _change_type(column: Column, new_type: str, change: Change, generated: Sequence[Default]) -> str:
    """The action that changes a column's type and maps its values; it fires no trigger."""
    name = column.quoted_name
    type_name = f"{new_type}[]" if column.is_array else new_type
    action = f"ALTER COLUMN {name} TYPE {type_name}"
    if any((default.relation, default.number) == (column.relation, column.number) for default in generated):
        return action
    mapped = {old: new for old, new in change.replace_with.items() if old in change.removed}
    if column.is_array:
        value = f"{name}::pg_catalog.text[]"
        for old, new in mapped.items():
            value = f"pg_catalog.array_replace({value}, {literal(old)}, {literal(new)})"
    else:
        value = f"{name}::pg_catalog.text"
        if mapped:
            cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in mapped.items())
            value = f"CASE {value} {cases} ELSE {value} END"
    return f"{action} USING ({value})::{type_name}"


# A string constant as PostgreSQL writes it in definitions, with the type that it is cast to; or a quoted name, which may hold an
# apostrophe. A constant in braces may be an array.
_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)'
_CONSTANT = re.compile(
    rf"""(?P<name>"(?:[^"]|"")*")|(?P<escape>\bE)?'(?P<body>(?:[^']|'')*)'(?:::(?P<type>{_NAME}(?:\.{_NAME})*(?:\[\])?))?"""
)
_ELEMENT = re.compile(r"""(?:^|(?<=[{,]))(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?!NULL[,}])(?P<bare>[^{}",]+))(?=[},])""")


def find_labels(definition: str) -> set[str]:
    """Every string constant of an expression, and every element of those that may be arrays."""
    found = set()
    for constant in _CONSTANT.finditer(definition):
        if constant["name"]:
            continue
        body = _unescape(constant)
        found.add(body)
        if body.startswith("{"):
            found |= {_element(element) for element in _ELEMENT.finditer(body)}
    return found


def replace_labels(expression: str, change: Change) -> str:
    """The same expression with other labels in the constants of the type, and in those of its arrays."""
    mapping, types = change.replace_with, _written_names(change.enum)

    def replaced(constant: re.Match[str]) -> str:
        kind = constant["type"]
        if kind is None or kind.removesuffix("[]") not in types:
            return constant[0]
        body = _unescape(constant)
        if kind.endswith("[]"):
            body = _ELEMENT.sub(
                lambda element: _write_element(mapping[_element(element)]) if _element(element) in mapping else element[0], body
            )
        else:
            body = mapping.get(body, body)
        return f"{literal(body)}::{kind}"

    return _CONSTANT.sub(replaced, expression)


def _written_names(enum: EnumType) -> set[str]:
    """How PostgreSQL may write the name of the type: each part with quotes, or without where it needs none."""
    schemas, names = ({part, identifier(part)} for part in (enum.schema, enum.name))
    return {f"{schema}.{name}" for schema in schemas for name in names}


def _unescape(constant: re.Match[str]) -> str:
    body = constant["body"].replace("''", "'")
    return body.replace("\\\\", "\\") if constant["escape"] else body


def _element(element: re.Match[str]) -> str:
    if element["bare"] is not None:
        return element["bare"]
    return re.sub(r"\\(.)", r"\1", element["quoted"])


def _write_element(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
