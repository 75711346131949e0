"""Alembic runs this file for every command that needs the database. Its settings are in alembic.ini or pyproject.toml."""

from alembic_async_template import run_environment

# Any argument of context.configure can be given here, for example include_object=..., and target_metadata=Base.metadata
# instead of what app_models finds.
run_environment()
