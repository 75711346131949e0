"""Reads, in an error of pydantic, which environment variable the application's settings miss or cannot use."""

from __future__ import annotations

import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from ..diagnosis.match import Origin

# By pydantic's type of error: https://docs.pydantic.dev/latest/errors/validation_errors/; the first one is told first.
_ORIGINS = {"missing": Origin.MISSING_VARIABLE, "extra_forbidden": Origin.UNKNOWN_VARIABLE}

# A value of each kind: what pydantic's types of errors begin with, and names of types.
_EXAMPLES = {"int": "10", "float": "1.5", "decimal": "1.5", "bool": "true", "date": "2026-01-31"}


def describe_rejection(error: Any) -> tuple[dict[str, str | None], Origin | None]:
    """The variable that settings of pydantic miss or cannot read, and where they have looked for their `.env`."""
    base: Any = getattr(sys.modules.get("pydantic_settings"), "BaseSettings", None)
    settings: Any = None
    for frame, _ in traceback.walk_tb(error.__traceback__ if base else None):
        instance = frame.f_locals.get(next(iter(frame.f_code.co_varnames), ""))
        settings = instance if isinstance(instance, base) else settings
    if settings is None:
        return {}, None
    config = settings.model_config
    delimiter = config.get("env_nested_delimiter") or "__"
    variables: list[str] = []
    facts: dict[str, str | None] = {}
    origins: set[Origin] = set()
    for item in error.errors():
        names = list(map(str, item["loc"]))
        field = type(settings).model_fields.get(names[0]) if names else None
        prefix = config.get("env_prefix") or "" if field is not None else ""
        nested = getattr(field.annotation, "model_fields", None) if field is not None and len(names) == 1 else None
        if nested and config.get("env_nested_delimiter"):
            names.append(next(iter(nested)))
        if names:
            if not variables and (example := _find_example(item, field)):
                facts["example"] = example
            variables.append((prefix + delimiter.join(names)).upper())
            origins.add(_ORIGINS.get(item["type"], Origin.INVALID_VARIABLE))
    files = config.get("env_file") or ()
    paths = [Path.cwd() / file for file in ([files] if isinstance(files, str | Path) else files)]
    described = [f"{path} was read too" if os.path.exists(path) else f"{path} is not there" for path in paths]
    if not variables:  # a validator of the whole
        return {}, None
    facts |= {
        "variables": ", ".join(variables),
        "variable": variables[0],
        "files": "; ".join(described) or "no .env file is read",
    }
    return facts, next(origin for origin in (*_ORIGINS.values(), Origin.INVALID_VARIABLE) if origin in origins)


def _find_example(item: Any, field: Any) -> str | None:
    """A value that pydantic takes; None where any text is one."""
    expected = re.match("'([^']*)'", str((item.get("ctx") or {}).get("expected", "")))  # of a literal or an enum
    if expected:
        return expected[1]
    kind = str(item["type"]).partition("_")[0]
    annotation = getattr(field, "annotation", None)
    return _EXAMPLES.get(kind) or _EXAMPLES.get(getattr(annotation, "__name__", ""))
