"""Compares, after a hand-written `env.py` has run, the MetaData that it gives with those that the application's tables are in."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from ..application.models import ModelModules, find_model_modules
from ..application.settings import read_settings

if TYPE_CHECKING:
    from alembic.config import Config


def look_at_models(config: Config) -> dict[str, Any]:
    """The modules with tables that were not imported, and the MetaData objects with tables that are not `target_metadata`.

    :return: `unimported`, names of modules, and `untargeted`, names as `module:attribute`; `lacks_target` where there is no
        `target_metadata` at all.
    """
    given: list[Any] = []

    def look(_current: object, context: Any) -> list[Any]:
        given.append(context.opts.get("target_metadata"))
        return []

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=look, dont_mutate=True):
        script.run_env()
    targets = list(given[0]) if isinstance(given[0], list | tuple) else [given[0]]
    found = find_model_modules(read_settings(config))
    loaded = {os.path.realpath(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    unimported = [name for name in found.listed if os.path.realpath(found.sources[name].paths[name]) not in loaded]
    untargeted = [] if unimported else _find_others(found, targets)
    return {"unimported": unimported, "untargeted": untargeted, "lacks_target": targets == [None]}


def _find_others(found: ModelModules, targets: list[Any]) -> list[str]:
    origins = dict.fromkeys(table.origin for tables in found.tables.values() for table in tables if table.origin)
    others = []
    for origin in origins:
        module, _, attribute = origin.partition(":")
        value = getattr(import_module(module), attribute, None) if module in sys.modules else None
        metadata = getattr(value, "metadata", value)
        if isinstance(metadata, MetaData) and metadata.tables and all(metadata is not target for target in targets):
            others.append(origin)
    return others
