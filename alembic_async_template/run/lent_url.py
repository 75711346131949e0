"""Lends the URL of a run to the revisions, which read it as a setting."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import URL


@contextmanager
def lend_url(config: Config, url: URL) -> Iterator[None]:
    """Let revisions read this run's URL as the setting `sqlalchemy.url`, in memory only, as ConfigParser escapes it."""
    # A copy: what an ini may hold, the %40 of a password for example, cannot be put back by ConfigParser.
    original = config.file_config
    vars(config)["file_config"] = copy.deepcopy(original)
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
    try:
        yield
    finally:
        vars(config)["file_config"] = original
