"""An enum type, a change of its labels, and the names and labels that PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ..errors import InvalidEnumError
from ..postgresql import MAX_BYTES, qualified


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum type of the database."""

    oid: int
    schema: str
    name: str
    labels: tuple[str, ...]
    # Whether the name alone, without the schema, means this type.
    visible: bool

    @property
    def qualified_name(self) -> str:
        """Its name in messages."""
        return qualify(self.name, self.schema)

    @property
    def quoted_name(self) -> str:
        """Its name in SQL."""
        return qualified(self.name, self.schema)


@dataclass(frozen=True, slots=True)
class Change:
    """Other labels for an enum type, and the labels that rows get in place of removed ones."""

    enum: EnumType
    target: tuple[str, ...]
    replace_with: Mapping[str, str]

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(label for label in self.enum.labels if label not in self.target)

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Removed labels that rows must not hold."""
        return tuple(label for label in self.removed if label not in self.replace_with)

    @property
    def renames(self) -> dict[str, str]:
        """The new label of each removed one, if the change does nothing but rename; otherwise empty."""
        if len(self.target) != len(self.enum.labels):
            return {}
        pairs = {old: new for old, new in zip(self.enum.labels, self.target, strict=True) if old != new}
        only_renames = all(new not in self.enum.labels and self.replace_with.get(old) == new for old, new in pairs.items())
        return pairs if only_renames else {}


def qualify(name: str, schema: str | None) -> str:
    """The name of a type as messages show it."""
    return f"{schema}.{name}" if schema else name


def check_name(name: str, schema: str | None = None) -> None:
    """Refuse a name that no type can have; without a server, so that `--sql` refuses it too.

    :raises InvalidEnumError: the name is not a string, empty, too long, or has a NUL character.
    """
    for what, text in (("The name of the enum", name), ("The schema", schema)):
        if text is None:
            continue
        problem = "is empty" if text == "" else _explain_label(text)
        if problem:
            raise InvalidEnumError(qualify(str(name), None), f"{what} {text!r} {problem}")


def check_labels(enum: str, labels: Sequence[str]) -> None:
    """Refuse labels that one type cannot have.

    :raises InvalidEnumError: no label, a label twice, or one that is not a plain string, too long, or has a NUL character.
    """
    if isinstance(labels, str):
        raise InvalidEnumError(enum, f'The values are one text, "{labels}", and not a list')
    if not labels:
        raise InvalidEnumError(enum, "The list of values is empty")
    for position, label in enumerate(labels):
        if problem := _explain_label(label):
            raise InvalidEnumError(enum, f"Value {label!r} {problem}")
        if label in labels[:position]:
            raise InvalidEnumError(enum, f'Value "{label}" is given twice')


def _explain_label(text: object) -> str | None:
    if isinstance(text, Enum):
        return (
            f"is a member of a Python enum, and which label that is depends on the column: SQLAlchemy stores the member's name "
            f"({text.name}) unless it is told otherwise. Write the label as plain text"
        )
    if not isinstance(text, str):
        return f"is of type {type(text).__name__} and no text"
    if "\0" in text:
        return "has a NUL character, which PostgreSQL cannot store"
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return "has a character that UTF-8 does not have"
    return f"is {length} bytes long, and PostgreSQL takes {MAX_BYTES} at most" if length > MAX_BYTES else None
