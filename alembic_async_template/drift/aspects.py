"""What two things of the same name may differ in: how each aspect is compared, told, and brought back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..postgresql import literal
from . import bringing_back as back
from .bringing_back import Restore
from .making import list_policy_clauses, write_type
from .thing import Thing

# Longer texts are not shown in a sentence.
_SHORT = 90
# IN (...) for a varchar is (ARRAY[...])::text[] at first, and ARRAY[(...)::text] once this was run, as by a restored dump.
_TYPE = r'[\w ."]+(?:\(\d+\))?'
_ELEMENT = rf"(?:E?'(?:[^']|'')*'|-?[\w.]+)(?:::{_TYPE})?"
_CAST_ARRAY = re.compile(rf"\(ARRAY\[({_ELEMENT}(?:, {_ELEMENT})*)\]\)::({_TYPE})\[\]")

_CAST_TEXT = re.compile(r"\((E?'(?:[^']|'')*')::character varying\)::text\b(?!\[)")


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that can be said of a table, a column and so on."""

    noun: str
    read: Callable[[Thing], Any]
    """What is compared."""
    tell: Callable[[Thing], str]
    """In words, as they go on after `is` or `has`; empty where that would be too long."""
    restore: Restore
    """The statements that make it as the revisions do; None where there are none without a loss."""
    verb: str = "is"
    is_written: bool = True
    """Whether the statement that makes the thing has it already."""
    is_last: bool = False
    """Whether it is brought back when all else is there."""


def unify(sql: str | None) -> str | None:
    """A definition in the form that it has once it was written and read again."""

    def cast_each(match: re.Match[str]) -> str:
        return f"ARRAY[{', '.join(f'({element})::{match[2]}' for element in re.findall(_ELEMENT, match[1]))}]"

    return sql and _CAST_TEXT.sub(r"\1::text", _CAST_ARRAY.sub(cast_each, sql))


def list_aspects(thing: Thing) -> tuple[Aspect, ...]:
    """What a thing may differ in."""
    return _ASPECTS.get(thing.kind) or _ASPECTS[thing.key.family]


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else ""


def _fact(name: str, without: Any = None) -> Callable[[Thing], Any]:
    """A fact as it is compared; a new thing does not have it yet."""
    return lambda thing: without if thing[name] is None else thing[name]


def _definition(name: str) -> Callable[[Thing], Any]:
    return lambda thing: unify(thing[name])


def _words(name: str, without: str = "") -> Callable[[Thing], str]:
    """A fact in words, or those for there being none."""

    def tell(thing: Thing) -> str:
        value = thing[name] or without
        return _shorten(", ".join(value) if isinstance(value, tuple) else str(value))

    return tell


def _noun_and(noun: str, name: str) -> Callable[[Thing], str]:
    """`no default`, `the default 1`."""

    def tell(thing: Thing) -> str:
        value = thing[name]
        if value is None:
            return f"no {noun}"
        shown = _shorten(literal(value) if noun == "comment" else value)
        return shown and f"the {noun} {shown}"

    return tell


def _no_words(_: Thing) -> str:
    return ""


def _security(name: str, noun: str, on: str, off: str) -> Aspect:
    return Aspect(
        noun,
        lambda thing: bool(thing[name]),
        lambda thing: noun if thing[name] else f"no {noun}",
        back.alter(lambda thing: f"{on if thing[name] else off} ROW LEVEL SECURITY"),
        "has",
        is_written=False,
        is_last=True,
    )


def _tell_nullable(thing: Thing) -> str:
    return "nullable" if not thing["not_null"] else "NOT NULL and not validated" if thing["unvalidated"] else "NOT NULL"


def _tell_identity(column: Thing) -> str:
    return f"GENERATED {column['identity']} AS IDENTITY" if column["identity"] else "no identity"


def _tell_generated(column: Thing) -> str:
    return _shorten(f"generated as {column['expression']} {column['generated']}") if column["generated"] else "not generated"


def _tell_partition(table: Thing) -> str:
    return f"a partition of {table['partition_of']} {table['bound']}" if table["bound"] else "no partition"


def _tell_policy(policy: Thing) -> str:
    return _shorten(" ".join([policy["command"], "TO", policy["roles"], *list_policy_clauses(policy)]))


def _tell_valid(thing: Thing) -> str:
    return "valid" if thing["valid"] else "not valid"


def _tell_labels(enum: Thing) -> str:
    return _shorten(f"the labels {', '.join(map(literal, enum['labels']))}")


def _list_attributes(type_: Thing) -> list[str]:
    return sorted(map(" ".join, zip(type_["attributes"] or (), type_["attribute_types"] or (), strict=True)))


_COMMENT = Aspect("comment", _fact("comment"), _noun_and("comment", "comment"), back.comment, "has", is_written=False)
_REPLACED = Aspect("definition", _definition("definition"), _no_words, back.replace)
_ENABLED = Aspect("state", _fact("enabled", "enabled"), _words("enabled"), back.enable, is_written=False)
_VALID = Aspect("state", _fact("valid", True), _tell_valid, back.validate)
_VIEW = (
    Aspect("definition", _definition("definition"), _no_words, back.replace_view),
    Aspect("options", lambda thing: sorted(thing["options"] or ()), _words("options", "no options"), back.set_options, "has"),
    _COMMENT,
)

