"""What this package does around Alembic's own commands."""
