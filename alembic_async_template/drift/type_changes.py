"""How a column comes from one type to another without a silent loss, both written as `format_type` does."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(?P<base>[^(\[]+?)(?:\((?P<arguments>[\d,-]+)\))?(?P<rest> with(?:out)? time zone)?(?P<array>(?:\[\])*)$")
_TEXTS = frozenset({"text", "character varying", "character"})
_DATES = frozenset({"timestamp", "time", "date", "interval"})
# Each has all numbers of those in front of it.
_EXACT = ("smallint", "integer", "bigint", "numeric")
_FLOATING = frozenset({"real", "double precision"})


def convert(existing: str, target: str) -> str | None:
    """The casts that USING needs, or nothing without it; None where values might be rounded or cut off unsaid.

    By way of their text, values that the new type does not have are refused, where a cast of numbers would round them. See
    https://www.postgresql.org/docs/current/sql-createcast.html for which casts an assignment makes.
    """
    before, after = _split(existing), _split(target)
    if before is None or after is None:
        return _through_text(target)
    base, wanted = before["base"], after["base"]
    if before["array"] != after["array"]:
        return _through_text(target)
    if wanted in _TEXTS and not after["array"]:
        return ""
    if base == wanted and wanted not in _DATES | {"numeric"}:
        return ""
    if base in _EXACT and wanted in _EXACT:
        if base == wanted == "numeric":
            return "" if _has_digits(before, after) else None
        return "" if _EXACT.index(base) < _EXACT.index(wanted) else _through_text(target)
    if wanted in _FLOATING and (base in _FLOATING or base in _EXACT):
        return "" if wanted == "double precision" and base in ("real", "smallint", "integer") else None
    if wanted == "numeric" and base in _FLOATING:
        return None
    if base in _DATES:
        widens = base == wanted and before["rest"] == after["rest"] and _has_precision(before, after)
        return "" if widens else None
    return _through_text(target)


def _split(type_: str) -> dict[str, str | None] | None:
    # A time has its precision in the middle of its name: timestamp(3) without time zone.
    match = _PARTS.match(type_)
    if match is None:
        return None
    parts = match.groupdict()
    for zone in (" without time zone", " with time zone"):
        if parts["base"].endswith(zone):
            parts |= {"base": parts["base"].removesuffix(zone), "rest": zone}
    return parts


def _has_digits(before: dict[str, str | None], after: dict[str, str | None]) -> bool:
    """Whether no decimal place of a numeric is rounded."""
    if before["arguments"] is None or after["arguments"] is None:
        return after["arguments"] is None
    return int(before["arguments"].partition(",")[2] or 0) <= int(after["arguments"].partition(",")[2] or 0)


def _has_precision(before: dict[str, str | None], after: dict[str, str | None]) -> bool:
    return after["arguments"] is None or (before["arguments"] is not None and int(before["arguments"]) <= int(after["arguments"]))


def _through_text(target: str) -> str:
    return f"::text::{target}"
