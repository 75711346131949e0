"""What the generated `env.py` and `alembic init` call: sources, settings, models, URL, engine, logging and the run."""
