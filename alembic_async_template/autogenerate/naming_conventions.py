"""Applies the naming convention that `env.py` gives, and warns of one that only the names in the database show."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint, inspect
from sqlalchemy.engine import Connection, Inspector
from sqlalchemy.schema import ColumnCollectionConstraint

from .. import _compat

log = logging.getLogger("alembic_async_template.autogenerate")

# The middle of a name, in the tokens of SQLAlchemy's conventions, the usual forms first. See
# https://docs.sqlalchemy.org/en/20/core/metadata.html#sqlalchemy.schema.MetaData.params.naming_convention.
_FORMS = {
    "fk": (
        "%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "%(table_name)s_%(column_0_name)s",
        "%(table_name)s_%(column_0_N_name)s",
        "%(table_name)s_%(referred_table_name)s",
    ),
    "uq": ("%(table_name)s_%(column_0_name)s", "%(table_name)s_%(column_0_N_name)s"),
    "ck": ("%(table_name)s_%(constraint_name)s",),
    "pk": ("%(table_name)s",),
}
_CLASSES: dict[str, type[ColumnCollectionConstraint]] = {
    "pk": PrimaryKeyConstraint,
    "fk": ForeignKeyConstraint,
    "uq": UniqueConstraint,
}
# Names that a database chooses, and this package in its place: PostgreSQL's, and those of foreign keys on MySQL and MariaDB.
_DATABASES_OWN = re.compile(r".*_(pkey|key|fkey|check)\d*|.*_ibfk_\d+|\d+|PRIMARY|", re.DOTALL)
# SQLAlchemy may have shortened names of this length and more.
_SHORTENED_FROM = 55
# As many names show a convention; a single one may have been chosen.
_ENOUGH = 2


@dataclass(frozen=True, slots=True)
class _Named:
    """A constraint that the models leave to a convention, and its name in the database."""

    kind: str
    name: str
    tokens: Mapping[str, str]

    @property
    def is_default(self) -> bool:
        """Whether no convention was needed for the name."""
        own = self.tokens.get("constraint_name") or self.tokens.get("column_0_name", "")
        return bool(_DATABASES_OWN.fullmatch(self.name) or re.fullmatch(rf"{re.escape(own)}(_\d+)?", self.name))


def use_convention(metadatas: Iterable[MetaData], convention: Mapping[str, Any] | None, restoring: ExitStack | None) -> None:
    """Name the constraints that the models leave unnamed, as if their MetaData had this convention.

    :param restoring: takes the names back when it ends. None for a revision, which Alembic writes after `env.py` has ended.
    """
    owners = [owner for one in metadatas for owner in (one, *(table.metadata for table in one.tables.values()))]
    for metadata in dict.fromkeys(owners) if convention else ():
        before = metadata.naming_convention
        metadata.naming_convention = dict(before) | dict(convention or {})
        changed: list[tuple[Any, str, Any]] = [(metadata, "naming_convention", before)]
        for constraint in [constraint for table in metadata.tables.values() for constraint in table.constraints]:
            name = _compat.name_by_convention(constraint)
            if name is not None:
                changed.append((constraint, "name", constraint.name))
                constraint.name = name
        for owner, attribute, value in changed if restoring is not None else ():
            restoring.callback(setattr, owner, attribute, value)  # type: ignore[union-attr]


def warn_of_lost_convention(connection: Connection, metadatas: Sequence[MetaData]) -> None:
    """Warn where the names in the database follow a convention that neither the models nor `env.py` have.

    Alembic does not compare such names, so new constraints would get other names without any notice.
    """
    default = MetaData().naming_convention
    tables = [table for metadata in metadatas if metadata.naming_convention == default for table in metadata.tables.values()]
    named = list(_find_names(inspect(connection), tables))
    found = {kind: pattern for kind in _FORMS if (pattern := _infer([one for one in named if one.kind == kind]))}
    if sum(one.kind in found and not one.is_default for one in named) < _ENOUGH:
        return
    log.warning(
        "The constraints in the database are named by a convention that the models do not have; an old env.py may have set it. "
        "New constraints would get other names. Give it in env.py, as far as the names show it: "
        "run_environment(naming_convention={%s})",
        ", ".join(f'"{kind}": "{pattern}"' for kind, pattern in found.items()),
    )


def _infer(named: Sequence[_Named]) -> str | None:
    """The convention that all names of one kind follow; None where there is none, or most are the database's own."""
    others = [one for one in named if not one.is_default]
    if len(others) * 2 <= len(named):
        return None
    for form in _FORMS[others[0].kind]:
        around = {(before, found, after) for one in others for before, found, after in [_split(one, form)]}
        if len(around) == 1 and all(found for _, found, _ in around):
            ((before, _, after),) = around
            return f"{before.replace('%', '%%')}{form}{after.replace('%', '%%')}"
    return None


def _split(one: _Named, form: str) -> tuple[str, bool, str]:
    before, found, after = one.name.partition(form % one.tokens)
    return before, bool(found), after


def _find_names(inspector: Inspector, tables: Sequence[Table]) -> Iterator[_Named]:
    for schema in {table.schema for table in tables}:
        here = {table.name: table for table in tables if table.schema == schema}
        names = list(here)
        kinds: dict[str, dict[Any, Any]] = {
            "pk": {key: [one] for key, one in inspector.get_multi_pk_constraint(schema, names).items() if one},
            "fk": inspector.get_multi_foreign_keys(schema, names),
            "uq": inspector.get_multi_unique_constraints(schema, names),
            "ck": inspector.get_multi_check_constraints(schema, names),
        }
        for kind, reflected in kinds.items():
            for (_, name), constraints in reflected.items():
                for constraint in constraints:
                    yield from _match(kind, here[name], dict(constraint))


def _match(kind: str, table: Table, reflected: Mapping[str, Any]) -> Iterator[_Named]:
    """The constraint of the database, if the models have it and leave its name to a convention."""
    name = reflected["name"] or ""
    columns: list[str] = reflected.get("constrained_columns") or reflected.get("column_names") or []
    tokens = {"table_name": table.name, "column_0_N_name": "_".join(columns), "column_0_name": (columns or [""])[0]}
    tokens["referred_table_name"] = reflected.get("referred_table", "")
    if len(name) >= _SHORTENED_FROM:
        return
    for declared in table.constraints:
        given = declared.name if isinstance(declared.name, str) else None
        if isinstance(declared, CheckConstraint):
            if kind == "ck" and given and (name == given or name.endswith(f"_{given}")):
                yield _Named(kind, name, {**tokens, "constraint_name": given})
        elif isinstance(declared, ColumnCollectionConstraint) and given is None:
            listed = [column.name for column in declared.columns]
            if kind != "ck" and isinstance(declared, _CLASSES[kind]) and listed == columns:
                yield _Named(kind, name, tokens)
