"""Operations of Alembic whose locks, scans and rewrites depend on what the table has, beside those of `lock_cases`."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE item (
    id integer PRIMARY KEY, plain varchar(10), checked varchar(10) CHECK (length(checked) > 0), later varchar(10),
    partial varchar(10), expression varchar(10), indexed varchar(10), keyed varchar(10), words varchar(10)[], letters char(5),
    ts timestamp, ts_indexed timestamp, ts3 timestamp(3), tz timestamptz, address cidr, required integer NOT NULL,
    price numeric(8, 2), price_indexed numeric(8, 2), n integer, paired integer, other integer, nested integer, span interval(3),
    body text, dom positive, dom_text short,
    CHECK (paired IS NOT NULL AND paired > 0), CHECK (other > 0), CHECK (nested IS NOT NULL AND (n > 0 OR n < 0)),
    CHECK (nested IS NOT NULL OR n > 0)
);
ALTER TABLE item ADD CHECK (length(later) > 0) NOT VALID;
CREATE TABLE code (code varchar(10) PRIMARY KEY);
ALTER TABLE item ADD FOREIGN KEY (keyed) REFERENCES code;
CREATE INDEX item_partial ON item (partial) WHERE partial <> 'b';
CREATE INDEX ON item (lower(expression));
CREATE INDEX item_indexed ON item (indexed);
CREATE INDEX ON item (ts_indexed);
CREATE INDEX ON item (price_indexed);
CREATE INDEX ON item (address);
CREATE TABLE tiny (id integer PRIMARY KEY, item_id integer);
CREATE TABLE wide (id integer);
"""
DOMAINS = "CREATE DOMAIN short AS varchar(10);"
ROWS = """
INSERT INTO code VALUES ('a');
INSERT INTO item SELECT number, 'a', 'a', 'a', 'a', 'a', 'a', 'a', '{a}', 'a', now(), now(), now(), now(), '10.0.0.0/8', 1,
    1.5, 1.5, 1, 1, 1, 1, '1 s', 'a', 1, 'a' FROM generate_series(1, 1000) AS number;
INSERT INTO tiny VALUES (1, 1);
INSERT INTO wide SELECT number FROM generate_series(1, 1000) AS number;
INSERT INTO log SELECT number, '2025-07-01' FROM generate_series(1, 1000) AS number;
"""


def _alter(column: str, words: str) -> str:
    return f"op.alter_column('item', {column!r}, {words})"


def _add(column: str, words: str = "") -> str:
    return f"op.add_column('item', sa.Column('x', {column}){words})"


