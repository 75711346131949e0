"""Names where `sqlalchemy.url` is set: in a file, or in code that has changed the configuration since."""

from __future__ import annotations

from configparser import Error, RawConfigParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

_NAME = "sqlalchemy.url"


def describe_url_source(config: Config, config_file: str, *, by_env: bool) -> str:
    """Where it is set, for messages.

    :param by_env: whether nothing but `env.py` can have changed it: Alembic's command line runs.
    """
    parser, section, ini = config.file_config, config.config_ini_section, config.config_file_name
    if ini and Path(ini).exists() and parser.has_option(section, _NAME):
        written = RawConfigParser()
        try:
            written.read(ini)
        except (Error, OSError, UnicodeError):
            return f"{_NAME} in {config_file}"
        if written.get(section, _NAME, fallback=None) != parser.get(section, _NAME, raw=True):
            return f"{_NAME} as {'env.py sets it' if by_env else 'it is set in code'}"
    return f"{_NAME} in {config_file}"
