"""Says what the values of a column lose when its type changes, or why they may not fit the new one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy.dialects.postgresql import BIT, DOMAIN, INTERVAL, JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    LargeBinary,
    NullType,
    Numeric,
    SmallInteger,
    String,
    Time,
    TypeEngine,
    Uuid,
)

from ..application.column_types import find_implementation
from .enum_columns import find_enum_use

# SQLAlchemy 2.1 has Float apart from Numeric.
_NUMBERS = (Integer, Numeric, Float)
_ROUNDED = "decimal places are rounded"
_TOO_LARGE = "larger numbers do not fit"
_UNFIT = "values that are none of the new type do not fit"
# How many decimal digits the values of an integer type can have, and how many are exact in a floating point number:
# https://www.postgresql.org/docs/current/datatype-numeric.html.
_DIGITS = {SmallInteger: 5, BigInteger: 19, Integer: 10}
_REAL_DIGITS, _DOUBLE_DIGITS = 6, 15
# The largest precision that makes a FLOAT a real.
_REAL_BITS = 24
# How long the text of a value can be.
_LENGTHS = {SmallInteger: 6, BigInteger: 20, Integer: 11, Uuid: 36, Boolean: 5}


def write_type(type_: TypeEngine[Any], dialect: Dialect) -> str:
    """A type as the SQL of the database has it."""
    try:
        return type_.compile(dialect=dialect)
    except CompileError:
        return repr(type_)


def explain_loss(existing: TypeEngine[Any], target: TypeEngine[Any], dialect: Dialect) -> str | None:
    """What is lost, as a clause; None where every value stays what it is.

    Databases differ in whether a value that does not fit is cut off or refused, so both count.
    """
    current, wanted = find_implementation(existing, dialect), find_implementation(target, dialect)
    while isinstance(current, DOMAIN):
        current = find_implementation(current.data_type, dialect)
    if isinstance(current, NullType) or isinstance(wanted, NullType):
        return None
    if isinstance(current, ARRAY):
        if isinstance(wanted, ARRAY):
            return explain_loss(current.item_type, wanted.item_type, dialect)
        return None if _is_unlimited_text(wanted) else "only arrays of one element fit"
    if isinstance(wanted, ARRAY):
        return explain_loss(current, wanted.item_type, dialect)
    if find_enum_use(wanted, dialect) or (isinstance(wanted, Enum) and isinstance(current, Enum)):
        return _explain_enum(current, wanted)
    if isinstance(wanted, String):
        return _explain_text(current, wanted)
    if isinstance(current, _NUMBERS) and isinstance(wanted, _NUMBERS):
        return _explain_number(current, wanted)
    if isinstance(current, DateTime | Date | Time):
        return _explain_time(current, wanted)
    if isinstance(current, INTERVAL) and isinstance(wanted, INTERVAL) and current.fields == wanted.fields:
        return _explain_precision(current, wanted)
    if isinstance(current, JSON) and isinstance(wanted, JSON):
        loses = isinstance(wanted, JSONB) and not isinstance(current, JSONB)
        return "the order of keys, and all but the last of equal keys, are lost" if loses else None
    if isinstance(current, Boolean) and isinstance(wanted, _NUMBERS):
        return None
    if isinstance(wanted, Boolean):
        return None if isinstance(current, Boolean) else "all values but two become the same as another, or do not fit"
    if isinstance(current, Uuid | LargeBinary | BIT) and type(current) is type(wanted):
        return _explain_length(getattr(current, "length", None), getattr(wanted, "length", None), "values")
    return None if write_type(current, dialect) == write_type(wanted, dialect) else _UNFIT


def _is_unlimited_text(type_: TypeEngine[Any]) -> bool:
    return isinstance(type_, String) and not isinstance(type_, Enum) and type_.length is None


def _explain_enum(current: TypeEngine[Any], wanted: TypeEngine[Any]) -> str | None:
    values = list(map(str, getattr(wanted, "enums", ())))
    if not values:
        return None
    if not isinstance(current, Enum):
        return "only the values of the enum fit"
    missing = [f"'{value}'" for value in map(str, current.enums) if value not in values]
    return f"the new type does not have {', '.join(missing)}" if missing else None


def _explain_text(current: TypeEngine[Any], wanted: String) -> str | None:
    if isinstance(current, Enum) and current.enums:
        return _explain_length(max(map(len, map(str, current.enums))), wanted.length, "values")
    if isinstance(current, String):
        return _explain_length(current.length, wanted.length, "texts")
    if isinstance(current, Numeric) and not isinstance(current, Float) and current.precision is not None:
        return _explain_length(current.precision + len("-."), wanted.length, "numbers")
    return _explain_length(_look_up(_LENGTHS, current), wanted.length, "values")


def _explain_length(current: int | None, wanted: int | None, subject: str) -> str | None:
    if wanted is None or (current is not None and current <= wanted):
        return None
    return f"{subject} longer than {wanted} do not fit"


def _look_up(facts: dict[type[Any], int], type_: TypeEngine[Any]) -> int | None:
    return next((fact for class_, fact in facts.items() if isinstance(type_, class_)), None)


def _explain_number(current: TypeEngine[Any], wanted: TypeEngine[Any]) -> str | None:
    before, after = _count_digits(current), _count_digits(wanted)
    if isinstance(wanted, Float):
        exact = _DOUBLE_DIGITS if _is_double(wanted) else _REAL_DIGITS
        digits = None if before is None else sum(before)
        if isinstance(current, Float):
            return f"digits after the first {exact} are lost" if _is_double(current) and not _is_double(wanted) else None
        return f"digits after the first {exact} are lost" if digits is None or digits > exact else None
    if after is None:
        return None
    reasons = []
    if before is None or before[1] > after[1]:
        reasons.append(_ROUNDED)
    if before is None or before[0] > after[0]:
        reasons.append(_TOO_LARGE)
    return ", and ".join(reasons) or None


def _count_digits(type_: TypeEngine[Any]) -> tuple[int, int] | None:
    """How many digits a number can have before the point and after it; None where there is no bound."""
    if isinstance(type_, Integer):
        return _look_up(_DIGITS, type_) or 0, 0
    if isinstance(type_, Float) or not isinstance(type_, Numeric) or type_.precision is None:
        return None
    scale = type_.scale or 0
    return type_.precision - scale, scale


def _is_double(type_: Float[float] | Float[Decimal]) -> bool:
    if isinstance(type_, Double):
        return True
    return type(type_).__name__ != "REAL" and (type_.precision is None or type_.precision > _REAL_BITS)


def _explain_time(current: TypeEngine[Any], wanted: TypeEngine[Any]) -> str | None:
    if isinstance(current, DateTime) and isinstance(wanted, Date):
        return "the time of day is lost"
    if isinstance(current, DateTime) and isinstance(wanted, Time):
        return "the date is lost"
    if isinstance(current, Date):
        return None if isinstance(wanted, DateTime | Date) else _UNFIT
    if not isinstance(wanted, DateTime if isinstance(current, DateTime) else Time):
        return _UNFIT
    before, after = bool(getattr(current, "timezone", False)), bool(getattr(wanted, "timezone", False))
    if before and not after:
        return "the time zone is lost: each value becomes the local time of the session that runs this"
    if after and not before:
        return "each value is read as a local time of the session that runs this"
    return _explain_precision(current, wanted)


def _explain_precision(current: TypeEngine[Any], wanted: TypeEngine[Any]) -> str | None:
    digits = [getattr(type_, "precision", None) for type_ in (current, wanted)]
    if digits[1] is not None and (digits[0] is None or digits[0] > digits[1]):
        return "fractions of seconds are rounded"
    return None
