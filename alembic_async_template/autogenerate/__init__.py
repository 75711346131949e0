"""What autogenerate writes into a revision beyond Alembic's own comparison."""
