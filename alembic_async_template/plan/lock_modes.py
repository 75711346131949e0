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

# What a statement takes on the first table that it names, by its text on one line: the first that fits.
_TAKES = [
    (re.compile(pattern, re.IGNORECASE), mode)
    for pattern, mode in [
        (
            r"ALTER TABLE\b.*\b(VALIDATE CONSTRAINT|ATTACH PARTITION|SET STATISTICS|CLUSTER ON|SET WITHOUT CLUSTER)\b",
            SHARE_UPDATE_EXCLUSIVE,
        ),
        (r"ALTER TABLE\b.*\b(RE)?SET \(", SHARE_UPDATE_EXCLUSIVE),
        (r"ALTER TABLE\b.*\bADD (CONSTRAINT .+ )?FOREIGN KEY\b", SHARE_ROW_EXCLUSIVE),
        (r"ALTER TABLE\b.*\b(ENABLE|DISABLE) ((REPLICA|ALWAYS) )?TRIGGER\b", SHARE_ROW_EXCLUSIVE),
        (r"CREATE (UNIQUE )?INDEX\b|REINDEX\b", SHARE),
        (r"CREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER\b", SHARE_ROW_EXCLUSIVE),
        (r"CREATE (\w+ )*TABLE\b.*\bPARTITION OF\b", ACCESS_EXCLUSIVE),
        (r"CREATE (\w+ )*TABLE\b.*\bREFERENCES\b", SHARE_ROW_EXCLUSIVE),
        (r"CREATE (\w+ )*TABLE\b.*\bINHERITS\b", SHARE_UPDATE_EXCLUSIVE),
        (r"CREATE (\w+ )*(TABLE|VIEW)\b", ACCESS_SHARE),
        (r"(COMMENT ON|ANALYZE|VACUUM(?! FULL)|CREATE STATISTICS)\b", SHARE_UPDATE_EXCLUSIVE),
        (r"(WITH|INSERT|UPDATE|DELETE|MERGE|COPY)\b", ROW_EXCLUSIVE),
        (r"SELECT\b.*\bFOR (NO KEY )?(UPDATE|SHARE|KEY SHARE)\b", ROW_SHARE),
        (r"SELECT\b", ACCESS_SHARE),
        *((rf"LOCK\b.*\bIN {re.sub('(?<=[a-z])(?=[A-Z])', ' ', mode.removesuffix('Lock'))} MODE\b", mode) for mode in MODES),
        (
            r"(ALTER TABLE|DROP|TRUNCATE|(CREATE|ALTER) (OR REPLACE )?(POLICY|RULE)|LOCK|CLUSTER|REFRESH|VACUUM FULL)\b",
            ACCESS_EXCLUSIVE,
        ),
    ]
]


def what_blocks(modes: Collection[str]) -> str | None:
    """What other sessions cannot do with a table while one has these locks: `reads and writes`, `writes`, or None."""
    if ACCESS_EXCLUSIVE in modes:
        return "reads and writes"
    return "writes" if {SHARE, SHARE_ROW_EXCLUSIVE, EXCLUSIVE} & set(modes) else None


def take_again(statement: str, held: Collection[str], *, is_first: bool) -> str | None:
    """The lock that a statement takes on a table once more: the server does not show what its transaction has already.

    :param statement: on one line, without comments.
    :param held: the locks that the transaction has on the table; the statement has added none.
    :param is_first: whether the table is the first one that the statement names.
    """
    wanted = next((mode for pattern, mode in _TAKES if pattern.match(statement)), None) if is_first else ACCESS_SHARE
    if not is_first and re.search(r"\bFOREIGN\s+KEY\b|\bREFERENCES\b", statement, re.IGNORECASE):
        wanted = SHARE_ROW_EXCLUSIVE
    return wanted if wanted in held else None
