"""From one random set of models to another, and back: every step runs, comes to rest and can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData

from support.fingerprint import read_fingerprint
from support.history import History
from support.scenarios import column, status

LABELS = ["a", "b", "Draft", "it's", "a%b"]
TYPES = [("status", None), ("Kind", None), ("status", "other")]

# What a column is: nothing, text, a type, or an array of it; and which of its labels is the default.
_COLUMNS = st.none() | st.tuples(
    st.sampled_from(["text", "enum", "array"]), st.sampled_from(TYPES), st.none() | st.integers(0, len(LABELS) - 1)
)
_MODELS = st.fixed_dictionaries(
    {
        "labels": st.fixed_dictionaries({type_: st.lists(st.sampled_from(LABELS), min_size=1, unique=True) for type_ in TYPES}),
        "tables": st.dictionaries(
            st.sampled_from(["post", "page"]), st.fixed_dictionaries({"one": _COLUMNS, "two": _COLUMNS}), min_size=1
        ),
    }
)


def declare(models: dict[str, Any]) -> MetaData:
    metadata = MetaData()
    for name, columns in models["tables"].items():
        table = sa.Table(name, metadata, sa.Column("id", sa.Integer(), primary_key=True))
        for column_name, chosen in columns.items():
            if chosen is not None:
                table.append_column(_make_column(column_name, models["labels"], *chosen))
    # A schema that goes with its last type is not for autogenerate to drop.
    sa.Table("keep", metadata, sa.Column("id", sa.Integer(), primary_key=True), schema="other")
    return metadata


def _make_column(name: str, labels: dict[Any, list[str]], kind: str, type_: tuple[str, str | None], default: int | None) -> Any:
    known = labels[type_]
    label = None if default is None else known[default % len(known)]
    if kind == "text":
        return column(sa.String(20), name, server_default=label)
    enum = status(*known, name=type_[0], schema=type_[1])
    if kind == "enum":
        return column(enum, name, server_default=label)
    return column(
        sa.ARRAY(enum), name, server_default=None if label is None else sa.text(f"ARRAY[{_quote(label)}]::{_name(type_)}[]")
    )


def _quote(label: str) -> str:
    return "'" + label.replace("'", "''") + "'"


def _name(type_: tuple[str, str | None]) -> str:
    return f'"{type_[0]}"' if type_[1] is None else f'"{type_[1]}"."{type_[0]}"'


@pytest.mark.parametrize("online", [False, True], ids=["plain", "online"])
def test_any_models_lead_to_any_others(postgresql_url: str, tmp_path: Path, *, online: bool) -> None:
    """Upgrade, no difference, downgrade as before, upgrade again; then back by a revision, and down to nothing."""
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    migrations = History(tmp_path / "project", postgresql_url, options={"include_schemas": True}, online=online).initialise()
    versions = tmp_path / "project/migrations/versions"
    empty = read_fingerprint(postgresql_url)

    @settings(max_examples=10, deadline=None, phases=[Phase.generate], derandomize=True)
    @given(first=_MODELS, second=_MODELS)
    def check(first: dict[str, Any], second: dict[str, Any]) -> None:
        try:
            _travel(migrations, first, second)
            assert read_fingerprint(postgresql_url) == empty
        finally:
            with psycopg.connect(postgresql_url) as connection:
                connection.execute("DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA public")
                connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
            for path in versions.glob("*.py"):
                path.unlink()

    check()


def _travel(migrations: History, first: dict[str, Any], second: dict[str, Any]) -> None:
    migrations.revise(declare(first), "one")
    migrations.upgrade()
    before = read_fingerprint(migrations.url, positions=False)
    if migrations.revise(declare(second), "two") is not None:
        migrations.upgrade()
        assert migrations.find_differences() == []
        after = read_fingerprint(migrations.url, positions=False)
        migrations.downgrade("one")
        assert read_fingerprint(migrations.url, positions=False) == before
        migrations.upgrade()
        assert read_fingerprint(migrations.url, positions=False) == after
        migrations.revise(declare(first), "three")
        migrations.upgrade()
        assert migrations.find_differences() == []
    migrations.downgrade("base")
