"""Imports the application: its settings, its models, its engine, and the URL of its database."""
