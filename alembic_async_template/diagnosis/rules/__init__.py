"""The known errors, as data: how each is recognised, and how it is fixed. The reference is made from these tables."""
