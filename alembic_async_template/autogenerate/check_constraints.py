"""Finds the CHECK constraints of the models that PostgreSQL does not have, or has with another condition.

The server shows conditions in its own words, so it creates those that differ in their text, on temporary tables. What the
models do not have is left alone: a database often has checks that were written by hand.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Table, text
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.naming import conv

from .. import _compat
from ..postgresql import STRING, escape_colons, qualified
from .check_operations import CreateCheckOp, DropCheckOp, write_condition
from .constraint_names import choose_name, read_name
from .operation_tree import TableKey, find_table, list_table_operations
from .plain_dialect import make_plain
from .server_comparison import make_temporarily

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("alembic_async_template.autogenerate")

_TABLE = "alembic_async_template_checks"

# A cast, and a name, number or string in parentheses of its own.
_CAST = re.compile(
    r'::(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?(?: varying| precision)?(?:\(\d+(?:, ?\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])*'
)
_ATOM = re.compile(r"(?<![\w\"])\(([\w.]+|'')\)")

# https://www.postgresql.org/docs/current/catalog-pg-constraint.html
_CHECKS = text("""
    SELECT position, CAST(conname AS text) AS name, pg_catalog.pg_get_expr(conbin, conrelid) AS condition,
           coninhcount = 0 AS is_own, convalidated AS is_valid,
           ARRAY(SELECT CAST(attname AS text) FROM pg_catalog.pg_attribute
                 WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
    FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS asked (relation, position)
    JOIN pg_catalog.pg_constraint ON conrelid = pg_catalog.to_regclass(relation) AND contype = 'c'
""")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A check as the server shows it."""

    condition: str
    columns: tuple[str, ...]
    is_own: bool
    """Whether no parent table has it."""
    is_valid: bool


@dataclass(slots=True, eq=False)
class _Check:
    """A check of the models."""

    declared: CheckConstraint
    condition: str
    name: str | None
    existing: str | None = None
    """The name of the one that the database has in its place."""
    is_equal: bool = False
    made: _Shown | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return self.made.columns if self.made is not None else tuple(column.name for column in self.declared.columns)


@dataclass(slots=True, eq=False)
class _Table:
    """A table that the models and the database have."""

    key: TableKey
    declared: Table
    existing: dict[str, str]
    """The conditions of its checks by their names, as they are reflected."""
    checks: list[_Check] = field(default_factory=list)
    shown: dict[str, _Shown] = field(default_factory=dict)
    is_asked: bool = False
    """Whether the server has made a table like it."""

    @property
    def open(self) -> list[_Check]:
        return [check for check in self.checks if not check.is_equal]

    def list_free(self) -> list[str]:
        """The checks of the database that are not yet known as those of the models."""
        return sorted(self.existing.keys() - {check.existing for check in self.checks})


def note_table(
    context: AutogenContext,
    _operations: ops.ModifyTableOps,
    schema: str | None,
    table_name: str,
    reflected: Table | None,
    declared: Table | None,
) -> PriorityDispatchResult:
    """Note the checks of a table that is compared; Alembic's own comparison of them, which sees names only, is left out."""
    if reflected is not None and declared is not None:
        existing = {
            str(check.name): str(check.sqltext)
            for check in reflected.constraints
            if isinstance(check, CheckConstraint) and check.name
        }
        checks = list(_list_declared(declared, reflected, context.dialect))
        if checks:
            _list_noted(context).append(_Table((schema, str(table_name)), declared, existing, checks))
    return PriorityDispatchResult.STOP


def _list_noted(context: AutogenContext) -> list[_Table]:
    """The tables of this comparison that have checks; kept in the inspector's cache."""
    noted: list[_Table] = context.inspector.info_cache.setdefault("alembic_async_template.autogenerate.check_constraints", [])
    return noted


def _list_declared(declared: Table, reflected: Table, dialect: Dialect) -> Iterator[_Check]:
    """The checks of the models, without those that are created with a new column."""
    plain = make_plain(dialect)
    new = {column.name for column in declared.columns} - {column.name for column in reflected.columns}
    of_table = [check for check in declared.constraints if isinstance(check, CheckConstraint)]
    of_columns = [
        check
        for column in declared.columns
        if column.name not in new
        for check in sorted(column.constraints, key=lambda one: str(one.name))
        if isinstance(check, CheckConstraint) and check not in of_table
    ]
    of_table = [
        check for check in of_table if not (_compat.is_type_bound(check) and new & {column.name for column in check.columns})
    ]
    for check in sorted(of_table, key=lambda one: (str(one.name), str(one.sqltext))) + of_columns:
        if _compat.is_created(check, dialect):
            try:
                condition = write_condition(check, plain)
            except SQLAlchemyError:  # a value that has no literal
                continue
            yield _Check(check, condition, _write_name(check, plain))


def _write_name(check: CheckConstraint, dialect: Dialect) -> str | None:
    """The name that the database has; SQLAlchemy shortens one of a convention, and PostgreSQL every other to 63 bytes."""
    if read_name(check) is None:
        return None
    name = str(dialect.identifier_preparer.format_constraint(check))
    name = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return name.encode()[:63].decode(errors="ignore")


def compare_checks(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add the checks that the models have and the database has not, and exchange those with another condition.

    Where the server cannot be asked, a check is known by its name, and one without a name is taken for equal.
    """
    tables = _list_noted(context)
    for table in tables:
        _pair_by_name(table)
        _pair_by_condition(table, {name: simplify(condition) for name, condition in table.existing.items()})
    open_tables = [table for table in tables if table.open]
    if open_tables:
        assert context.connection is not None
        _ask(context.connection, open_tables)
        for table in open_tables:
            _settle(table)
    for table in tables:
        _write_operations(context, upgrade_ops, table)
    return PriorityDispatchResult.CONTINUE


# Comparing


def simplify(condition: str) -> str:
    """A condition to compare: without casts, and without parentheses that change nothing.

    The server shows a condition that it has read in its own words with other casts, as after a restored dump.
    """
    strings = STRING.findall(condition)
    bare = re.sub(r"\s+", " ", _CAST.sub("", STRING.sub("''", condition).lower())).strip()
    before = ""
    while bare != before:
        before, bare = bare, _ATOM.sub(r"\1", bare)
    closed = _match_parentheses(bare)
    needless = {place for start, end in closed.items() if closed.get(start + 1) == end - 1 for place in (start, end)}
    bare = "".join(character for place, character in enumerate(bare) if place not in needless)
    if _match_parentheses(bare).get(0) == len(bare) - 1:
        bare = bare[1:-1]
    return re.sub("''", lambda _: strings.pop(0), bare)


def _match_parentheses(text: str) -> dict[int, int]:
    """Where each parenthesis that opens in a text is closed."""
    opened: list[int] = []
    closed: dict[int, int] = {}
    for place, character in enumerate(text):
        if character == "(":
            opened.append(place)
        elif character == ")" and opened:
            closed[opened.pop()] = place
    return closed


def _pair_by_name(table: _Table) -> None:
    for check in table.checks:
        if check.name is not None and check.name in table.existing:
            check.existing = check.name
            check.is_equal = simplify(check.condition) == simplify(table.existing[check.name])


def _pair_by_condition(table: _Table, conditions: dict[str, str]) -> None:
    """Find the checks that have no name, or one that the database does not have, among those of the database."""
    free = table.list_free()
    for check in table.open:
        if check.existing is None:
            wanted = {simplify(check.condition), simplify(check.made.condition) if check.made is not None else None}
            same = next((name for name in free if conditions[name] in wanted), None)
            if same is not None:
                check.existing, check.is_equal = same, True
                free.remove(same)


def _ask(connection: Connection, tables: Sequence[_Table]) -> None:
    """Let the server create the checks that are open, on tables like theirs, and read how it shows all of them."""
    statements = []
    for number, table in enumerate(tables):
        made = f"{_TABLE}_{number}"
        statements.append(f"CREATE TEMPORARY TABLE {made} (LIKE {qualified(table.key[1], table.key[0])}, CHECK (true))")
        statements += [
            f"ALTER TABLE {made} ADD CONSTRAINT c{position} CHECK ({check.condition})"
            for position, check in enumerate(table.open)
        ]
    relations = [qualified(table.key[1], table.key[0]) for table in tables]
    relations += [f"pg_temp.{_TABLE}_{number}" for number in range(len(tables))]
    with make_temporarily(connection, statements) as allowed:
        rows = connection.execute(_CHECKS, {"tables": relations}).all() if allowed else ()
    for row in rows:
        shown = _Shown(row.condition, tuple(row.columns), row.is_own, row.is_valid)
        number = row.position - 1
        if number < len(tables):
            tables[number].shown[row.name] = shown
        elif match := re.fullmatch(r"c(\d+)", row.name):
            tables[number - len(tables)].open[int(match[1])].made = shown
        else:
            tables[number - len(tables)].is_asked = True


def _settle(table: _Table) -> None:
    """Compare the conditions as the server shows them. What it cannot create is a difference."""
    if not table.is_asked:
        for check in table.open:
            check.is_equal = check.name is None or check.existing is not None
        return
    conditions = {name: simplify(shown.condition) for name, shown in table.shown.items()}
    for check in table.open:
        if check.existing is not None and check.made is not None:
            check.is_equal = simplify(check.made.condition) == conditions.get(check.existing)
    table.existing = {name: condition for name, condition in table.existing.items() if name in conditions}
    _pair_by_condition(table, conditions)
    for check in table.open:
        if check.name is None and _compat.is_type_bound(check.declared):
            # The members of an Enum have changed, whose check has the name that PostgreSQL gave it.
            name = re.compile(re.escape(_choose_name(table, check, ())) + r"\d*")
            check.existing = next((free for free in table.list_free() if name.fullmatch(free)), None)
    for check in table.open:
        shown = table.shown.get(check.existing or "")
        check.is_equal = shown is not None and not shown.is_own  # it changes with that of the parent table


def _choose_name(table: _Table, check: _Check, taken: Sequence[str]) -> str:
    """The name that PostgreSQL gives to a check: it has that of a column where the condition has one only."""
    return choose_name(table.key[1], check.columns if len(check.columns) == 1 else (), "check", taken)


# Operations


def _write_operations(context: AutogenContext, upgrade_ops: ops.UpgradeOps, table: _Table) -> None:
    table_ops = next((one for one in list_table_operations(upgrade_ops) if find_table(one) == table.key), None)
    altered = {
        str(operation.column_name)
        for operation in (table_ops.ops if table_ops is not None else ())
        if isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None
    }
    dropped: list[ops.MigrateOperation] = []
    created: list[ops.MigrateOperation] = []
    taken = list(table.existing)
    for check in table.checks:
        comes_with_type = _compat.is_type_bound(check.declared) and bool(
            altered & {column.name for column in check.declared.columns}
        )
        if check.is_equal and not (comes_with_type and check.existing is not None):
            continue
        if not context.run_object_filters(check.declared, check.name, "check_constraint", False, None):
            continue
        name = check.existing or check.name or _choose_name(table, check, taken)
        taken.append(name)
        schema, table_name = table.key
        if check.existing is not None:
            old = text(escape_colons(table.existing[check.existing]))
            shown = table.shown.get(check.existing)
            options = {"postgresql_not_valid": True} if shown is not None and not shown.is_valid else {}
            dropped.append(DropCheckOp(CreateCheckOp(conv(name), table_name, old, schema=schema, **options)))
        if not comes_with_type:  # `op.alter_column` creates the check of its new type
            condition = text(escape_colons(check.condition))
            created.append(CreateCheckOp(conv(name), table_name, condition, schema=schema, **check.declared.dialect_kwargs))
        log.info("Detected %s check constraint %r on %r", "changed" if check.existing else "added", name, table_name)
    if dropped or created:
        if table_ops is None:
            table_ops = ops.ModifyTableOps(table.key[1], [], schema=table.key[0])
            upgrade_ops.ops.append(table_ops)
        table_ops.ops = [*dropped, *table_ops.ops, *created]
