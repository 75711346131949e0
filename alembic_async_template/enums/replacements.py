"""Which value most likely takes the place of one that goes: what a revision's comment says, and what an error says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from types import EllipsisType

from ..diagnosis.enum_labels import find_label


def pair_renames(existing_values: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """The values that may have been renamed: as many were removed as added between the same neighbours."""
    pairs: dict[str, str] = {}
    for tag, first, last, new_first, new_last in SequenceMatcher(None, existing_values, values, False).get_opcodes():
        old, new = existing_values[first:last], values[new_first:new_last]
        if tag == "replace" and len(old) == len(new) and not set(old) & set(values) and not set(new) & set(existing_values):
            found = dict(zip(old, new, strict=True))
            # DRAFT, LIVE to live, draft: in another order, none of them has the place of its own new name.
            if all(find_label(one, values) in {None, other} for one, other in found.items()):
                pairs |= found
    return pairs


def suggest_replacements(
    existing_values: Sequence[str], values: Sequence[str], given: Mapping[str, str] | None = None
) -> dict[str, str | EllipsisType]:
    """What rows may get in place of each value that goes; three dots, which no operation takes, where a person has to choose.

    No value is suggested for two that go, since nothing could tell their rows apart afterwards.

    :param given: the replacements that are known.
    """
    given = given or {}
    removed = [value for value in existing_values if value not in values and value not in given]
    if len(values) == 1:
        return dict.fromkeys(removed, values[0])
    pairs = pair_renames(existing_values, values)
    found = {value: find_label(value, values) or pairs.get(value) for value in removed}
    if len(removed) == 1 and not given:
        added = [value for value in values if value not in existing_values]
        (value,) = removed
        found[value] = found[value] or (added[0] if len(added) == 1 else None if added else values[0])
    uses = Counter([*given.values(), *found.values()])
    return {old: new if new is not None and uses[new] == 1 else ... for old, new in found.items()}
