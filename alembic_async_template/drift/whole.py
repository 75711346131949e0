"""Writes all statements for a thing that the database does not have: itself, its parts, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from .aspects import list_aspects
from .bringing_back import Change
from .making import is_made_by_attaching, is_written_with_table, make
from .thing import Key, Parts, Thing


def make_whole(thing: Thing, made: Parts, without: Collection[Key] = (), *, alone: bool = True) -> list[str] | None:
    """The statements in the order in which they run; None where one of them cannot be written.

    :param made: the parts of all that the revisions make.
    :param without: parts that are not to be made with it.
    :param alone: whether nothing else is made with it, so that others may use its table meanwhile.
    """
    parts = [part for part in made.get(thing.key, ()) if part.key not in without]
    own = make(thing, parts, alone=alone)
    if own is None:
        return None
    sequences = [part for part in _list_sequences(thing, parts, made) if part.key not in without]
    statements: list[str] = []
    for sequence in sequences:
        statements += make(sequence, (), alone=False) or ()
    statements += own
    for part in parts:
        if part in sequences or (thing.kind == "table" and is_made_by_attaching(part)):
            continue
        if thing.kind == "table" and is_written_with_table(part):
            statements += _say_more(part)
        elif (written := make_whole(part, made, without, alone=False)) is not None:
            statements += written
        else:
            return None
    for sequence in sequences:
        statements += _say_more(sequence)
    return [*statements, *_say_more(thing)]


def _list_sequences(thing: Thing, parts: list[Thing], made: Parts) -> Iterator[Thing]:
    """Those of serial columns, which are made before the columns."""
    for column in [thing, *parts]:
        if column.key.family == "column":
            yield from made.get(column.key, ())


def _say_more(thing: Thing) -> Iterator[str]:
    """What the statement that makes it does not say."""
    new = replace(thing, facts={})
    for aspect in list_aspects(thing):
        if not aspect.is_written and aspect.read(new) != aspect.read(thing):
            yield from aspect.restore(Change(new, thing, lambda _: None)) or ()
