"""Plans the statements that give an enum type other labels.

The plan is computed from what `dependents` has read, without a database. Its order is the one that PostgreSQL needs: dependents
are dropped, the old type gets another name, each table is rewritten once, and the dependents are restored with the new type. The
old type is dropped without CASCADE: had a dependent been overlooked, all of it would fail and be rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..postgresql import literal, qualified
from .dependents import Address, Blocker, Default, EnumColumn, Usage
from .expressions import find_labels, replace_labels
from .model import Change
from .sql import add_value, create_type, drop_type, rename_type

# Lock levels, https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
EXCLUSIVE = "ACCESS EXCLUSIVE"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a plan, with the lock that it takes on tables, and what the log says before it runs."""

    text: str
    lock: str | None = None
    progress: str | None = None


def find_change_blockers(usage: Usage, change: Change) -> list[Blocker]:
    """All objects that keep the change from being carried out."""
    expressions = [
        (f"{dependent.kind} {dependent.name}", dependent.definition, dependent.address) for dependent in usage.dependents
    ]
    for default in usage.defaults:
        name = f"{default.column} of table {default.relation_name}"
        if default.generated:
            column = Address("pg_class", default.relation, default.number)
            expressions.append((f"generated column {name}", default.expression, column))
        elif change.replace_with:
            # The labels that are left in it are of other types, and might become values of the type.
            expression = replace_labels(default.expression, change)
            if find_labels(expression) & (set(change.removed) - set(change.unmapped)):
                expressions.append((f"default of column {name}", expression, Address("pg_attrdef", default.oid)))
    named = [
        Blocker(name, f'names the value "{label}"', address)
        for name, definition, address in expressions
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
    """Add a value that is there, which locks the type and changes nothing."""
    return [Statement(add_value(change.enum.quoted_name, label)) for label in change.enum.labels[:1]]


def lock_tables(usage: Usage) -> list[Statement]:
    """Keep other transactions out of the tables, so that what has been read stays true."""
    names = ", ".join(f"ONLY {relation.name}" for relation in usage.relations)
    return [Statement(f"LOCK TABLE {names} IN {EXCLUSIVE} MODE", EXCLUSIVE)] if names else []


def reveal_rows(usage: Usage) -> list[Statement]:
    """Let the owner see every row: forced row-level security applies to owners too, and would hide rows from a count."""
    return [
        Statement(f"ALTER TABLE {relation.name} NO FORCE ROW LEVEL SECURITY", EXCLUSIVE)
        for relation in usage.relations
        if relation.forces_row_security
    ]


def count_rows(usage: Usage, labels: Sequence[str]) -> Iterator[tuple[str, list[EnumColumn], str]]:
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
    new_type, old_type = change.enum.quoted_name, qualified(unused_name, change.enum.schema)
    generated = [default for default in usage.defaults if default.generated and not default.inherited]
    plain = [default for default in usage.defaults if not default.generated]
    # Without a cast, the empty value of a generated column would not follow its type.
    make_cast = [Statement(f"CREATE CAST ({old_type} AS {new_type}) WITH INOUT AS ASSIGNMENT")] if generated else []
    drop_cast = [Statement(f"DROP CAST ({old_type} AS {new_type})")] if generated else []
    return [
        *(Statement(text, EXCLUSIVE) for dependent in reversed(usage.dependents) for text in dependent.drop),
        Statement(rename_type(new_type, unused_name)),
        Statement(create_type(new_type, change.target)),
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
        Statement(drop_type(old_type)),
        *(Statement(text) for text in usage.restore_type),
        *_restore(usage),
    ]


def _alter_only(default: Default) -> str:
    return f"ALTER TABLE ONLY {default.relation_name} ALTER COLUMN {default.quoted_column}"


def _empty_generated(generated: Sequence[Default]) -> Iterator[Statement]:
    """Remove the expressions of generated columns, which would keep other columns from changing their type."""
    for default in generated:
        if default.drop_not_null:
            yield Statement(default.drop_not_null, EXCLUSIVE)
        alter = f"ALTER TABLE {default.relation_name} ALTER COLUMN {default.quoted_column}"
        yield Statement(f"{alter} SET EXPRESSION AS (NULL)", EXCLUSIVE)


def _rewrite_tables(usage: Usage, change: Change, generated: Sequence[Default]) -> Iterator[Statement]:
    """One statement, and so one rewrite, for each table; a table where only a generated column uses the type is among them."""
    relations = {relation.oid: relation for relation in usage.relations}
    actions: dict[str, list[str]] = {}
    for column in usage.columns:
        if not column.inherited:
            action = _change_type(column, change.enum.quoted_name, change, generated)
            actions.setdefault(relations[column.relation].name, []).append(action)
    for default in generated:
        action = f"ALTER COLUMN {default.quoted_column} SET EXPRESSION AS ({default.expression})"
        actions.setdefault(default.relation_name, []).append(action)
    # Without ANALYZE the server knows no number of rows.
    sizes = {one.name: f" ({f'about {one.rows} rows, ' if one.rows else ''}{one.size})" for one in usage.relations}
    for name, subcommands in actions.items():
        progress = f"table {name} is rewritten{sizes.get(name, '')}"
        yield Statement(f"ALTER TABLE {name} {', '.join(subcommands)}", EXCLUSIVE, progress)


def _restore(usage: Usage) -> Iterator[Statement]:
    for dependent in usage.dependents:
        progress: str | None = f"{dependent.kind} {dependent.name} is restored"
        for text in dependent.create:
            yield Statement(text, EXCLUSIVE, progress)
            progress = None
    for dependent in reversed(usage.dependents):
        yield from (Statement(text, EXCLUSIVE) for text in dependent.finish)
    for relation in usage.relations:
        if relation.forces_row_security:
            yield Statement(f"ALTER TABLE {relation.name} FORCE ROW LEVEL SECURITY", EXCLUSIVE)


def refresh_views(usage: Usage) -> list[Statement]:
    """Fill the materialized views; every policy is in force again, and PostgreSQL fills each view as its owner."""
    return [
        Statement(f"REFRESH MATERIALIZED VIEW {name}", EXCLUSIVE, f"materialized view {name} is filled")
        for name in usage.refreshed
    ]


def _change_type(column: EnumColumn, new_type: str, change: Change, generated: Sequence[Default]) -> str:
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
