"""What the pending revisions do to the live tables: traced on a shadow, and joined with what the live database knows."""
