"""The name that a constraint or an index gets: as given, by the naming convention, or the one that PostgreSQL would choose."""

from __future__ import annotations

from typing import Any

from alembic.operations import ops
from sqlalchemy import Index
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import AddConstraint, Constraint

from .. import _compat
from ..errors import OnlineRefusedError
from ..postgresql import MAX_BYTES, identifier
from .found import Table, find_constraint, is_taken
from .trial_copy import TRIAL_SCHEMA, TrialCopy, try_on_copy
from .work import Work, change, find_address, name_operation

_Constraint = ops.CreateForeignKeyOp | ops.CreateCheckConstraintOp | ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp

# The ends of the names that PostgreSQL chooses, where it cannot be asked.
_ENDS = {ops.CreateForeignKeyOp: "fkey", ops.CreateUniqueConstraintOp: "key", ops.CreatePrimaryKeyOp: "pkey"}
# How many numbers are tried for a name that is taken.
_MOST = 100


def read_name(thing: Constraint | Index, dialect: Dialect) -> str | None:
    """The name that a statement would have; None if the server would choose it."""
    preparer = dialect.identifier_preparer
    if isinstance(thing, Index):
        name = str(preparer.format_index(thing))
    elif not isinstance(thing.name, str) and _compat.name_by_convention(thing) is None:
        return None
    else:
        name = str(preparer.format_constraint(thing))
    if name.startswith('"'):
        name = name[1:-1].replace('""', '"')
    return name.replace("%%", "%") if dialect.paramstyle in {"format", "pyformat"} else name


def name_constraint(work: Work, operation: _Constraint, table: Table | None) -> tuple[Any, str]:
    """The operation with the name that its constraint gets, and that name."""
    name = read_name(operation.to_constraint(work.context), work.dialect)
    if name is None:
        name = _write_name(operation) if table is None else _ask_name(work, operation, table)
    return change(operation, constraint_name=work.operations.f(name)), name


def try_constraint(work: Work, operation: _Constraint, copy: TrialCopy) -> dict[str, Any]:
    """What the server makes of a constraint; of a foreign key, all but the other table, which the copy is not."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        columns = ", ".join(map(identifier, operation.local_cols))
        copy.run(f"ALTER TABLE {TRIAL_SCHEMA}.{identifier(operation.source_table)} ADD UNIQUE ({columns})")
        trial: Any = change(
            operation,
            referent_table=operation.source_table,
            remote_cols=operation.local_cols,
            options={"source_schema": TRIAL_SCHEMA, "referent_schema": TRIAL_SCHEMA},
        )
    else:
        trial = change(operation, schema=TRIAL_SCHEMA)
    copy.run(AddConstraint(trial.to_constraint(work.context)))
    return copy.read_constraint()


def _ask_name(work: Work, operation: _Constraint, table: Table) -> str:
    """The first name that is free, or has this very constraint: the server numbers those that are taken."""
    assert work.connection is not None
    is_key = isinstance(operation, ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp)
    referred = find_referred(work, operation)  # a copy would hide a table of the same name
    with try_on_copy(work.connection, table) as copy:
        for _ in range(_MOST):
            trial = try_constraint(work, operation, copy)
            name = str(trial["name"])
            found = find_constraint(work.connection, table, name)
            if found is not None and is_same(operation, referred, found, trial):
                return name
            if not is_taken(work.connection, table.schema, name, is_key=is_key) or isinstance(operation, ops.CreatePrimaryKeyOp):
                return name
    raise _refuse(operation)


def find_referred(work: Work, operation: Any) -> Table | None:
    """The table that a foreign key refers to."""
    if not isinstance(operation, ops.CreateForeignKeyOp):
        return None
    return work.find_table(operation.referent_table, operation.kw.get("referent_schema"))


def is_same(operation: Any, referred: Table | None, found: Any, trial: dict[str, Any]) -> bool:
    """Whether a constraint that was found is the one that an operation would make."""
    if (found.kind, found.definition) != (trial["kind"], trial["definition"]):
        return False
    if not isinstance(operation, ops.CreateForeignKeyOp):
        return True
    return referred is not None and (found.referred, [*found.referred_columns]) == (referred.oid, [*operation.remote_cols])


def _write_name(operation: _Constraint) -> str:
    if isinstance(operation, ops.CreateCheckConstraintOp):
        raise _refuse(operation)
    columns = operation.local_cols if isinstance(operation, ops.CreateForeignKeyOp) else operation.columns
    middle = () if isinstance(operation, ops.CreatePrimaryKeyOp) else columns
    name = "_".join([find_address(operation)[0], *map(str, middle), _ENDS[type(operation)]])
    if len(name.encode()) > MAX_BYTES:
        raise _refuse(operation)
    return name


def _refuse(operation: Any) -> OnlineRefusedError:
    return OnlineRefusedError(
        name_operation(operation),
        "its constraint has no name, and the one that PostgreSQL would choose is not known",
        "give it a name",
    )
