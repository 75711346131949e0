"""What a schema consists of: one thing each that has a definition of its own, as the catalog of one database says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Key(NamedTuple):
    """By which a thing of one database is found in the other; things of one family have their names from the same space."""

    family: str
    name: str
    """As SQL writes it: with the schema, and with the table of a column or constraint."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A table, a column, an index, a function and so on."""

    key: Key
    kind: str
    """What people call it, such as `materialized view`."""
    label: str
    """Its own name as SQL writes it, without schema and table."""
    plain: str
    """Its own name as it is."""
    schema: str | None
    """The name of its schema as it is."""
    parent: Key | None
    """The table that it is a part of, and goes with."""
    inherits: Key | None
    """The same part of the partitioned table, or of another that this table inherits from."""
    order: int
    """The later it was made, the larger, among those of one family."""
    needs: frozenset[Key]
    """What has to be there before it."""
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its whole name, as SQL writes it."""
        return self.key.name

    def __getitem__(self, fact: str) -> Any:
        return self.facts.get(fact)


Schema = Mapping[Key, Thing]
"""All things of one database."""
Parts = Mapping[Key, Sequence[Thing]]
"""What goes with a thing: its columns, constraints, indexes and so on."""

# In which order things are made that do not say what they need.
FAMILIES = (
    "schema",
    "extension",
    "type",
    "sequence",
    "routine",
    "table",
    "column",
    "constraint",
    "index",
    "view",
    "rule",
    "trigger",
    "policy",
    "statistics",
)


def to_json(schema: Schema) -> list[Any]:
    """The things in a form that JSON has."""
    return [asdict(thing) | {"needs": sorted(thing.needs), "facts": dict(thing.facts)} for thing in schema.values()]


def from_json(things: Sequence[Mapping[str, Any]]) -> dict[Key, Thing]:
    """The things of `to_json`."""
    schema = {}
    for found in things:
        keys = {name: Key(*found[name]) if found[name] else None for name in ("key", "parent", "inherits")}
        facts = {name: tuple(value) if isinstance(value, list) else value for name, value in found["facts"].items()}
        thing = Thing(**{**found, **keys, "needs": frozenset(Key(*key) for key in found["needs"]), "facts": facts})
        schema[thing.key] = thing
    return schema


def group_parts(schema: Schema) -> Parts:
    """The parts of each thing, in the order in which they are made."""
    parts: dict[Key, list[Thing]] = {}
    for thing in schema.values():
        if thing.parent is not None:
            parts.setdefault(thing.parent, []).append(thing)
    for found in parts.values():
        found.sort(key=lambda thing: (FAMILIES.index(thing.key.family), thing["number"] or 0, thing.order))
    return parts
