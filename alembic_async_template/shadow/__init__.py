"""A database beside the live one, on which the revisions run to see what they do."""
