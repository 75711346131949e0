"""Finds the modules that `app_models` leaves out with `~` and that seem to declare a table which a revision is about to drop."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ..project.files import read_source, walk_sources
from ..project.scan_cache import recall_tables
from .models import is_covered

if TYPE_CHECKING:
    from .settings import Settings

FindModules = Callable[[str], list[str]]


def find_left_out_modules(settings: Settings) -> FindModules:
    """What tells the modules for the name of a table: those with tables whose sources have the word, or one like it.

    They are not imported, and a class names its table in more ways than sources show: `order_item` is `OrderItem` too.
    """
    unwanted = [name[1:] for name in settings.app_models if name.startswith("~")]

    @cache
    def read_words() -> dict[str, frozenset[str]]:
        words: dict[str, frozenset[str]] = {}
        for root in settings.import_roots if unwanted else ():
            sources, found = recall_tables(root, walk_sources(root, settings.excluded_folders))
            for name in found:
                if is_covered(name, unwanted):
                    text = read_source(sources.paths[name]).decode(errors="replace")
                    words[name] = frozenset(map(_simplify, re.findall(r"\w+", text)))
        return words

    return lambda table: [name for name, words in read_words().items() if _simplify(table) in words]


def _simplify(name: str) -> str:
    return name.replace("_", "").lower()
