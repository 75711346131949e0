"""What failed, where, and how it is fixed."""
