"""Writes the statements that change rows before a change of their column, which they would refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..postgresql import literal


def fill_nulls(table: str, column: str, value: str) -> str:
    """The statement for a column that is to take no nulls.

    :param table: its name and that of the column as SQL writes them, as the value.
    """
    return f"UPDATE {table} SET {column} = {value} WHERE {column} IS NULL"


def map_texts(table: str, column: str, pairs: Mapping[str, str | None]) -> str:
    """The statement for a column of text that is to become an enum.

    :param pairs: the texts that rows have, each with the label that they get; three dots stand where that is not known.
    """
    written = [(literal(text), "..." if label is None else literal(label)) for text, label in pairs.items()]
    if len(written) == 1:
        ((old, new),) = written
        return f"UPDATE {table} SET {column} = {new} WHERE {column} = {old}"
    cases = " ".join(f"WHEN {old} THEN {new}" for old, new in written)
    return f"UPDATE {table} SET {column} = CASE {column} {cases} ELSE {column} END"


def replace_others(table: str, column: str, labels: Iterable[str]) -> str:
    """The statement for a column of text that is to become an enum, where its texts are not known."""
    return f"UPDATE {table} SET {column} = ... WHERE {column} NOT IN ({', '.join(map(literal, labels))})"
