"""Runs Alembic's own operations as sequences of steps that block no one for long."""
