"""Tells by their names which values lead to the application's database, and which serve another purpose."""

from __future__ import annotations

import re
from collections.abc import Collection

_DATABASE = "database|db|postgres|postgresql|pg|sqlalchemy|sql|mysql|mariadb|sqlite"
_URL = re.compile(rf"(?:.*_)?(?:{_DATABASE})(?:_\w+)?_?(?:url|uri|dsn)", re.IGNORECASE)
_NESTED_URL = re.compile(
    "(?:(?:get|build|make|full|main|primary|writer?|async|sync|asyncpg|psycopg|connect|connection|conn|sqlalchemy|alchemy)_)*"
    "(?:url|uri|dsn|connection_string)",
    re.IGNORECASE,
)
_SECTION = re.compile(rf"(?:.*_)?(?:{_DATABASE}|rdbms?|orm)\d?(?:_.*)?", re.IGNORECASE)
_SECTION_CLASS = re.compile(
    r"\w*(?:Database|D[Bb]|Postgres|P[Gg]|S[Qq][Ll]|MariaD[Bb]|O[Rr][Mm])(?![a-z])\w*|\w*(?:Postgre|My)[Ss]ql\w*"
)
_OTHER_PURPOSE = re.compile(
    "test|redis|celery|broker|replica|read_?only|(?<![a-z])readers?(?![a-z])|slave|admin|super_?user|maintenance|preview|staging"
    "|analytic|warehouse|reporting|legacy|backup|archive|click_?house|big_?query|snowflake|mongo|neo4j|vector|elastic|influx",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    "(?:.*_)?(?:scripts?|cli|previews?|seed|seeds|seeder|seeding|benchmarks?|examples?|notebooks?|fixtures)|cli_.*|seed_.*"
    "|preview_.*|bin|tools?|devtools|tests?|testing",
    re.IGNORECASE,
)


def is_url_name(name: str, *, nested: bool = False) -> bool:
    """Whether a name sounds like the URL of the application's database.

    :param nested: whether it is in something that is the database's anyway.
    """
    return bool(_URL.fullmatch(name) or (nested and _NESTED_URL.fullmatch(name))) and not serves_other_purpose(name)


def is_database_section(field: str, class_name: str) -> bool:
    """Whether a part of the settings sounds like the database's, by its field or by its class."""
    return bool(_SECTION.fullmatch(field) or _SECTION_CLASS.fullmatch(class_name))


def serves_other_purpose(name: str) -> bool:
    """Whether a name says that it is not what the application writes its data to: an administrator's login, a read replica."""
    return _OTHER_PURPOSE.search(name) is not None


def is_beside_models(module: str, models: Collection[str]) -> bool:
    """Whether a module is called like a script, a command line or a test, and no package that the models are in is."""
    parts = module.split(".")
    for length, part in enumerate(parts, 1):
        prefix = ".".join(parts[:length])
        if _ASIDE.fullmatch(part) and not any(f"{name}.".startswith(f"{prefix}.") for name in models):
            return True
    return False
