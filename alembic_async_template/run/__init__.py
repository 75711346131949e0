"""Runs one command on one database."""