CASES = [
    *(
        _alter(column, "type_=sa.String(20)")
        for column in ("plain", "checked", "later", "partial", "expression", "indexed", "keyed")
    ),
    *(_alter("plain", f"type_={type_}") for type_ in ("sa.Text", "sa.String", "sa.String(10)", "sa.String(5)", "sa.CHAR(10)")),
    *(_alter("checked", f"type_={type_}") for type_ in ("sa.Text", "sa.String(10)")),
    _alter("indexed", "type_=sa.Text"),
    *(_alter("words", f"type_=postgresql.ARRAY({type_})") for type_ in ("sa.Text", "sa.String(20)", "sa.String(10)")),
    *(_alter("letters", f"type_={type_}") for type_ in ("sa.CHAR(5)", "sa.CHAR(8)", "sa.Text")),
    *(_alter(column, "type_=sa.DateTime(timezone=True)") for column in ("ts", "ts_indexed", "ts3", "tz")),
    *(_alter(column, "type_=sa.DateTime") for column in ("ts", "ts3", "tz")),
    *(_alter("ts3", f"type_=postgresql.TIMESTAMP(precision={precision})") for precision in (2, 3, 4, 6)),
    _alter("ts", "type_=postgresql.TIMESTAMP(precision=6)"),
    _alter("ts3", "type_=postgresql.TIMESTAMP(precision=3, timezone=True)"),
    *(_alter("span", f"type_=postgresql.INTERVAL({words})") for words in ("", "precision=2", "precision=6")),
    _alter("address", "type_=postgresql.INET"),
    *(_alter("price", f"type_=sa.Numeric({words})") for words in ("", "8, 2", "12, 2", "12, 3", "6, 2")),
    _alter("price_indexed", "type_=sa.Numeric(12, 2)"),
    *(_alter("n", f"type_={type_}") for type_ in ("sa.Integer", "sa.BigInteger", "postgresql.OID", "sa.Float", "sa.Float(24)")),
    _alter("required", "type_=postgresql.OID"),
    *(_alter("body", f"type_={type_}") for type_ in ("sa.String", "sa.String(20)", "sa.Text")),
    _alter("dom", "type_=sa.Integer"),
    *(_alter("dom_text", f"type_={type_}") for type_ in ("sa.String", "sa.Text")),
    _alter("required", "type_=postgresql.DOMAIN('positive', sa.Integer)"),
    _alter("plain", "type_=postgresql.DOMAIN('short', sa.String(10))"),
    *(_alter("plain", f"type_=sa.Text, postgresql_using={using!r}") for using in ("plain::text", '"plain"', "lower(plain)")),
    _alter("ts", "type_=sa.DateTime(timezone=True), postgresql_using=\"ts AT TIME ZONE 'UTC'\""),
    _alter("plain", "type_=sa.Enum('a', native_enum=False, create_constraint=True, name='x', length=10)"),
    _alter("n", "nullable=False, type_=sa.BigInteger"),
    *(_alter(column, "nullable=False") for column in ("id", "required", "n", "paired", "other", "nested")),
    _add("sa.Integer, sa.ForeignKey('code.code')").replace("sa.Integer", "sa.String(10)"),
    _add("sa.String(10), sa.ForeignKey('code.code')", ", inline_references=True"),
    _add("sa.Integer, unique=True"),
    _add("sa.Integer, index=True"),
    _add("sa.Integer, sa.CheckConstraint('x > 0')"),
    _add("sa.Boolean(create_constraint=True, name='x')"),
    *(
        _add(f"sa.Enum('a', native_enum=False, create_constraint=True, name='x'){words}")
        for words in ("", ", server_default='a'")
    ),
    _add("sa.Enum('draft', name='status', create_type=False)").replace("sa.Enum", "postgresql.ENUM"),
    *(_add(f"postgresql.DOMAIN('{name}', sa.Integer, create_type=False)") for name in ("positive", "short")),
    *(
        _add(f"sa.Text, server_default=sa.text({default!r})")
        for default in ("'a(b'", "lower('A')", "random()::text", '"random"()::text')
    ),
    _add("sa.Integer, server_default=sa.text(\"nextval('item_x')\")"),
    _add("sa.Integer, server_default=sa.Sequence('item_x').next_value()"),
    _add("sa.DateTime, server_default=sa.text('CURRENT_TIMESTAMP')"),
    "op.add_column('wide', sa.Column('x', sa.Integer, primary_key=True))",
    "op.add_column('wide', sa.Column('x', sa.Integer, primary_key=True), inline_primary_key=True)",
    "op.add_column('item', sa.Column('n', sa.Uuid, server_default=sa.text('gen_random_uuid()')), if_not_exists=True)",
    "op.create_foreign_key('x', 'item', 'tiny', ['n'], ['id'])",
    "op.create_foreign_key('x', 'item', 'item', ['n'], ['id'])",
    "op.create_foreign_key('x', 'item', 'tiny', ['n'], ['id'], postgresql_not_valid=True)",
    "op.create_index('x', 'item', ['n'], if_not_exists=True)",
    "op.create_index('item_indexed', 'item', ['n'], if_not_exists=True)",
    "op.create_index('x', 'item', [sa.text('lower(body)')], unique=False)",
    "op.create_index('x', 'number', ['n'])",
    "op.create_index('x', 'log', ['id'])",
    "op.create_index('x', 'log_2025', ['id'])",
    "op.create_check_constraint('x', 'log', 'id > 0')",
    "op.create_unique_constraint('x', 'log', ['id', 'at'])",
    "op.alter_column('log', 'id', nullable=False)",
    "op.alter_column('log', 'id', type_=sa.BigInteger)",
    "op.add_column('log', sa.Column('x', sa.Uuid, server_default=sa.text('gen_random_uuid()')))",
    "op.add_column('log', sa.Column('x', sa.Integer))",
    "op.drop_column('log', 'id')",
    "op.create_index('x', 'tiny', ['item_id'])",
    "op.alter_column('tiny', 'item_id', nullable=False, type_=sa.BigInteger)",
    *(
        f"with op.batch_alter_table({table!r}) as batch:\n        batch.{call}"
        for table, call in (
            ("item", "create_index('x', ['n'])"),
            ("item", "alter_column('n', nullable=False)"),
            ("item", "alter_column('n', new_column_name='m')"),
            ("item", "add_column(sa.Column('x', sa.Uuid, server_default=sa.text('gen_random_uuid()')))"),
            ("tiny", "alter_column('item_id', nullable=False)"),
            ("item", "create_check_constraint('x', 'n > 0')"),
        )
    ),
]
