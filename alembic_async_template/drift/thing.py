"""What a schema consists of: one thing each that has a definition of its own, as the catalog of one database says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
