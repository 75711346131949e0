"""Which of Alembic's own operations block a large table, and the sequences of steps that do the same without blocking."""
