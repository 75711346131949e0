"""What a command that is for one head can be told, where there are several."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SeveralHeadsError
from ..errors.block import Fix
from .typed import RELATIVE, TypedCommand

JOIN = Fix("join them", 'alembic merge -m "merge" heads')
# The word for one head, by itself and in `billing@head`, `base:head` and `head-1`.
_HEAD = r"(?<![\w-])head(?!\w)"


def explain_several_heads(
    heads: Sequence[str], typed: TypedCommand, current: Sequence[str] | None = None, before: str = "base"
) -> SeveralHeadsError:
    """The error for a command that is for one head, where there are several.

    :param current: the revisions that the database is at, if it was asked.
    :param before: the newest revision that comes before all of these.
    """
    match typed.name:
        case "revision":
            line = typed.replace_option("--head", heads[0])
            return SeveralHeadsError(heads, JOIN, Fix("write the revision after one of them", line))
        case "check":
            return SeveralHeadsError(heads, JOIN)
        case "downgrade" if typed.is_offline:
            target = typed.target.rpartition(":")[2]
            line = typed.write(target=f"{heads[0]}:{'base' if target.startswith('head') else target}")
            return SeveralHeadsError(heads, JOIN, Fix("for a database that is at one of them only", line))
        case "downgrade":
            return SeveralHeadsError(heads, *_list_ways_back(typed, current, before))
        case "upgrade":
            return SeveralHeadsError(heads, JOIN, *_list_ways_on(typed, heads))
    others = typed.replace(_HEAD, "heads")
    is_changed = others != typed.write()
    return SeveralHeadsError(heads, JOIN, *([Fix("name all of them", others)] if is_changed else []))


def _list_ways_on(typed: TypedCommand, heads: Sequence[str]) -> list[Fix]:
    relative = RELATIVE.fullmatch(typed.target)
    if relative is None:
        return [Fix("go to all of them", typed.replace(_HEAD, "heads"))]
    if relative["symbol"] in {"head", "heads"}:
        return [Fix("name one of them", typed.write(target=f"{heads[0]}{relative['steps']}"))]
    everywhere = Fix("go to all of them", typed.write(target="heads"))
    if relative["branch"] or relative["symbol"]:
        return [everywhere]
    return [Fix("go on towards one of them", typed.write(target=f"{heads[0]}@{typed.target}")), everywhere]


def _list_ways_back(typed: TypedCommand, current: Sequence[str] | None, before: str) -> list[Fix]:
    """A head is never before the database; what is meant is one of these."""
    if not current:
        return [JOIN]
    if len(current) == 1:
        return [Fix("take back the newest revision", typed.write(target="-1"))]
    return [
        Fix("take back the newest revision of one branch", typed.write(target=f"{current[0]}@-1")),
        Fix("go back to where the branches begin", typed.write(target=before)),
    ]
