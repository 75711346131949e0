"""Alembic's own operations and the tables that they block."""
