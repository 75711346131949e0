"""Turns a migration environment that is written by hand into one of this package."""
