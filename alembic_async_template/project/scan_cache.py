"""Remembers, beside Python's byte code, what a scan of the sources found, as long as no source changes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from .files import name_modules, walk_sources
from .sources import Sources, parse_source
from .tables import FoundTable

log = logging.getLogger("alembic_async_template")

# A file may be written twice within one tick of its file system's clock: the second time would not be noticed.
_TICK = 2_000_000_000


def recall_tables(root: Path, files: Iterable[str]) -> tuple[Sources, Mapping[str, list[FoundTable]]]:
    """What `find_tables` finds: remembered, if the same files had the same size and times, and this package too.

    Nothing is remembered of sources that cannot be read or parsed, or where Python may not write its byte code either.
    """
    files = list(files)
    now = time.time_ns()
    state, newest = _describe_files([*files, *walk_sources(Path(__file__).parent)])
    path = Path(cache_from_source(os.fspath(root / f"{__name__.partition('.')[0]}.py"))).with_suffix(".json")
    if state is not None and (tables := _read(path, state)) is not None:
        log.debug("No source under %s has changed since %s was written", root, path)
        return Sources(root, name_modules(files, root), parse_source), tables
    from .discovery import find_tables  # most runs need none of its patterns

    sources, found = find_tables(root, files)
    if state is not None and newest < now - _TICK and not sources.unreadable and not sys.dont_write_bytecode:
        _write(path, state, found)
    return sources, found


def _describe_files(files: Iterable[str]) -> tuple[str | None, int]:
    """A digest of the files' names, sizes and times, None if one of them is gone; and the newest of the times."""
    digest, newest = hashlib.sha256(), 0
    try:
        for file in files:
            status = os.stat(file)
            digest.update(
                f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0".encode(errors="surrogateescape")
            )
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return None, newest
    return digest.hexdigest(), newest


def _read(path: Path, state: str) -> dict[str, list[FoundTable]] | None:
    try:
        content = json.loads(path.read_bytes())
        if content["state"] != state:
            return None
        return {name: [FoundTable(**table) for table in tables] for name, tables in content["tables"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none yet, or it was cut off
        return None


def _write(path: Path, state: str, tables: Mapping[str, list[FoundTable]]) -> None:
    described = {name: [dataclasses.asdict(table) for table in found] for name, found in tables.items()}
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"state": state, "tables": described}))
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        log.debug("The tables found under %s are not remembered: %s", path.parent.parent, error)
