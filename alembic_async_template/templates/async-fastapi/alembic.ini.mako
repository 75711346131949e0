<%! from alembic_async_template.commands.init import ini_section %>\
${ini_section(script_location)}
[post_write_hooks]
# New revisions are tidied with ruff where it is installed.
hooks = ruff
ruff.type = ruff_if_installed
