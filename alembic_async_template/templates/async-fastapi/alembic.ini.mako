<%! from alembic_async_template.commands.init import template_settings %>\
[alembic]
# Where env.py and the revisions are.
script_location = ${script_location}

${template_settings()}

# Revision files sort by date.
file_template = %%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s

# How the paths in prepend_sys_path and version_locations are separated: as in the system's own PATH.
path_separator = os

# sqlalchemy.url is read last, after app_engine and the environment variable. A password does not belong in a file that
# is committed.
# sqlalchemy.url = postgresql://app@localhost/app

# How long to wait for a database that is not up yet, and while another process migrates this one.
# database_wait = 10s
# lock_wait = 60s

# How long a statement of a revision waits for a lock; while it waits, others wait behind it. A revision that does not get one is
# rolled back and is retried, as often as lock_retries says.
lock_timeout = 5s
lock_retries = 5

# How long a statement may take. Without it, as long as it takes.
# statement_timeout = 5min

[post_write_hooks]
# New revisions are tidied with ruff where it is installed.
hooks = ruff
ruff.type = ruff_if_installed
