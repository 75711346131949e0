"""Recognises the statements that act on a whole server, and not on one database of it."""

from __future__ import annotations

import re

from ..postgresql import empty_strings, strip_comments

# Strings hold no statement, but for those that are run: the body of DO, and what EXECUTE in it is given.
_RUNS_TEXT = re.compile(r"(^|;)\s*DO\b", re.IGNORECASE)
_NAMES = re.compile(r'"(?:[^"]|"")*"')
_FUNCTIONS = (
    r"pg_(create|drop|copy)_(physical|logical)_replication_slot|pg_(create_restore_point|promote|switch_wal|reload_conf|rotate_logfile)"
    r"|pg_(terminate|cancel)_backend|dblink\w*"
)
_SERVER_WIDE = re.compile(
    r"\b(CREATE|ALTER|DROP)\s+(ROLE|USER(?!\s+MAPPING)|GROUP|TABLESPACE|DATABASE|SUBSCRIPTION)\b"
    r"|\b(COMMENT|SECURITY\s+LABEL\b.*?)\s+ON\s+(ROLE|TABLESPACE|DATABASE|SUBSCRIPTION)\b"
    r"|\b(ALTER\s+SYSTEM|REASSIGN\s+OWNED|DROP\s+OWNED)\b"
    r"|\b(GRANT|REVOKE)\b.*?\bON\s+(DATABASE|TABLESPACE)\b"
    r"|^\s*(GRANT|REVOKE)\b(?!.*\bON\b)"
    r"|\bCOPY\b.*?\b(FROM|TO)\s+PROGRAM\b"
    rf"|\b({_FUNCTIONS})\s*\(",
    re.IGNORECASE | re.DOTALL,
)


def is_server_wide(statement: str) -> bool:
    """Whether a statement would change more than its own database, or reach another one.

    The body of a function counts when it is called, which this cannot know; that of DO counts.
    """
    bare = empty_strings(statement)
    if _RUNS_TEXT.search(bare):
        bare = f"{bare};{strip_comments(statement)}"
    return any(_SERVER_WIDE.search(part) for part in _NAMES.sub('""', bare).split(";"))