# By family, or by kind where the kinds of a family differ.
_ASPECTS: dict[str, tuple[Aspect, ...]] = {
    "schema": (_COMMENT,),
    "extension": (
        Aspect("version", _fact("version"), lambda thing: f"version {thing['version']}", back.update_extension),
        Aspect("schema", _fact("in_schema"), lambda thing: f"in schema {thing['in_schema']}", back.move_extension),
    ),
    "table": (
        Aspect(
            "persistence",
            _fact("persistence"),
            _words("persistence"),
            back.alter(lambda thing: f"SET {thing['persistence'].upper()}"),
        ),
        Aspect("partition key", _fact("partition_key"), _noun_and("partition key", "partition_key"), back.impossible, "has"),
        Aspect("server", _fact("server"), _noun_and("server", "server"), back.impossible, "has"),
        Aspect(
            "partition",
            lambda thing: (thing["partition_of"], thing["bound"]),
            _tell_partition,
            back.attach,
            is_written=False,
            is_last=True,
        ),
        Aspect(
            "inheritance",
            _fact("ancestors", ()),
            lambda thing: f"a child of {', '.join(thing['ancestors'])}" if thing["ancestors"] else "no child of another",
            back.inherit,
            is_written=False,
            is_last=True,
        ),
        _security("row_security", "row level security", "ENABLE", "DISABLE"),
        _security("forced_row_security", "row level security for its owner", "FORCE", "NO FORCE"),
        Aspect(
            "replica identity",
            _fact("replica_identity", "DEFAULT"),
            _noun_and("replica identity", "replica_identity"),
            back.alter(lambda thing: f"REPLICA IDENTITY {thing['replica_identity']}"),
            "has",
            is_written=False,
            is_last=True,
        ),
        _COMMENT,
    ),
    "view": _VIEW,
    "materialized view": _VIEW,
    "view column": (_COMMENT,),
    "column": (
        Aspect("type", write_type, lambda thing: _shorten(write_type(thing)), back.change_type),
        Aspect(
            "expression", lambda thing: (thing["generated"], unify(thing["expression"])), _tell_generated, back.change_expression
        ),
        Aspect("state", lambda thing: (thing["not_null"], thing["unvalidated"] != ""), _tell_nullable, back.change_nullable),
        Aspect("default", _definition("default"), _noun_and("default", "default"), back.change_default, "has"),
        Aspect("identity", _fact("identity"), _tell_identity, back.change_identity, "has"),
        Aspect("sequence", lambda thing: (thing["clauses"] or ())[1:], _no_words, back.change_identity_clauses),
        _COMMENT,
    ),
    "constraint": (
        Aspect("definition", _definition("definition"), _words("definition"), back.replace_constraint),
        _VALID,
        _COMMENT,
    ),
    "index": (
        Aspect(
            "definition",
            _definition("definition"),
            lambda thing: _shorten(thing["definition"].partition(" USING ")[2]),
            back.replace_index,
        ),
        replace(_VALID, read=lambda thing: thing["valid"] or thing["is_being_built"], restore=back.rebuild_index),
        _COMMENT,
    ),
    "enum type": (Aspect("labels", _fact("labels"), _tell_labels, back.add_labels, "has"), _COMMENT),
    "domain": (
        Aspect("type", _fact("type"), _words("type"), back.impossible),
        Aspect("state", _fact("not_null"), _tell_nullable, back.change_domain_nullable),
        Aspect("default", _definition("default"), _noun_and("default", "default"), back.change_domain_default, "has"),
        _COMMENT,
    ),
    "composite type": (
        Aspect(
            "attributes", _list_attributes, lambda thing: _shorten(", ".join(_list_attributes(thing))), back.change_attributes
        ),
        _COMMENT,
    ),
    "range type": (Aspect("definition", _fact("subtype"), _words("subtype"), back.impossible), _COMMENT),
    "sequence": (
        Aspect("parameters", _fact("clauses"), _no_words, back.change_clauses),
        Aspect(
            "owner",
            _fact("owned_by", "NONE"),
            lambda thing: f"owned by {'no column' if thing['owned_by'] == 'NONE' else thing['owned_by']}",
            back.own_sequence,
            is_written=False,
            is_last=True,
        ),
        _COMMENT,
    ),
    "routine": (
        Aspect(
            "definition",
            lambda thing: (thing.kind, unify(thing["definition"]), thing["rare_options"]),
            _no_words,
            back.replace_routine,
        ),
        _COMMENT,
    ),
    "trigger": (_REPLACED, _ENABLED, _COMMENT),
    "rule": (replace(_REPLACED, restore=back.replace_rule), _ENABLED, _COMMENT),
    "policy": (
        Aspect(
            "definition",
            lambda thing: (thing["command"], thing["roles"], unify(thing["using"]), unify(thing["check"])),
            _tell_policy,
            back.replace_policy,
        ),
        _COMMENT,
    ),
    "statistics": (_REPLACED, _COMMENT),
}
