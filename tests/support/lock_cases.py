"""What PostgreSQL locks, rewrites and scans for each statement: expected here, traced by tests/plan/test_lock_table.py."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = """
CREATE TYPE status AS ENUM ('draft', 'live');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE author (id integer PRIMARY KEY, name text);
CREATE TABLE post (
    id integer PRIMARY KEY, title varchar(50), body text, n integer NOT NULL DEFAULT 0, price numeric(8, 2), at timestamp,
    data jsonb, author_id integer, checked integer, old integer
);
ALTER TABLE post ADD CONSTRAINT checked_is_set CHECK (checked IS NOT NULL), ADD CONSTRAINT n_is_small CHECK (n < 9) NOT VALID,
    ADD CONSTRAINT post_author FOREIGN KEY (author_id) REFERENCES author NOT VALID;
CREATE INDEX post_n ON post (n);
CREATE UNIQUE INDEX post_number ON post (id, n);
CREATE TABLE note (id integer, code integer NOT NULL);
CREATE UNIQUE INDEX note_id ON note (id);
CREATE UNIQUE INDEX note_code ON note (code);
CREATE TABLE log (id integer, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE log_2026 (id integer, at date NOT NULL);
CREATE TABLE log_2027 (id integer, at date NOT NULL, CHECK (at >= '2027-01-01' AND at < '2028-01-01'));
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER old_trigger BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch();
CREATE MATERIALIZED VIEW number AS SELECT id, n FROM post;
CREATE UNIQUE INDEX number_id ON number (id);
"""
ROWS = """
INSERT INTO author SELECT number, 'a' FROM generate_series(1, 1000) AS number;
INSERT INTO post SELECT number, 'a', 'a', 1, 1.5, now(), '{}', 1, 1, 1 FROM generate_series(1, 100000) AS number;
INSERT INTO note SELECT number, number FROM generate_series(1, 100000) AS number;
INSERT INTO log_2026 SELECT number, '2026-07-01' FROM generate_series(1, 1000) AS number;
INSERT INTO log_2027 SELECT number, '2027-07-01' FROM generate_series(1, 1000) AS number;
REFRESH MATERIALIZED VIEW number;
ANALYZE;
"""
AS_IT_IS = "as it is"
BRIEF = "as it is: it waits for a lock, and then for nothing"
TWO_RELEASES = "in a release after the one whose code does without it"
EXPAND = "a new column, filled in batches and by a trigger, that takes the name of the old one"
IN_STEPS = "`ADD COLUMN` without the default, `SET DEFAULT`, then the rows in batches"
VALIDATE = "`NOT VALID`, then `VALIDATE CONSTRAINT` in a transaction of its own"


@dataclass(frozen=True, slots=True)
class Case:
    """A statement on the tables above."""

    group: str
    sql: str
    locks: str
    """As `author SRE, post AE`."""
    rewrites: str = ""
    """The tables, which are rewritten with all their indexes."""
    scans: str = ""
    advice: str = BRIEF
    alembic: str | None = None
    """The operation of Alembic that does the same."""
    since: int = 15
    """The first version of PostgreSQL that has it, or does this."""
    until: int = 99
    """The last one."""
    alone: str | None = None
    """For a statement that cannot run in a transaction: what takes it back."""

    @property
    def trace(self) -> tuple[str, str, str]:
        """What it locks, rewrites and scans: what is rewritten is read."""
        return self.locks, self.rewrites, self.scans or self.rewrites

    def write_revision(self, code: str | None = None) -> str:
        """The body of a revision that runs it and takes it back.

        :param code: the operation of Alembic, by default op.execute with the statement.
        """
        code = code or f"op.execute({self.sql.replace(':', chr(92) + ':')!r})"
        if self.alone is not None:
            return f"with op.get_context().autocommit_block():\n    {code}\n    op.execute({self.alone!r})"
        return f"with op.get_bind().begin_nested() as savepoint:\n    {code}\n    savepoint.rollback()"


def _add(column: str) -> str:
    return f"op.add_column('post', sa.Column({column}))"


def _alter(column: str, words: str) -> str:
    return f"op.alter_column('post', {column!r}, {words})"


COLUMNS = "Columns"
TYPES = "Types of columns"
CONSTRAINTS = "Constraints"
INDEXES = "Indexes"
TABLES = "Tables"
ROWS_GROUP = "Rows"

CASES = [
    Case(COLUMNS, "ALTER TABLE post ADD COLUMN x integer", "post AE", alembic=_add("'x', sa.Integer")),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer DEFAULT 7 NOT NULL",
        "post AE",
        alembic=_add("'x', sa.Integer, server_default='7', nullable=False"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x timestamptz DEFAULT now()",
        "post AE",
        alembic=_add("'x', sa.DateTime(timezone=True), server_default=sa.func.now()"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x uuid DEFAULT gen_random_uuid()",
        "post AE",
        rewrites="post",
        advice=IN_STEPS,
        alembic=_add("'x', sa.Uuid, server_default=sa.func.gen_random_uuid()"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x timestamptz DEFAULT clock_timestamp()",
        "post AE",
        rewrites="post",
        advice=IN_STEPS,
        alembic=_add("'x', sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp()"),
    ),
    Case(COLUMNS, "ALTER TABLE post ADD COLUMN x serial", "post AE", rewrites="post", advice=IN_STEPS),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer GENERATED BY DEFAULT AS IDENTITY",
        "post AE",
        rewrites="post",
        advice="a column without it, filled in batches; `SET NOT NULL`; then `ADD GENERATED`",
        alembic=_add("'x', sa.Integer, sa.Identity()"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer GENERATED ALWAYS AS (n + 1) STORED",
        "post AE",
        rewrites="post",
        advice="a column that a trigger fills, or on PostgreSQL 18 a virtual one",
        alembic=_add("'x', sa.Integer, sa.Computed('n + 1', persisted=True)"),
    ),
    Case(COLUMNS, "ALTER TABLE post ADD COLUMN x integer GENERATED ALWAYS AS (n + 1) VIRTUAL", "post AE", since=18),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x positive",
        "post AE",
        rewrites="post",
        advice="a column of the type below, and the check of the domain as one of the table",
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer REFERENCES author (id)",
        "author SRE, post AE",
        advice="the column first, then the key, `NOT VALID`: their locks are then not held together",
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer CHECK (x > 0)",
        "post AE",
        scans="post",
        advice="the column first; then the check, `NOT VALID`; then `VALIDATE CONSTRAINT`",
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ADD COLUMN x integer UNIQUE",
        "post AE",
        scans="post",
        advice="the column first; then an index with `CONCURRENTLY`; then the constraint `USING INDEX`",
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ALTER COLUMN author_id SET NOT NULL",
        "post AE",
        scans="post",
        advice="a check that it is not null, `NOT VALID`; `VALIDATE CONSTRAINT`; `SET NOT NULL`; then the check is dropped: four statements",
        alembic=_alter("author_id", "nullable=False"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ALTER COLUMN checked SET NOT NULL /* where CHECK (checked IS NOT NULL) is valid */",
        "post AE",
        alembic=_alter("checked", "nullable=False"),
    ),
    Case(
        COLUMNS,
        "ALTER TABLE post ALTER COLUMN checked SET NOT NULL, DROP CONSTRAINT checked_is_set",
        "post AE",
        scans="post",
        advice="two statements",
    ),
    Case(COLUMNS, "ALTER TABLE post ADD CONSTRAINT x NOT NULL author_id NOT VALID", "post AE", since=18),
    Case(COLUMNS, "ALTER TABLE post ALTER COLUMN n DROP NOT NULL", "post AE", alembic=_alter("n", "nullable=True")),
    Case(COLUMNS, "ALTER TABLE post ALTER COLUMN n SET DEFAULT 1", "post AE", alembic=_alter("n", "server_default='1'")),
    Case(COLUMNS, "ALTER TABLE post ALTER COLUMN n DROP DEFAULT", "post AE", alembic=_alter("n", "server_default=None")),
    Case(COLUMNS, "ALTER TABLE post ALTER COLUMN n SET STATISTICS 500", "post SUE", advice=AS_IT_IS),
    Case(COLUMNS, "ALTER TABLE post DROP COLUMN old", "post AE", advice=TWO_RELEASES, alembic="op.drop_column('post', 'old')"),
    Case(
        COLUMNS,
        "ALTER TABLE post RENAME COLUMN old TO new",
        "post AE",
        advice=TWO_RELEASES,
        alembic=_alter("old", "new_column_name='new'"),
    ),
    Case(
        COLUMNS, "COMMENT ON COLUMN post.n IS 'a number'", "post SUE", advice=AS_IT_IS, alembic=_alter("n", "comment='a number'")
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN title TYPE varchar(60)",
        "post AE",
        alembic=_alter("title", "type_=sa.String(60)"),
    ),
    Case(TYPES, "ALTER TABLE post ALTER COLUMN title TYPE text", "post AE", alembic=_alter("title", "type_=sa.Text")),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN price TYPE numeric(10, 2)",
        "post AE",
        alembic=_alter("price", "type_=sa.Numeric(10, 2)"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN at TYPE timestamptz /* where TimeZone is UTC */",
        "post AE",
        alembic=_alter("at", "type_=sa.DateTime(timezone=True)"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN title TYPE varchar(40)",
        "post AE",
        rewrites="post",
        advice="a check of its length, `NOT VALID`, then `VALIDATE CONSTRAINT`",
        alembic=_alter("title", "type_=sa.String(40)"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN body TYPE varchar(40)",
        "post AE",
        rewrites="post",
        advice="a check of its length, `NOT VALID`, then `VALIDATE CONSTRAINT`",
        alembic=_alter("body", "type_=sa.String(40)"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN old TYPE bigint",
        "post AE",
        rewrites="post",
        advice=EXPAND,
        alembic=_alter("old", "type_=sa.BigInteger"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN price TYPE numeric(10, 3)",
        "post AE",
        rewrites="post",
        advice=EXPAND,
        alembic=_alter("price", "type_=sa.Numeric(10, 3)"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN data TYPE json",
        "post AE",
        rewrites="post",
        advice=EXPAND,
        alembic=_alter("data", "type_=sa.JSON"),
    ),
    Case(
        TYPES,
        "ALTER TABLE post ALTER COLUMN body TYPE status USING 'live'::status",
        "post AE",
        rewrites="post",
        advice=EXPAND,
        alembic=_alter("body", "type_=postgresql.ENUM(name='status'), postgresql_using=\"'live'::status\""),
    ),
    Case(TYPES, "ALTER TYPE status ADD VALUE 'old'", "", advice=AS_IT_IS),
    Case(
        TYPES,
        "ALTER TYPE status RENAME VALUE 'draft' TO 'new'",
        "",
        advice=TWO_RELEASES,
        alembic="op.rename_enum_value('status', 'draft', 'new')",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x CHECK (n > 0)",
        "post AE",
        scans="post",
        advice=VALIDATE,
        alembic="op.create_check_constraint('x', 'post', 'n > 0')",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x CHECK (n > 0) NOT VALID",
        "post AE",
        alembic="op.create_check_constraint('x', 'post', 'n > 0', postgresql_not_valid=True)",
    ),
    Case(CONSTRAINTS, "ALTER TABLE post ADD CONSTRAINT x CHECK (n > 0) NOT ENFORCED", "post AE", since=18),
    Case(CONSTRAINTS, "ALTER TABLE post VALIDATE CONSTRAINT n_is_small", "post SUE", scans="post", advice=AS_IT_IS),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x FOREIGN KEY (author_id) REFERENCES author (id)",
        "author SRE, post SRE",
        scans="author, post",
        advice=VALIDATE,
        alembic="op.create_foreign_key('x', 'post', 'author', ['author_id'], ['id'])",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x FOREIGN KEY (author_id) REFERENCES author (id) NOT VALID",
        "author SRE, post SRE",
        alembic="op.create_foreign_key('x', 'post', 'author', ['author_id'], ['id'], postgresql_not_valid=True)",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post VALIDATE CONSTRAINT post_author",
        "author RS, post SUE",
        scans="author, post",
        advice=AS_IT_IS,
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x UNIQUE (id, at)",
        "post AE",
        scans="post",
        advice="a unique index with `CONCURRENTLY`, then the constraint `USING INDEX`",
        alembic="op.create_unique_constraint('x', 'post', ['id', 'at'])",
    ),
    Case(CONSTRAINTS, "ALTER TABLE post ADD CONSTRAINT x UNIQUE USING INDEX post_number", "post AE"),
    Case(
        CONSTRAINTS,
        "ALTER TABLE note ADD CONSTRAINT x PRIMARY KEY (id)",
        "note AE",
        scans="note",
        advice="the column `NOT NULL` as above, a unique index with `CONCURRENTLY`, then the constraint `USING INDEX`",
        alembic="op.create_primary_key('x', 'note', ['id'])",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE note ADD CONSTRAINT x PRIMARY KEY USING INDEX note_id /* where the column is nullable */",
        "note AE",
        scans="note",
        advice="the column `NOT NULL` as above, first",
    ),
    Case(CONSTRAINTS, "ALTER TABLE note ADD CONSTRAINT x PRIMARY KEY USING INDEX note_code", "note AE"),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post ADD CONSTRAINT x EXCLUDE USING btree (id WITH =)",
        "post AE",
        scans="post",
        advice="none",
        alembic="op.create_exclude_constraint('x', 'post', ('id', '='), using='btree')",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post DROP CONSTRAINT n_is_small",
        "post AE",
        alembic="op.drop_constraint('n_is_small', 'post')",
    ),
    Case(
        CONSTRAINTS,
        "ALTER TABLE post DROP CONSTRAINT post_author",
        "author AE, post AE",
        alembic="op.drop_constraint('post_author', 'post')",
    ),
    Case(
        INDEXES,
        "CREATE INDEX x ON post (old)",
        "post S",
        scans="post",
        advice="`CONCURRENTLY`",
        alembic="op.create_index('x', 'post', ['old'])",
    ),
    Case(
        INDEXES,
        "CREATE UNIQUE INDEX x ON post (id)",
        "post S",
        scans="post",
        advice="`CONCURRENTLY`",
        alembic="op.create_index('x', 'post', ['id'], unique=True)",
    ),
    Case(
        INDEXES,
        "CREATE INDEX CONCURRENTLY x ON post (old)",
        "post SUE",
        scans="post",
        advice=AS_IT_IS,
        alembic="op.create_index('x', 'post', ['old'], postgresql_concurrently=True)",
        alone="DROP INDEX x",
    ),
    Case(INDEXES, "DROP INDEX post_n", "post AE", advice="`CONCURRENTLY`", alembic="op.drop_index('post_n')"),
    Case(
        INDEXES,
        "DROP INDEX CONCURRENTLY post_n",
        "post SUE",
        advice=AS_IT_IS,
        alembic="op.drop_index('post_n', postgresql_concurrently=True)",
        alone="CREATE INDEX post_n ON post (n)",
    ),
    Case(INDEXES, "REINDEX INDEX post_n", "post S, post_n AE", rewrites="post_n", scans="post", advice="`CONCURRENTLY`"),
    Case(
        INDEXES,
        "REINDEX INDEX CONCURRENTLY post_n",
        "post SUE",
        scans="post",
        advice=AS_IT_IS,
        alone="SELECT 1",
    ),
    Case(INDEXES, "ALTER INDEX post_n RENAME TO x", "", advice=AS_IT_IS),
    Case(
        TABLES,
        "CREATE TABLE comment (post_id integer REFERENCES post (id))",
        "post SRE",
        alembic="op.create_table('comment', sa.Column('post_id', sa.Integer, sa.ForeignKey('post.id')))",
    ),
    Case(
        TABLES, "ALTER TABLE post RENAME TO article", "post AE", advice=TWO_RELEASES, alembic="op.rename_table('post', 'article')"
    ),
    Case(TABLES, "DROP TABLE note", "note AE", advice=TWO_RELEASES, alembic="op.drop_table('note')"),
    Case(TABLES, "ALTER TABLE post SET UNLOGGED", "post AE", rewrites="post", advice="none"),
    Case(TABLES, "ALTER TABLE post SET (fillfactor = 70)", "post SUE", advice=AS_IT_IS),
    Case(TABLES, "ALTER TABLE post ENABLE ROW LEVEL SECURITY", "post AE"),
    Case(TABLES, "CREATE POLICY x ON post USING (n > 0)", "post AE"),
    Case(
        TABLES,
        "CREATE TRIGGER x BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch()",
        "post SRE",
    ),
    Case(TABLES, "DROP TRIGGER old_trigger ON post", "post AE"),
    Case(TABLES, "ALTER TABLE post DISABLE TRIGGER old_trigger", "post SRE"),
    Case(
        TABLES,
        "COMMENT ON TABLE post IS 'posts'",
        "post SUE",
        advice=AS_IT_IS,
        alembic="op.create_table_comment('post', 'posts')",
    ),
    Case(TABLES, "CREATE STATISTICS x ON id, n FROM post", "post SUE", advice=AS_IT_IS),
    Case(TABLES, "GRANT SELECT ON post TO PUBLIC", "", until=17, advice=AS_IT_IS),
    Case(TABLES, "GRANT SELECT ON post TO PUBLIC", "post AS", since=18, advice=AS_IT_IS),
    Case(
        TABLES,
        "ALTER TABLE log ATTACH PARTITION log_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "log SUE, log_2026 AE",
        scans="log_2026",
        advice="a check of the same bounds on the new partition first, `NOT VALID`, then `VALIDATE CONSTRAINT`",
    ),
    Case(
        TABLES,
        "ALTER TABLE log ATTACH PARTITION log_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') /* which has a check of that */",
        "log SUE, log_2027 AE",
    ),
    Case(TABLES, "ALTER TABLE log DETACH PARTITION log_2025", "log AE, log_2025 AE", advice="`CONCURRENTLY`"),
    Case(
        TABLES,
        "CREATE TABLE log_2028 PARTITION OF log FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')",
        "log AE",
        advice="`CREATE TABLE`, then `ATTACH PARTITION`",
    ),
    Case(
        TABLES,
        "REFRESH MATERIALIZED VIEW number",
        "number AE, post AS",
        rewrites="number",
        scans="number, post",
        advice="`CONCURRENTLY`",
    ),
    Case(TABLES, "TRUNCATE note", "note AE", advice="as it is, where the rows are not needed"),
    Case(ROWS_GROUP, "UPDATE post SET old = 2", "post RE", advice="in batches"),
    Case(ROWS_GROUP, "DELETE FROM note", "note RE", advice="in batches"),
]
