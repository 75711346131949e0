<%! from alembic_async_template.commands.init import toml_section %>\
${toml_section(script_location)}
# New revisions are tidied with ruff where it is installed.
[[tool.alembic.post_write_hooks]]
name = "ruff"
type = "ruff_if_installed"
