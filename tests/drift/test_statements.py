"""Each kind of drift: what is said, and that the statement, typed as printed, makes the database as the revisions do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from support.drift import Pair, run, type_statement

TABLE = """
    CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE post (
        id serial PRIMARY KEY, title varchar(50) DEFAULT 'x' NOT NULL, body text, size integer, author_id integer,
        price numeric(10, 2), made timestamp, CONSTRAINT ck_size CHECK (size > 0), CONSTRAINT uq_title UNIQUE (title),
        CONSTRAINT fk_author FOREIGN KEY (author_id) REFERENCES author
    );
    CREATE INDEX ix_body ON post (body);
    INSERT INTO author (name) VALUES ('a');
    INSERT INTO post (size, author_id) VALUES (1, 1);
"""
FUNCTION = """
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.size := 1;
        RETURN NEW;
    END
    $$;
"""
PARTITIONED = """
    CREATE TABLE log (id integer, day date NOT NULL, text text DEFAULT 'a' CHECK (text <> ''), PRIMARY KEY (id, day))
        PARTITION BY RANGE (day);
    CREATE INDEX ix_log ON log (text);
    CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE log_rest PARTITION OF log DEFAULT;
"""
VIEWS = """
    CREATE TABLE post (id integer PRIMARY KEY, title text);
    CREATE VIEW titles AS SELECT id, title FROM post;
    CREATE VIEW first_titles AS SELECT title FROM titles ORDER BY id LIMIT 10;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS number FROM first_titles;
    CREATE UNIQUE INDEX ix_counted ON counted (number);
    COMMENT ON VIEW titles IS 'all';
    COMMENT ON COLUMN titles.title IS 'short';
