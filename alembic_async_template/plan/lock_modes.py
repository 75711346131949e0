"""The lock modes of PostgreSQL: what each blocks, and which one a statement takes on the table that it names.

See https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES.
"""

from __future__ import annotations

import re
from collections.abc import Collection

ACCESS_SHARE = "AccessShareLock"
ROW_SHARE = "RowShareLock"
ROW_EXCLUSIVE = "RowExclusiveLock"
SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusiveLock"
SHARE = "ShareLock"
SHARE_ROW_EXCLUSIVE = "ShareRowExclusiveLock"
EXCLUSIVE = "ExclusiveLock"
ACCESS_EXCLUSIVE = "AccessExclusiveLock"

MODES = (
    ACCESS_SHARE,
    ROW_SHARE,
    ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    EXCLUSIVE,
    ACCESS_EXCLUSIVE,
)
"""From the weakest to the strongest."""

# What a statement takes on the first table that it names, by its text: the first that fits.
_TAKES = [
    (re.compile(rf"^\s*{pattern}", re.IGNORECASE | re.DOTALL), mode)
    for pattern, mode in [
        (r"ALTER\s+TABLE\b.*\bVALIDATE\s+CONSTRAINT\b", SHARE_UPDATE_EXCLUSIVE),
        (r"ALTER\s+TABLE\b.*\bATTACH\s+PARTITION\b", SHARE_UPDATE_EXCLUSIVE),
        (r"ALTER\s+TABLE\b.*\b(SET\s+STATISTICS|CLUSTER\s+ON|SET\s+WITHOUT\s+CLUSTER)\b", SHARE_UPDATE_EXCLUSIVE),
        (r"ALTER\s+TABLE\b.*\bADD\s+(CONSTRAINT\s+\S+\s+)?FOREIGN\s+KEY\b", SHARE_ROW_EXCLUSIVE),
        (r"ALTER\s+TABLE\b.*\b(ENABLE|DISABLE)\s+(REPLICA\s+|ALWAYS\s+)?TRIGGER\b", SHARE_ROW_EXCLUSIVE),
        (r"CREATE\s+(UNIQUE\s+)?INDEX\b", SHARE),
        (r"CREATE\s+(OR\s+REPLACE\s+)?(CONSTRAINT\s+)?TRIGGER\b", SHARE_ROW_EXCLUSIVE),
        (r"(COMMENT\s+ON|ANALYZE|VACUUM(?!\s+FULL)|CREATE\s+STATISTICS)\b", SHARE_UPDATE_EXCLUSIVE),
        (r"(WITH|INSERT|UPDATE|DELETE|MERGE|COPY)\b", ROW_EXCLUSIVE),
        (r"SELECT\b.*\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY\s+SHARE)\b", ROW_SHARE),
        (r"SELECT\b", ACCESS_SHARE),
        (r"", ACCESS_EXCLUSIVE),
    ]
]


def what_blocks(modes: Collection[str]) -> str | None:
    """What other sessions cannot do with a table while one has these locks: `reads and writes`, `writes`, or None."""
    if ACCESS_EXCLUSIVE in modes:
        return "reads and writes"
    return "writes" if {SHARE, SHARE_ROW_EXCLUSIVE, EXCLUSIVE} & set(modes) else None


def take_again(statement: str, held: Collection[str], *, is_first: bool) -> str | None:
    """The lock that a statement takes on a table once more: the server does not show what its transaction has already.

    :param held: the locks that the transaction has on the table; the statement has added none.
    :param is_first: whether the table is the first one that the statement names.
    """
    wanted = next(mode for pattern, mode in _TAKES if pattern.search(statement)) if is_first else ACCESS_SHARE
    if not is_first and re.search(r"\bFOREIGN\s+KEY\b|\bREFERENCES\b", statement, re.IGNORECASE):
        wanted = SHARE_ROW_EXCLUSIVE
    return wanted if wanted in held else None
