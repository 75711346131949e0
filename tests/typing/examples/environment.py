"""An `env.py` that says more than the template's."""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import MetaData

from alembic_async_template import run_environment


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "schema" or name != "audit" or not parents


def render_item(kind: str, item: Any, context: AutogenContext) -> str | bool:
    context.imports.add("import app.types")
    return f"app.types.{item!r}" if kind == "type" else False


run_environment()
run_environment(MetaData())
run_environment(target_metadata=[MetaData(), MetaData()])
run_environment(
    naming_convention={"ix": "ix_%(column_0_label)s"},
    include_name=include_name,
    include_schemas=True,
    render_item=render_item,
    transaction_per_migration=False,
    version_table_schema="migrations",
)
