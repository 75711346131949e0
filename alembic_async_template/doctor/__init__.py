"""Examines a project for what fails, or may fail, before it does."""
