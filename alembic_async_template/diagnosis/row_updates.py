"""Writes the statements that change rows before a change of their column, which they would refuse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..postgresql import escape_colons, literal
from .enum_labels import find_label
from .statement_facts import write_labels


def fill_nulls(table: str, column: str, value: str) -> str:
    """The statement for a column that is to take no nulls.

    :param table: its name and that of the column as SQL writes them, as the value.
    """
    return f"UPDATE {table} SET {column} = {value} WHERE {column} IS NULL"


def write_mapping(table: str, column: str, texts: Iterable[str], labels: Sequence[str]) -> str | None:
    """The line of a revision that gives rows the labels in place of their own texts; None where they have these.

    Three dots stand where no label is like a text.

    :param table: its name and that of the column as SQL writes them.
    """
    pairs = {text: find_label(text, labels) for text in texts if text not in labels}
    written = [(literal(text), "..." if label is None else literal(label)) for text, label in pairs.items()]
    if not written or not labels:
        return None
    cases = " ".join(f"WHEN {old} THEN {new}" for old, new in written)
    change = f"CASE {column} {cases} ELSE {column} END"
    if len(written) == 1:
        ((old, new),) = written
        change = f"{new} WHERE {column} = {old}"
    return f"op.execute({write_labels([escape_colons(f'UPDATE {table} SET {column} = {change}')])})"
