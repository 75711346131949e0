"""What a scan for tables remembers of sources that do not change, and when it scans them again."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alembic_async_template.project import discovery, scan_cache
from alembic_async_template.project.discovery import find_tables
from alembic_async_template.project.files import walk_sources
from alembic_async_template.project.tables import FoundTable
from support.project import write_files

SOURCE = "from sqlmodel import SQLModel\nclass {}(SQLModel, table=True): pass\n"


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of a table that a first scan has found and remembers."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(scan_cache, "_TICK", -(10**12))  # a file that was just written counts as old
    write_files(tmp_path, {"models.py": SOURCE.format("A"), "other.py": "x = 1\n"})
    assert list(recall(tmp_path)) == ["models"]
    assert [path.name for path in tmp_path.glob("__pycache__/*")] == [
        f"alembic_async_template.{sys.implementation.cache_tag}.json"
    ]
    monkeypatch.setattr(scan_cache, "_TICK", 2 * 10**9)
    return tmp_path


def recall(root: Path) -> Mapping[str, list[FoundTable]]:
    return scan_cache.recall_tables(root, walk_sources(root))[1]


def test_sources_that_did_not_change_are_not_read_again(remembered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same, with lines and reasons, and a module can still be looked into."""
    _, first = find_tables(remembered, walk_sources(remembered))
    monkeypatch.setattr(discovery, "read_text", pytest.fail)
    sources, again = scan_cache.recall_tables(remembered, walk_sources(remembered))
    assert again == first
    assert sources.modules["models"].name == "models"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda root: (root / "other.py").write_text(SOURCE.format("B")), ["models", "other"]),
        (lambda root: (root / "models.py").write_text(SOURCE.format("A").replace("table=", "label=")), []),
        (lambda root: (root / "new.py").write_text(SOURCE.format("B")), ["models", "new"]),
        (lambda root: (root / "models.py").unlink(), []),
        (lambda root: (root / "models.py").rename(root / "moved.py"), ["moved"]),
    ],
    ids=["changed", "of the same size", "added", "removed", "renamed"],
)
def test_a_source_that_changes_is_scanned_again(remembered: Path, change: Callable[[Path], object], found: list[str]) -> None:
    """Every change is noticed, even where size and modification time are set to what they were."""
    times = (remembered / "models.py").stat()
    time.sleep(0.05)  # the tick of the file system's clock
    change(remembered)
    if (remembered / "models.py").exists():
        os.utime(remembered / "models.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert list(recall(remembered)) == found
    assert list(recall(remembered)) == found


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"[1]", b'{"state": 1, "tables": 2}'])
def test_what_is_remembered_may_be_damaged(remembered: Path, content: bytes) -> None:
    """A damaged file is ignored."""
    next(remembered.glob("__pycache__/*")).write_bytes(content)
    assert list(recall(remembered)) == ["models"]


def test_nothing_is_remembered_that_may_be_wrong_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files just written, files that cannot be parsed, and runs without byte code are not remembered."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    write_files(tmp_path, {"models.py": SOURCE.format("A")})
    recall(tmp_path)
    assert not list(tmp_path.glob("__pycache__"))
    monkeypatch.setattr(scan_cache, "_TICK", -(10**12))
    write_files(tmp_path, {"broken.py": "class B(SQLModel, table=True)\n"})
    recall(tmp_path)
    assert not list(tmp_path.glob("__pycache__"))
    (tmp_path / "broken.py").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    recall(tmp_path)
    assert not list(tmp_path.glob("__pycache__"))
