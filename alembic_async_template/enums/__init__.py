"""Operations on PostgreSQL's enum types: what they are, how they are written in SQL, and how they are carried out."""
