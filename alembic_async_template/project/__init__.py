"""Reads a project's sources, and imports none of them."""
