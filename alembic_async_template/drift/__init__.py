"""How a live database differs from what its own revisions make: two catalogs are read and compared."""
