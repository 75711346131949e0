"""What a secret is, and how statements, messages, URLs and exceptions are shown without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy.engine.url import URL
from sqlalchemy.exc import StatementError

from .postgresql import SQLState

HIDDEN = "***"

# How much of a statement is read to show its beginning; it may have megabytes.
_MOST = 10_000

# Words of statements and of source lines in which a literal may be a secret.
_SECRET = re.compile(
    r"passw|pwd|passphrase|(?<![a-z])pass(?![a-z])|secret|token|credential|identified\s+(?:by|with)|crypt|dblink|scram"
    r"|(?:api|auth|access|private|encryption)_?key|dsn|conninfo|user\s+mapping"
    r"|(?:create|alter)\s+subscription|(?:from|to)\s+program\b",
    re.IGNORECASE,
)
# Words of a URL's query that have a secret in them, for any driver.
_SECRET_WORD = re.compile("passw|pwd|^pass$|passphrase|secret|token|scram_.*_key|dsn|conninfo|odbc_connect", re.IGNORECASE)
# Words of a URL's query that may be shown with their values. Any other may be a part of a password that was not encoded.
_KNOWN_WORDS = frozenset(
    "host hostaddr port user dbname service ssl sslmode sslcert sslrootcert sslcrl sslnegotiation sslcompression sslsni "
    "ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version gssencmode channel_binding "
    "krbsrvname gsslib target_session_attrs load_balance_hosts application_name fallback_application_name options "
    "client_encoding connect_timeout timeout command_timeout keepalives keepalives_idle keepalives_interval keepalives_count "
    "tcp_user_timeout prepared_statement_cache_size statement_cache_size prepare_threshold charset unix_socket ssl_ca ssl_capath "
    "ssl_cert ssl_cipher ssl_check_hostname ssl_verify_cert sql_mode use_unicode local_infile autocommit read_timeout "
    "write_timeout mode cache uri immutable nolock vfs check_same_thread isolation_level".split()
)
# Where a literal begins, or a comment, which may hold anything: a quote, a dollar quote, a number, a URL; what follows a word
# of the list and an equals sign; a password that someone forgot to quote.
_LITERAL = re.compile(
    r"""(?:\b[bfruen]{1,2}|\bu&)?['"`\\]|\$\w*\$|--|/\*|\#|\w+://|(?<![\w.$])\d"""
    rf"""|(?:{_SECRET.pattern})\w*\s*(?:=>?|:=?)\s*(?=\S)|(?<=\s)(?:password|identified\s+by)\s+(?!(?:is|in|not|and|or|from|like)\b)(?=\w)""",
    re.IGNORECASE,
)
_DATABASE_PACKAGES = frozenset(
    {"sqlalchemy", "asyncpg", "psycopg", "psycopg2", "aiosqlite", "sqlite3", "asyncmy", "aiomysql", "pymysql"}
)
# What PostgreSQL calls by a name in quotes in its messages; anything else in quotes may be a value.
_KINDS = (
    "relation|table|column|constraint|index|type|schema|role|user|database|function|view|sequence|extension|language|server"
    "|subscription|publication|trigger|policy|collation|tablespace|parameter|wrapper|for"
)
_QUOTED = re.compile(rf"""\b({_KINDS})\s+"[^"]*"|["'](?:.*["']|.*\Z)""", re.DOTALL)
_ROW = re.compile(r"(=|contains )\(.*", re.DOTALL)

# Passwords in messages: in URLs, one that is not encoded may hold an @ itself; after an equals sign; and quoted, as SQL and
# Python have them. A text may have been cut, so that the closing quote is missing.
_QUOTED_PASSWORD = r"""(?:''.+?(?:''|$)|[EU&]*\\?'(?:[^']|'')*(?:'|$)|\\?"[^"]*(?:"|$)|\$(\w*)\$.*?(?:\$\2\$|$))"""
_WORD = r"(?:password|passwd|pwd|_pass\b|identified\s+by)"
# The name of a variable is no secret, and what is taken in its place may be one.
_VARIABLE = r"(?:os\.)?(?:environ(?:\.get\(|\[)|getenv\()\s*['\"]\w+['\"]"
_PASSWORDS = [
    re.compile(r"(//[^:/\s]*:)(?:\S+|[^/'\"]+)(?=@)"),
    re.compile(rf"(://[^\s?]*\?)\S*{_WORD}\S*", re.IGNORECASE),
    re.compile(rf"""({_WORD}\w*(?:['"\\]*\s*(?:=>?|:|\()\s*|\s+)){_QUOTED_PASSWORD}""", re.IGNORECASE | re.DOTALL),
    re.compile(rf"({_WORD}\w*\s*[=:]\s*{_VARIABLE}\s*,\s*){_QUOTED_PASSWORD}", re.IGNORECASE),
    re.compile(rf"({_WORD}\s*=\s*)(?!{_VARIABLE})[^\s&;,'\"()]+", re.IGNORECASE),
]


