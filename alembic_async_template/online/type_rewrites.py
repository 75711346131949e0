"""Says whether PostgreSQL writes all rows of a table again when the type of a column changes.

It does not where the values stay as they are, see https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..postgresql import identifier, quote_if_needed

_ALIASES = {
    "varchar": "character varying",
    "char": "character",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "decimal": "numeric",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "varbit": "bit varying",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
}
_TIMES = {"timestamp without time zone", "timestamp with time zone"}
# Those whose argument is a number of digits, six by default and at most; and those whose argument is a length.
_DIGITS = {*_TIMES, "time without time zone", "time with time zone", "interval"}
_LENGTHS = {"character varying", "bit varying"}
_SINGLE = {"character", "bit"}
_MOST_DIGITS = 6
# The most binary digits of a `float` that is a `real`.
_REAL = 24
# The names of time zones that are always at UTC, of https://www.postgresql.org/docs/current/view-pg-timezone-names.html.
_UTC = re.compile(r"(Etc/)?(UTC|UCT|GMT|Universal|Zulu|Greenwich|GMT[+-]?0)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as SQL names it: `character varying(20)[]`."""

    base: str
    arguments: tuple[int, ...]
    dimensions: str
    """The brackets of an array."""


def read_type(text: str) -> TypeName:
    """Take the name of a type apart, as SQLAlchemy or PostgreSQL writes it."""
    arguments = re.search(r"\(([\d\s,]+)\)", text)
    numbers = tuple(map(int, arguments[1].split(","))) if arguments else ()
    name = text.replace(arguments[0], "") if arguments else text
    dimensions = "[]" if name.endswith("]") else ""
    name = re.sub(r"(\[\d*\])+$", "", name)
    base = name if '"' in name else " ".join(name.lower().split())
    base = _ALIASES.get(base, base)
    if base == "float":
        return TypeName("real" if numbers and numbers[0] <= _REAL else "double precision", (), dimensions)
    if base in _SINGLE and not numbers:
        numbers = (1,)
    if base in _DIGITS and numbers == (_MOST_DIGITS,):
        numbers = ()
    if base == "numeric" and len(numbers) == 1:
        numbers = (*numbers, 0)
    return TypeName(base, numbers, dimensions)


def rewrites(old: TypeName, new: TypeName, casts: Collection[tuple[str, str]], time_zone: str) -> bool:
    """Whether a change of type writes all rows again."""
    if old == new:
        return False
    if old.dimensions or new.dimensions:
        return True
    if old.base != new.base:
        is_same_time = {old.base, new.base} == _TIMES and _UTC.fullmatch(time_zone) is not None
        return bool(new.arguments) or not (is_same_time or (old.base, new.base) in casts)
    if new.base == "numeric" and new.arguments and old.arguments:
        return not (new.arguments[0] >= old.arguments[0] and new.arguments[1] == old.arguments[1])
    if new.base in _LENGTHS | _DIGITS | {"numeric"}:
        return bool(new.arguments) and not (old.arguments and new.arguments >= old.arguments)
    return True


def rebuilds_indexes(old: TypeName, new: TypeName) -> bool:
    """Whether indexes of the column are built again although the rows are not written: another type has other operators."""
    return old.base != new.base and not {old.base, new.base} <= {"character varying", "text", "cidr", "inet"}


def is_plain(using: str, column: str, new: str) -> bool:
    """Whether a USING says no more than what would be done without it: the column, or its cast to the new type."""
    names = "|".join(map(re.escape, (quote_if_needed(column), identifier(column))))
    match = re.fullmatch(
        rf"\s*(?:(?:{names})(?:\s*::(?P<type>.+))?|CAST\s*\(\s*(?:{names})\s+AS\s+(?P<cast>.+)\))\s*", using, re.I
    )
    if match is None:
        return False
    type_ = match["type"] or match["cast"]
    return type_ is None or read_type(type_.strip()) in (
        read_type(new),
        TypeName(read_type(new).base, (), read_type(new).dimensions),
    )
