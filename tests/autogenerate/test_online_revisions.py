"""What autogenerate writes with `online = on`: the block, a second revision where it needs one, and the reverse of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData

from support.fingerprint import read_fingerprint
from support.history import History

_COLUMNS = ["one", "two"]
_COLUMN = st.fixed_dictionaries(
    {
        "nullable": st.booleans(),
        "default": st.booleans(),
        "length": st.sampled_from([10, 20]),
        "index": st.sampled_from([None, "index", "unique", "constraint"]),
        "key": st.booleans(),
        "check": st.booleans(),
    }
)
_TABLES = st.dictionaries(
    st.sampled_from(["post", "page", 'a "b" c']),
    st.fixed_dictionaries(
        {"comment": st.sampled_from([None, "x"]), "columns": st.dictionaries(st.sampled_from(_COLUMNS), _COLUMN)}
    ),
    min_size=1,
)
_MODELS = st.fixed_dictionaries({"tables": _TABLES, "author": st.booleans()})


def declare(models: dict[str, Any]) -> MetaData:
    metadata = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    if models["author"]:
        sa.Table("author", metadata, sa.Column("code", sa.String(20), primary_key=True))
    for name, chosen in models["tables"].items():
        table = sa.Table(name, metadata, sa.Column("id", sa.Integer(), primary_key=True), comment=chosen["comment"])
        for column_name, options in chosen["columns"].items():
            _add_column(table, column_name, options, has_author=models["author"])
    return metadata


def _add_column(table: sa.Table, name: str, options: dict[str, Any], *, has_author: bool) -> None:
    default = "x" if options["default"] else None
    table.append_column(sa.Column(name, sa.String(options["length"]), nullable=options["nullable"], server_default=default))
    column = table.c[name]
    match options["index"]:
        case "constraint":
            table.append_constraint(sa.UniqueConstraint(column))
        case "index" | "unique" as kind:
            sa.Index(f"ix {table.name} {name}", column, unique=kind == "unique")
    if options["check"]:
        table.append_constraint(sa.CheckConstraint(column != "'", name=name))
    if options["key"] and has_author:
        table.append_constraint(sa.ForeignKeyConstraint([column], ["author.code"]))


def test_any_models_lead_to_any_others(postgresql_url: str, tmp_path: Path) -> None:
    """What the blocks make is what plain operations make, each step comes to rest, and each revision can be taken back."""
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    history = History(tmp_path / "project", postgresql_url, online=True).initialise()
    ini = tmp_path / "project/alembic.ini"
    versions = tmp_path / "project/migrations/versions"
    empty = read_fingerprint(postgresql_url)

    def read() -> dict[str, Any]:
        found = read_fingerprint(postgresql_url, positions=False)
        del found["rows of public.alembic_version"]
        return found

    def switch(word: str) -> None:
        ini.write_text(ini.read_text().replace("online = on", "online = off").replace("online = off", f"online = {word}"))

    @settings(max_examples=25, deadline=None, phases=[Phase.generate], derandomize=True)
    @given(first=_MODELS, second=_MODELS)
    def check(first: dict[str, Any], second: dict[str, Any]) -> None:
        try:
            switch("off")
            history.revise(declare(first), "one")
            history.upgrade()
            if history.revise(declare(second), "two") is None:
                return
            history.upgrade()
            plain = read()
            history.downgrade("one")
            before = read()  # without a check that only the old models had: autogenerate leaves it to its column
            for path in versions.glob("*two*.py"):
                path.unlink()
            switch("on")
            history.revise(declare(second), "two")
            for _ in range(2):
                history.upgrade()
                assert history.find_differences() == []
                assert read() == plain
                history.downgrade("one")
                assert read() == before
            history.downgrade("base")
            assert read_fingerprint(postgresql_url) == empty
        finally:
            with psycopg.connect(postgresql_url) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
            for path in versions.glob("*.py"):
                path.unlink()

    check()