"""


@dataclass(frozen=True)
class Case:
    """What both have, what the live database is changed by, and what is said of it."""

    base: str
    drift: str
    problems: tuple[str, ...]
    # What is still said when all statements were typed.
    stays: tuple[str, ...] = ()
    # What the other database is changed by.
    made: str = ""


CASES = {
    "column type": Case(
        TABLE,
        "ALTER TABLE post ALTER title TYPE text",
        ("column public.post.title is text, and the revisions make it character varying(50)",),
    ),
    "text to integer": Case(
        TABLE,
        "ALTER TABLE post DROP CONSTRAINT ck_size, ALTER size TYPE text, ALTER size SET DEFAULT '7'",
        (
            "column public.post.size is text, and the revisions make it integer",
            "column public.post.size has the default '7'::text, and the revisions give it no default",
            "check constraint public.post.ck_size is not in the database",
        ),
    ),
    "collation": Case(
        TABLE,
        'ALTER TABLE post ALTER body TYPE text COLLATE "C"',
        ('column public.post.body is text COLLATE "C", and the revisions make it text',),
    ),
    "decimal places": Case(
        TABLE,
        "ALTER TABLE post ALTER price TYPE numeric(12, 4)",
        ("column public.post.price is numeric(12,4), and the revisions make it numeric(10,2)",),
        stays=("column public.post.price is numeric(12,4), and the revisions make it numeric(10,2)",),
    ),
    "time zone": Case(
        TABLE,
        "ALTER TABLE post ALTER made TYPE timestamptz",
        ("column public.post.made is timestamp with time zone, and the revisions make it timestamp without time zone",),
        stays=("column public.post.made is timestamp with time zone, and the revisions make it timestamp without time zone",),
    ),
    "type of a column that a view shows": Case(
        f"{TABLE}; CREATE VIEW bodies AS SELECT size FROM post",
        "DROP VIEW bodies; ALTER TABLE post ALTER size TYPE bigint; CREATE VIEW bodies AS SELECT size FROM post",
        ("column public.post.size is bigint, and the revisions make it integer",),
        stays=("column public.post.size is bigint, and the revisions make it integer",),
    ),
    "type in expressions": Case(
        f"{TABLE}; ALTER TABLE post ADD CHECK (title IN ('x', 'y')); CREATE INDEX ON post (lower(title)) WHERE title IN ('a', 'b')",
        "ALTER TABLE post ALTER title TYPE text",
        (
            "column public.post.title is text, and the revisions make it character varying(50)",
            "check constraint public.post.post_title_check has another definition than the revisions make",
            "index public.post_lower_idx has another definition than the revisions make",
        ),
    ),
    "not null": Case(
        TABLE,
        "ALTER TABLE post ALTER title DROP NOT NULL, ALTER body SET NOT NULL",
        (
            "column public.post.title is nullable, and the revisions make it NOT NULL",
            "column public.post.body is NOT NULL, and the revisions make it nullable",
        ),
        made="UPDATE post SET body = ''",
    ),
    "default": Case(
        TABLE,
        "ALTER TABLE post ALTER title DROP DEFAULT, ALTER body SET DEFAULT '%s'",
        (
            "column public.post.title has no default, and the revisions give it the default 'x'::character varying",
            "column public.post.body has the default '%s'::text, and the revisions give it no default",
        ),
    ),
    "column": Case(
        TABLE,
        "ALTER TABLE post DROP price, DROP body, ADD extra text",
        (
            "column public.post.body is not in the database",
            "column public.post.price is not in the database",
            "index public.ix_body is not in the database",
            "column public.post.extra is in the database, and no revision makes it",
        ),
        stays=("column public.post.extra is in the database, and no revision makes it",),
    ),
    "serial column": Case(
        TABLE,
        "ALTER TABLE post DROP id",
        (
            "column public.post.id is not in the database",
            "primary key public.post.post_pkey is not in the database",
        ),
    ),
    "serial to identity": Case(
        f"{TABLE}; CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY (INCREMENT BY 2) PRIMARY KEY)",
        """
        ALTER TABLE numbered ALTER id DROP IDENTITY;
        CREATE SEQUENCE numbered_id_seq AS integer OWNED BY numbered.id;
        ALTER TABLE numbered ALTER id SET DEFAULT nextval('numbered_id_seq');
        INSERT INTO numbered VALUES (5)
        """,
        (
            "column public.numbered.id has the default nextval('public.numbered_id_seq'::regclass), and the revisions give it "
            "no default",
            "column public.numbered.id has no identity, and the revisions give it GENERATED ALWAYS AS IDENTITY",
            "sequence public.numbered_id_seq is in the database, and no revision makes it",
        ),
        stays=("sequence public.numbered_id_seq is in the database, and no revision makes it",),
    ),
    "identity": Case(
        "CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY (START 10), b integer NOT NULL, c integer NOT NULL)",
        """
        ALTER TABLE numbered ALTER id SET GENERATED BY DEFAULT SET INCREMENT BY 3 SET CYCLE;
        ALTER TABLE numbered ALTER b ADD GENERATED ALWAYS AS IDENTITY
        """,
        (
            "column public.numbered.id has GENERATED BY DEFAULT AS IDENTITY, and the revisions give it GENERATED ALWAYS AS IDENTITY",
            "column public.numbered.id has INCREMENT BY 3, CYCLE, and the revisions give it INCREMENT BY 1, NO CYCLE",
            "column public.numbered.b has GENERATED ALWAYS AS IDENTITY, and the revisions give it no identity",
        ),
    ),
    "identity to serial": Case(
        "CREATE TABLE numbered (id serial)",
        "ALTER TABLE numbered ALTER id DROP DEFAULT, ALTER id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME numbered_id)",
        (
            "column public.numbered.id has no default, and the revisions give it the default "
            "nextval('public.numbered_id_seq'::regclass)",
            "column public.numbered.id has GENERATED ALWAYS AS IDENTITY, and the revisions give it no identity",
        ),
    ),
    "generated to plain": Case(
        "CREATE TABLE numbered (a integer, b integer, c integer)",
        "ALTER TABLE numbered DROP b, ADD b integer GENERATED ALWAYS AS (a + 1) STORED",
        ("column public.numbered.b is generated as (a + 1) STORED, and the revisions make it not generated",),
    ),
    "plain to generated": Case(
        "CREATE TABLE numbered (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED)",
        "ALTER TABLE numbered ALTER b DROP EXPRESSION",
        ("column public.numbered.b is not generated, and the revisions make it generated as (a + 1) STORED",),
        stays=("column public.numbered.b is not generated, and the revisions make it generated as (a + 1) STORED",),
    ),
    "check constraint": Case(
        TABLE,
        "ALTER TABLE post DROP CONSTRAINT ck_size, ADD CONSTRAINT ck_size CHECK (size > 10) NOT VALID",
        (
            "check constraint public.post.ck_size is CHECK ((size > 10)), and the revisions make it CHECK ((size > 0))",
            "check constraint public.post.ck_size is not valid",
        ),
    ),
    "constraint that is not valid": Case(
        TABLE,
        "ALTER TABLE post DROP CONSTRAINT ck_size, ADD CONSTRAINT ck_size CHECK (size > 0) NOT VALID",
        ("check constraint public.post.ck_size is not valid",),
    ),
    "constraint that is valid": Case(
        f"{TABLE}; ALTER TABLE post DROP CONSTRAINT ck_size, ADD CONSTRAINT ck_size CHECK (size > 0) NOT VALID",
        "ALTER TABLE post VALIDATE CONSTRAINT ck_size",
        ("check constraint public.post.ck_size is valid, and the revisions make it not valid",),
        stays=("check constraint public.post.ck_size is valid, and the revisions make it not valid",),
    ),
    "keys": Case(
        TABLE,
        """
        ALTER TABLE post DROP CONSTRAINT fk_author, DROP CONSTRAINT uq_title;
        ALTER TABLE post ADD CONSTRAINT uq_body UNIQUE (body), DROP CONSTRAINT post_pkey;
        ALTER TABLE post ADD CONSTRAINT post_pkey PRIMARY KEY (id, title);
        ALTER TABLE author DROP CONSTRAINT author_pkey
        """,
        (
            "primary key public.author.author_pkey is not in the database",
            "primary key public.post.post_pkey is PRIMARY KEY (id, title), and the revisions make it PRIMARY KEY (id)",
            "unique constraint public.post.uq_title is not in the database",
            "foreign key public.post.fk_author is not in the database",
            "unique constraint public.post.uq_body is in the database, and no revision makes it",
        ),
        stays=("unique constraint public.post.uq_body is in the database, and no revision makes it",),
    ),
    "foreign key": Case(
        TABLE,
        """
        ALTER TABLE post DROP CONSTRAINT fk_author;
        ALTER TABLE post ADD CONSTRAINT fk_author FOREIGN KEY (author_id) REFERENCES author ON DELETE CASCADE DEFERRABLE
        """,
        (
            "foreign key public.post.fk_author is FOREIGN KEY (author_id) REFERENCES public.author(id) ON DELETE CASCADE DEFERRABLE, "
            "and the revisions make it FOREIGN KEY (author_id) REFERENCES public.author(id)",
        ),
    ),
    "indexes": Case(
        f"{TABLE}; CREATE UNIQUE INDEX ix_title ON post (lower(title)) WHERE title IN ('a', 'b')",
        "DROP INDEX ix_title; DROP INDEX ix_body; CREATE INDEX ix_body ON post USING hash (body); CREATE INDEX ix_made ON post (made)",
        (
            "index public.ix_body is hash (body), and the revisions make it btree (body)",
            "index public.ix_title is not in the database",
            "index public.ix_made is in the database, and no revision makes it",
        ),
        stays=("index public.ix_made is in the database, and no revision makes it",),
    ),
    "invalid indexes": Case(
        TABLE,
        """
        CREATE INDEX "ix body_ccnew" ON post (body);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('ix_body'::regclass, '"ix body_ccnew"'::regclass)
        """,
        ("index public.ix_body is not valid", 'index public."ix body_ccnew" is not valid, and no revision makes it'),
    ),
    "table": Case(
        f"""
        {TABLE}{FUNCTION}
        CREATE TRIGGER touched BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch();
        ALTER TABLE post DISABLE TRIGGER touched, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        ALTER TABLE post ADD CONSTRAINT ck_late CHECK (size < 10) NOT VALID, REPLICA IDENTITY USING INDEX uq_title;
        CREATE POLICY own ON post USING (size > 0);
        CREATE RULE keep AS ON DELETE TO post DO INSTEAD NOTHING;
        CREATE STATISTICS together ON title, body FROM post;
        COMMENT ON TABLE post IS 'It''s 100% \\ "mine"';
        COMMENT ON COLUMN post.title IS 'a title';
        COMMENT ON CONSTRAINT ck_size ON post IS 'positive';
        COMMENT ON INDEX ix_body IS 'an index';
        """,
        "DROP TABLE post; CREATE TABLE extra (id integer PRIMARY KEY)",
        ("table public.post is not in the database", "table public.extra is in the database, and no revision makes it"),
        stays=("table public.extra is in the database, and no revision makes it",),
    ),
    "tables that need each other": Case(
        """
        CREATE TYPE status AS ENUM ('a');
        CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        CREATE UNLOGGED TABLE a (id integer PRIMARY KEY DEFAULT one(), status status, other integer);
        CREATE UNLOGGED TABLE b (id integer PRIMARY KEY REFERENCES a);
        ALTER TABLE a ADD CONSTRAINT fk_other FOREIGN KEY (other) REFERENCES b;
        CREATE VIEW both_tables AS SELECT a.id FROM a JOIN b USING (id);
        CREATE FUNCTION all_b() RETURNS SETOF b LANGUAGE sql AS 'SELECT * FROM b';
        """,
        "DROP VIEW both_tables; DROP TABLE a, b CASCADE; DROP FUNCTION one; DROP TYPE status",
        (
            "enum type public.status is not in the database",
            "function public.one() is not in the database",
            "table public.a is not in the database",
            "table public.b is not in the database",
            "function public.all_b() is not in the database",
            "view public.both_tables is not in the database",
            "foreign key public.a.fk_other is not in the database",
        ),
    ),
    "table options": Case(
        TABLE,
        """
        ALTER TABLE post SET UNLOGGED;
        ALTER TABLE author REPLICA IDENTITY FULL, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
        """,
        (
            "table public.post is unlogged, and the revisions make it logged",
            "table public.author has row level security, and the revisions give it no row level security",
            "table public.author has row level security for its owner, and the revisions give it no row level security for its owner",
            "table public.author has the replica identity FULL, and the revisions give it the replica identity DEFAULT",
        ),
    ),
    "partitions": Case(
        PARTITIONED,
        """
        DROP TABLE log_1; ALTER TABLE log DETACH PARTITION log_rest;
        CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2027-01-01') TO ('2027-02-01')
        """,
        (
            "table public.log_1 is not in the database",
            "table public.log_rest is no partition, and the revisions make it a partition of public.log DEFAULT",
            "table public.log_2 is in the database, and no revision makes it",
        ),
        stays=("table public.log_2 is in the database, and no revision makes it",),
    ),
    "partition that is older than its table": Case(
        """
        CREATE TABLE log_1 (id integer);
        CREATE TABLE log (id integer) PARTITION BY LIST (id); ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES IN (1)
        """,
        "DROP TABLE log",
        ("table public.log is not in the database", "table public.log_1 is not in the database"),
    ),
    "bounds": Case(
        PARTITIONED,
        """
        ALTER TABLE log DETACH PARTITION log_1;
        ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM ('2026-01-01') TO ('2026-03-01')
        """,
        (
            "table public.log_1 is a partition of public.log FOR VALUES FROM ('2026-01-01') TO ('2026-03-01'), and the revisions "
            "make it a partition of public.log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        ),
    ),
    "partitioned table": Case(
        PARTITIONED,
        "DROP TABLE log",
        (
            "table public.log is not in the database",
            "table public.log_1 is not in the database",
            "table public.log_rest is not in the database",
        ),
    ),
    "parts of a partitioned table": Case(
        PARTITIONED,
        """
        ALTER TABLE log ALTER text TYPE varchar(10), ALTER text SET NOT NULL, ALTER text DROP DEFAULT;
        ALTER TABLE log DROP CONSTRAINT log_text_check, ADD CONSTRAINT log_text_check CHECK (text <> 'x');
        DROP INDEX ix_log;
        ALTER TABLE log DROP CONSTRAINT log_pkey
        """,
        (
            "column public.log.text is character varying(10), and the revisions make it text",
            "column public.log.text is NOT NULL, and the revisions make it nullable",
            "column public.log.text has no default, and the revisions give it the default 'a'::text",
            "check constraint public.log.log_text_check is CHECK (((text)::text <> 'x'::text)), and the revisions make it "
            "CHECK ((text <> ''::text))",
            "primary key public.log.log_pkey is not in the database",
            "index public.ix_log is not in the database",
        ),
    ),
    "inheritance": Case(
        "CREATE TABLE a (id integer CHECK (id > 0)); CREATE TABLE b (size integer) INHERITS (a)",
        "ALTER TABLE b NO INHERIT a",
        ("table public.b is no child of another, and the revisions make it a child of public.a",),
    ),
    "inheriting table": Case(
        "CREATE TABLE a (id integer CHECK (id > 0)); CREATE TABLE b (size integer) INHERITS (a)",
        "DROP TABLE b",
        ("table public.b is not in the database",),
    ),
    "enum types": Case(
        "CREATE TYPE status AS ENUM ('a', 'b''', 'c', 'd'); CREATE TYPE gone AS ENUM ('x'); CREATE TYPE other AS ENUM ('p', 'q')",
        "DROP TYPE status, gone, other; CREATE TYPE status AS ENUM ('b''', 'd'); CREATE TYPE other AS ENUM ('q', 'p')",
        (
            "enum type public.status has the labels 'b''', 'd', and the revisions give it the labels 'a', 'b''', 'c', 'd'",
            "enum type public.gone is not in the database",
            "enum type public.other has the labels 'q', 'p', and the revisions give it the labels 'p', 'q'",
        ),
        stays=("enum type public.other has the labels 'q', 'p', and the revisions give it the labels 'p', 'q'",),
    ),
    "domains": Case(
        """
        CREATE DOMAIN email AS text COLLATE "C" DEFAULT 'a@b' NOT NULL CONSTRAINT ck_at CHECK (VALUE LIKE '%@%');
        COMMENT ON DOMAIN email IS 'mail'; COMMENT ON CONSTRAINT ck_at ON DOMAIN email IS 'at';
        CREATE DOMAIN gone AS numeric(5, 2) CONSTRAINT ck CHECK (VALUE > 0); CREATE DOMAIN kind AS integer
        """,
        """
        ALTER DOMAIN email DROP NOT NULL; ALTER DOMAIN email DROP DEFAULT; ALTER DOMAIN email DROP CONSTRAINT ck_at;
        ALTER DOMAIN email ADD CONSTRAINT ck_at CHECK (VALUE <> ''); DROP DOMAIN gone; DROP DOMAIN kind; CREATE DOMAIN kind AS text
        """,
        (
            "domain public.email is nullable, and the revisions make it NOT NULL",
            "domain public.email has no default, and the revisions give it the default 'a@b'::text",
            "domain public.gone is not in the database",
            "domain public.kind is text, and the revisions make it integer",
            "check constraint public.email.ck_at is CHECK ((VALUE <> ''::text)), and the revisions make it "
            "CHECK ((VALUE ~~ '%@%'::text))",
            "check constraint public.email.ck_at has no comment, and the revisions give it the comment 'at'",
        ),
        stays=("domain public.kind is text, and the revisions make it integer",),
    ),
    "composite types": Case(
        'CREATE TYPE place AS (x integer, "Y z" text); CREATE TYPE gone AS (a varchar(5) COLLATE "C"); CREATE TYPE span AS RANGE (SUBTYPE = integer)',
        'ALTER TYPE place DROP ATTRIBUTE "Y z", ALTER ATTRIBUTE x TYPE bigint; DROP TYPE gone; DROP TYPE span',
        (
            'composite type public.place is x bigint, and the revisions make it "Y z" text, x integer',
            "composite type public.gone is not in the database",
            "range type public.span is not in the database",
        ),
    ),
    "views": Case(
        VIEWS,
        "DROP VIEW titles CASCADE",
        (
            "view public.titles is not in the database",
            "view public.first_titles is not in the database",
            "materialized view public.counted is not in the database",
        ),
    ),
    "view": Case(
        VIEWS,
        """
        CREATE OR REPLACE VIEW titles WITH (security_barrier) AS SELECT id, title FROM post WHERE id > 5;
        COMMENT ON VIEW titles IS NULL; COMMENT ON COLUMN titles.title IS NULL; CREATE VIEW extra AS SELECT 1 AS one
        """,
        (
            "view public.titles has another definition than the revisions make",
            "view public.titles has security_barrier=true, and the revisions give it no options",
            "view public.titles has no comment, and the revisions give it the comment 'all'",
            "view column public.titles.title has no comment, and the revisions give it the comment 'short'",
            "view public.extra is in the database, and no revision makes it",
        ),
        stays=("view public.extra is in the database, and no revision makes it",),
    ),
    "columns of a view": Case(
        VIEWS,
        """
        DROP MATERIALIZED VIEW counted; CREATE MATERIALIZED VIEW counted AS SELECT 1 AS other;
        CREATE OR REPLACE VIEW titles AS SELECT id, title, 1 AS extra FROM post
        """,
        (
            "view public.titles has another definition than the revisions make",
            "materialized view public.counted has another definition than the revisions make",
            "index public.ix_counted is not in the database",
        ),
        # Another view needs it.
        stays=("view public.titles has another definition than the revisions make",),
    ),
    "functions": Case(
        f"""
        {FUNCTION}
        CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
        CREATE FUNCTION add(a text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT a || 'x'; END;
        CREATE PROCEDURE work(a integer) LANGUAGE sql AS 'SELECT 1';
        CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', PARALLEL = SAFE);
        CREATE AGGREGATE totals(integer) (SFUNC = int4pl, STYPE = integer);
        COMMENT ON FUNCTION add(text) IS 'adds';
        COMMENT ON AGGREGATE total(integer) IS 'adds';
        COMMENT ON PROCEDURE work IS 'works'
        """,
        """
        CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        DROP FUNCTION add(integer, integer); CREATE FUNCTION add(c integer, d integer) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
        DROP FUNCTION add(text); DROP PROCEDURE work; CREATE FUNCTION work(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
        DROP AGGREGATE total(integer);
        CREATE OR REPLACE AGGREGATE totals(integer) (SFUNC = int4mul, STYPE = integer);
        CREATE FUNCTION extra() RETURNS integer LANGUAGE sql AS 'SELECT 1'
        """,
        (
            "function public.touch() has another definition than the revisions make",
            "function public.add(integer,integer) has another definition than the revisions make",
            "function public.add(text) is not in the database",
            "procedure public.work(integer) has another definition than the revisions make",
            "procedure public.work(integer) has no comment, and the revisions give it the comment 'works'",
            "aggregate public.total(integer) is not in the database",
            "aggregate public.totals(integer) has another definition than the revisions make",
            "function public.extra() is in the database, and no revision makes it",
        ),
        stays=("function public.extra() is in the database, and no revision makes it",),
    ),
    "function that is used": Case(
        "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE TABLE a (id integer DEFAULT one())",
        "DROP FUNCTION one CASCADE; CREATE FUNCTION one() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'; ALTER TABLE a ALTER id SET DEFAULT one()",
        ("function public.one() has another definition than the revisions make",),
        stays=("function public.one() has another definition than the revisions make",),
    ),
    "triggers": Case(
        f"""
        {TABLE}{FUNCTION}
        CREATE TRIGGER gone BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch();
        CREATE TRIGGER touched BEFORE UPDATE ON post FOR EACH ROW WHEN (NEW.size > 0) EXECUTE FUNCTION touch();
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON post DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch();
        ALTER TABLE post ENABLE ALWAYS TRIGGER touched;
        CREATE RULE keep AS ON DELETE TO post DO INSTEAD NOTHING;
        CREATE RULE other AS ON DELETE TO author DO INSTEAD NOTHING;
        """,
        """
        DROP TRIGGER gone ON post;
        CREATE OR REPLACE TRIGGER touched AFTER UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch();
        ALTER TABLE post DISABLE TRIGGER late;
        CREATE OR REPLACE RULE keep AS ON DELETE TO post WHERE OLD.size > 1 DO INSTEAD NOTHING;
        ALTER TABLE post DISABLE RULE keep;
        DROP RULE other ON author;
        CREATE TRIGGER extra BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch()
        """,
        (
            "rule public.post.keep has another definition than the revisions make",
            "rule public.post.keep is disabled, and the revisions make it enabled",
            "rule public.author.other is not in the database",
            "trigger public.post.gone is not in the database",
            "trigger public.post.touched has another definition than the revisions make",
            "trigger public.post.touched is enabled, and the revisions make it always enabled",
            "trigger public.post.late is disabled, and the revisions make it enabled",
            "trigger public.post.extra is in the database, and no revision makes it",
        ),
        stays=("trigger public.post.extra is in the database, and no revision makes it",),
    ),
    "policies": Case(
        f"""
        {TABLE} ALTER TABLE post ENABLE ROW LEVEL SECURITY;
        CREATE POLICY gone ON post FOR SELECT TO CURRENT_USER USING (size > 0);
        CREATE POLICY own ON post USING (size > 0) WITH CHECK (size > 1);
        CREATE POLICY strict ON post AS RESTRICTIVE FOR UPDATE USING (size > 0);
        """,
        """
        DROP POLICY gone ON post; ALTER POLICY own ON post USING (size > 2);
        DROP POLICY strict ON post; CREATE POLICY strict ON post FOR UPDATE USING (size > 0) WITH CHECK (size > 0)
        """,
        (
            "policy public.post.gone is not in the database",
            "policy public.post.own is AS PERMISSIVE FOR ALL TO PUBLIC USING ((size > 2)) WITH CHECK ((size > 1)), and the revisions "
            "make it AS PERMISSIVE FOR ALL TO PUBLIC USING ((size > 0)) WITH CHECK ((size > 1))",
            "policy public.post.strict is AS PERMISSIVE FOR UPDATE TO PUBLIC USING ((size > 0)) WITH CHECK ((size > 0)), and the revisions "
            "make it AS RESTRICTIVE FOR UPDATE TO PUBLIC USING ((size > 0))",
        ),
    ),
    "sequences": Case(
        f"""
        {TABLE}
        CREATE SEQUENCE counter INCREMENT BY 5 MAXVALUE 1000; CREATE SEQUENCE gone CYCLE; COMMENT ON SEQUENCE gone IS 'x';
        CREATE SEQUENCE owned OWNED BY post.size;
        """,
        """
        DROP SEQUENCE gone; ALTER SEQUENCE counter INCREMENT BY 2 NO MAXVALUE; ALTER SEQUENCE owned OWNED BY NONE;
        DROP SEQUENCE post_id_seq CASCADE
        """,
        (
            "sequence public.post_id_seq is not in the database",
            "sequence public.counter has INCREMENT BY 2, MAXVALUE 9223372036854775807, and the revisions give it INCREMENT BY 5, MAXVALUE 1000",
            "sequence public.gone is not in the database",
            "column public.post.id has no default, and the revisions give it the default nextval('public.post_id_seq'::regclass)",
            "sequence public.owned is owned by no column, and the revisions make it owned by public.post.size",
        ),
    ),
    "statistics": Case(
        f"{TABLE}; CREATE STATISTICS a ON title, body FROM post; CREATE STATISTICS b (ndistinct) ON title, (lower(body)) FROM post",
        "DROP STATISTICS a, b; CREATE STATISTICS b (ndistinct) ON title, body FROM post",
        (
            "statistics object public.a is not in the database",
            "statistics object public.b has another definition than the revisions make",
        ),
    ),
    "comments": Case(
        f"""
        {TABLE}{FUNCTION} CREATE SCHEMA shop; CREATE TYPE status AS ENUM ('a'); CREATE STATISTICS st ON title, body FROM post;
        CREATE TRIGGER touched BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION touch();
        CREATE POLICY own ON post; CREATE RULE keep AS ON DELETE TO post DO INSTEAD NOTHING;
        COMMENT ON SCHEMA shop IS 'the shop';
        """,
        """
        COMMENT ON SCHEMA shop IS NULL; COMMENT ON TABLE author IS 'x'; COMMENT ON COLUMN post.id IS 'x'; COMMENT ON TYPE status IS 'x';
        COMMENT ON INDEX ix_body IS 'x'; COMMENT ON CONSTRAINT ck_size ON post IS 'x'; COMMENT ON FUNCTION touch() IS 'x';
        COMMENT ON TRIGGER touched ON post IS 'x'; COMMENT ON STATISTICS st IS 'x'; COMMENT ON SEQUENCE post_id_seq IS 'x';
        COMMENT ON POLICY own ON post IS 'x'; COMMENT ON RULE keep ON post IS 'x'
        """,
        (
            "schema shop has no comment, and the revisions give it the comment 'the shop'",
            *(
                f"{name} has the comment 'x', and the revisions give it no comment"
                for name in (
                    "enum type public.status",
                    "sequence public.post_id_seq",
                    "function public.touch()",
                    "table public.author",
                    "column public.post.id",
                    "check constraint public.post.ck_size",
                    "index public.ix_body",
                    "rule public.post.keep",
                    "trigger public.post.touched",
                    "policy public.post.own",
                    "statistics object public.st",
                )
            ),
        ),
    ),
    "schemas": Case(
        "CREATE SCHEMA app; CREATE SCHEMA \"Other one\"; CREATE TYPE app.status AS ENUM ('a'); CREATE TABLE app.post (status app.status)",
        'DROP SCHEMA app CASCADE; DROP SCHEMA "Other one"; CREATE SCHEMA of_others; CREATE TABLE of_others.a (id integer)',
        (
            "schema app is not in the database",
            'schema "Other one" is not in the database',
            "enum type app.status is not in the database",
            "table app.post is not in the database",
        ),
    ),
    "another kind": Case(
        "CREATE TABLE a (id integer PRIMARY KEY); CREATE VIEW b AS SELECT 1 AS one; CREATE TYPE c AS ENUM ('a')",
        "DROP TABLE a; DROP VIEW b; DROP TYPE c; CREATE VIEW a AS SELECT 1 AS id; CREATE TABLE b (one integer); CREATE DOMAIN c AS text",
        (
            "public.c is a domain, and the revisions make it an enum type",
            "public.a is a view, and the revisions make it a table",
            "public.b is a table, and the revisions make it a view",
        ),
        stays=(
            "public.c is a domain, and the revisions make it an enum type",
            "public.a is a view, and the revisions make it a table",
            "public.b is a table, and the revisions make it a view",
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_statement_brings_back_what_the_revisions_make(pair: Pair, name: str) -> None:
    """What is said is the whole list, and afterwards nothing differs but what no statement solves."""
    case = CASES[name]
    pair.run(case.base)
    if case.made:
        pair.run(case.made)
    run(pair.live_url, case.drift)
    differences = pair.compare()
    problems = tuple(difference.problem for difference in differences)
    assert set(problems) == set(case.problems)
    for difference in differences:
        assert (difference.statement is None) == (difference.problem in case.stays)
        if difference.statement is not None:
            type_statement(pair.live_url, difference.statement)
    assert tuple(difference.problem for difference in pair.compare()) == case.stays
    assert problems == case.problems