def holds_secret(text: str) -> bool:
    """Whether a literal in a statement, or in a line of Python, may be a secret: it has a word for one."""
    return _SECRET.search(text) is not None


def mask_statement(text: str, *, always: bool = False) -> str:
    """A statement, or a line of Python, without secrets: one that has a word for them ends where its first literal begins.

    :param always: even without such a word.
    """
    if not (always or holds_secret(text)):
        return mask_message(text)
    literal = _LITERAL.search(text)
    if literal is None:
        return text
    shown = text[: literal.end() if _SECRET.match(literal[0]) else literal.start()]  # as far as `password =`
    return f"{shown}{HIDDEN}{')' * (shown.count('(') - shown.count(')'))}"


def shorten_statement(statement: str, length: int = 200) -> str:
    """A statement on one line, without secrets, as a message shows it."""
    statement = " ".join(mask_statement(statement[:_MOST], always=holds_secret(statement)).split())
    return statement if len(statement) <= length else f"{statement[:length]}..."


def mask_message(text: str, *, always: bool = False) -> str:
    """What a server, a driver or an application says, without secrets.

    :param always: whether it speaks of something that may hold a secret, so that all values in it are hidden.
    """
    for pattern in _PASSWORDS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    if not always:
        return text
    text = _ROW.sub(rf"\1({HIDDEN})", text)
    return _QUOTED.sub(lambda match: match[0] if match[1] else f'"{HIDDEN}"', text)


def mask_url(url: URL) -> str:
    """The URL as it may be shown: without its password, wherever the URL holds one."""
    query = {word: value for word, value in url.query.items() if word in _KNOWN_WORDS and not _is_secret(word, value)}
    shown = url.set(query=query).render_as_string(hide_password=True)
    return shown if len(query) == len(url.query) else f"{shown}{'&' if query else '?'}{HIDDEN}"


def split_secrets(url: URL) -> tuple[URL, dict[str, str]]:
    """The URL without the words of its query that hold a secret, and these words with their values.

    SQLAlchemy hides the password of a URL where it is printed, and not what its query holds.
    """
    secrets = {word: str(value) for word, value in url.query.items() if _is_secret(word, value)}
    return url.difference_update_query(secrets), secrets


def list_unknown_words(url: URL) -> list[str]:
    """The words of a URL's query that no driver knows."""
    return [word for word in url.query if word not in _KNOWN_WORDS and not _SECRET_WORD.search(word)]


def _is_secret(word: str, value: str | tuple[str, ...]) -> bool:
    return _SECRET_WORD.search(word) is not None or (word == "options" and holds_secret(str(value)))


def is_about_secret(error: BaseException) -> bool:
    """Whether a statement that led to an exception may hold a secret."""
    statements = (getattr(cause, "statement", None) for cause in _list_chain(error))
    return any(isinstance(statement, str) and holds_secret(statement) for statement in statements)


def hide_secrets(error: BaseException, *, always: bool = False) -> None:
    """Take the secrets out of an exception of the database, and of all that led to it.

    What the application itself has raised keeps its words.

    :param always: whether the statement, or the line of the revision, may hold one: then no value is left.
    """
    raised = any(getattr(cause, "sqlstate", None) == SQLState.RAISE_EXCEPTION for cause in _list_chain(error))
    for cause in _list_chain(error):
        if isinstance(cause, StatementError) and always:
            cause.statement, cause.params = mask_statement(cause.statement or "", always=True), None
        if type(cause).__module__.partition(".")[0] in _DATABASE_PACKAGES:
            _mask_exception(cause, always=always, whole=always and raised)


def drop_tracebacks(error: BaseException) -> None:
    """Take the tracebacks off an exception and all that led to it: they quote lines of the sources."""
    for cause in _list_chain(error):
        cause.__traceback__ = None


def _list_chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and all that led to it."""
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [getattr(cause, "orig", None), cause.__cause__, cause.__context__]
            pending += getattr(cause, "exceptions", ())


def _mask_exception(cause: BaseException, *, always: bool, whole: bool) -> None:
    def mask(text: str) -> str:
        if whole:
            return HIDDEN
        # After its first line, psycopg repeats the statement and the row.
        return mask_message(text.partition("\n")[0] if always else text, always=always)

    cause.args = tuple(mask(text) if isinstance(text, str) else text for text in cause.args)
    values = {name: getattr(cause, name, None) for name in ("message", "detail", "hint", "query", "internal_query", "context")}
    values["detail"] = values["detail"] or getattr(getattr(cause, "diag", None), "message_detail", None)
    for name, value in values.items():
        if isinstance(value, str) and value:
            with suppress(AttributeError):  # what has slots shows nothing more
                setattr(
                    cause, name, mask(value) if name in {"message", "detail", "hint"} else mask_statement(value, always=always)
                )
