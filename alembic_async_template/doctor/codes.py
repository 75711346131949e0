"""The catalogue of what the doctor finds: each code with its severity, and why it matters."""

from __future__ import annotations

from dataclasses import dataclass

from .finding import Severity

_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding."""

    severity: Severity
    why: str


CODES = {
    # What fails before env.py runs
    "no-environment": Code(
        _ERROR, "alembic reads its settings from an alembic.ini or a pyproject.toml in the folder where it is started."
    ),
    "other-directory": Code(
        _ERROR, "alembic looks for its settings in the folder where it is started, and nowhere above or below it."
    ),
    "unreadable-settings": Code(_ERROR, "No command of alembic starts before its settings can be parsed."),
    "no-script-location": Code(
        _ERROR, "script_location names the folder with env.py and the revisions; no command works without it."
    ),
    "wrong-table": Code(_ERROR, "Of a pyproject.toml, alembic reads the table [tool.alembic] only."),
    "no-script-folder": Code(_ERROR, "alembic runs the env.py of the folder that script_location names."),
    "unknown-interpolation": Code(
        _ERROR, "In an ini, %(name)s stands for another setting, and %(here)s for the folder of the ini; another name fails."
    ),
    "percent-in-ini": Code(
        _ERROR, "A single % begins an interpolation in an ini, and reading the setting fails; %% is a percent sign."
    ),
    "logging-sections": Code(
        _ERROR, "fileConfig in env.py reads the sections loggers, handlers and formatters, and fails without them."
    ),
    "unparsable-environment": Code(_ERROR, "alembic runs env.py for nearly every command."),
    "unparsable-revision": Code(
        _ERROR, "alembic reads every revision at each command, and one that cannot be parsed stops them all."
    ),
    # Drivers
    "sync-environment": Code(
        _ERROR, "A synchronous engine cannot use an asynchronous driver: it fails with MissingGreenlet when it connects."
    ),
    "async-environment": Code(
        _ERROR, "An asynchronous engine cannot use a synchronous driver: it fails with InvalidRequestError."
    ),
    "placeholder-url": Code(
        _ERROR, "The URL that alembic init writes stands for one; no command that needs the database works with it."
    ),
    "missing-driver": Code(_ERROR, "SQLAlchemy imports the driver that the URL names when the engine is made."),
    "missing-greenlet": Code(
        _ERROR, "SQLAlchemy needs greenlet for its asynchronous engines, and no longer installs it by itself."
    ),
    "unawaited-call": Code(_ERROR, "A coroutine that is not awaited does nothing, and the command counts as done."),
    "pooled-statements": Code(
        _WARNING, "Behind a pooler in transaction mode, asyncpg's prepared statements meet those of other clients, and fail."
    ),
    "libpq-words": Code(_ERROR, "asyncpg does not know the words that libpq has for a URL, and fails with a TypeError."),
    "old-postgres-url": Code(_ERROR, "SQLAlchemy knows the scheme postgresql:// only, and fails with NoSuchModuleError."),
    # Secrets
    "password-in-ini": Code(_WARNING, "Whoever can read the repository can read the password."),
    "password-in-history": Code(_WARNING, "The history of git keeps a password that the file does not have any more."),
    "password-in-revision": Code(_WARNING, "Whoever can read the repository can read the password, and revisions are kept."),
    "url-printed": Code(_WARNING, "A URL has the password in it, and what env.py prints is kept in the logs of each deployment."),
    # Revisions
    "several-heads": Code(_WARNING, "alembic upgrade head, and a new revision, ask for one head."),
    "duplicate-revision": Code(_ERROR, "Of two files with one identifier, alembic takes one and does not run the other."),
    "missing-revision": Code(_ERROR, "alembic cannot order the revisions when the file of one is missing."),
    "add-value-in-transaction": Code(
        _WARNING, "A transaction cannot use an enum value that it has added itself, so the revision, or the next one, fails."
    ),
    "value-used-at-once": Code(
        _ERROR, "PostgreSQL refuses an enum value in the transaction that has added it: unsafe use of new value."
    ),
    "autocommit-after-work": Code(
        _WARNING, "autocommit_block commits what the revision did before it; a failure later leaves the revision half done."
    ),
    "enum-not-dropped": Code(_WARNING, "DROP TABLE leaves the enum type, and the next upgrade fails: the type already exists."),
    "enum-not-created": Code(
        _ERROR, "CREATE TABLE creates the enum types of its columns; ALTER TABLE does not, and fails: the type does not exist."
    ),
    "several-statements": Code(
        _ERROR, "asyncpg takes one statement at a time: cannot insert multiple commands into a prepared statement."
    ),
    "empty-downgrade": Code(_NOTE, "After a downgrade the database says that it is at the older revision, and is not."),
    "not-null-without-default": Code(
        _WARNING, "The rows that exist would have no value, so the revision fails on a table that has rows."
    ),
    "sqlmodel-not-imported": Code(_ERROR, "The revision uses sqlmodel and fails with a NameError."),
    "template-without-sqlmodel": Code(
        _WARNING,
        "Autogenerate writes sqlmodel.AutoString() for strings; without the import, each such revision fails with a NameError.",
    ),
    "unbatched-change": Code(
        _NOTE, "One statement locks all rows that it changes until the revision ends, which is long in a large table."
    ),
    "models-in-revision": Code(
        _NOTE, "The models change later, and the revision then does something else than on the day it was written."
    ),
    "create-all": Code(
        _WARNING, "create_all makes tables that no revision knows, and the revision that creates them fails afterwards."
    ),
    # Surroundings
    "unknown-setting": Code(_ERROR, "A setting that is not read has no effect."),
    "running-loop": Code(_NOTE, "asyncio.run in env.py fails where an event loop runs already, as in an application's start."),
    "table-missing": Code(_WARNING, "SQLModel makes a table of a class only if it is told so; autogenerate sees no other."),
    "silenced-loggers": Code(
        _WARNING, "fileConfig disables the loggers that exist already, those of the running application too."
    ),
    "incompatible-versions": Code(_WARNING, "Packages that do not fit each other fail in ways that no message explains."),
    "other-enum-package": Code(
        _WARNING, "Its import switches a second comparison of enum types on, and replaces op.add_enum_value."
    ),
    "ignored-by-git": Code(_ERROR, "A revision that git ignores is on this machine only."),
    # The database
    "database-unreadable": Code(_ERROR, "No command that needs the database works."),
    "behind-head": Code(_WARNING, "The code of these files expects what the pending revisions make."),
    "ahead-of-files": Code(_ERROR, "No command can tell what the database needs when the file of its revision is missing."),
    "not-stamped": Code(
        _WARNING, "An upgrade creates tables that exist already, and fails; a first autogenerate leaves them out of its revision."
    ),
    "version-table-elsewhere": Code(
        _WARNING, "Every revision counts as pending, and the first of them creates tables that exist already."
    ),
    "invalid-index": Code(_WARNING, "No query uses an index that is not valid, while every write keeps it up to date."),
    "unused-enum": Code(_NOTE, "A revision that creates a type of the same name fails."),
    "models-not-imported": Code(
        _ERROR, "Autogenerate drops the tables of models that env.py does not import, or never creates them."
    ),
    "wrong-metadata": Code(_ERROR, "Autogenerate compares the database with target_metadata, and does not see other models."),
    "models-not-compared": Code(_ERROR, "Autogenerate and alembic check fail in the same way."),
    "models-differ": Code(
        _WARNING,
        "The application expects what the models declare, and the next autogenerate writes what differs into its revision.",
    ),
    "tables-left-over": Code(_WARNING, "The next autogenerate writes that they are dropped, with all that they hold."),
    "enum-values-differ": Code(
        _WARNING, "An INSERT of a value that the database lacks fails, and so does reading one that the models lack."
    ),
}
