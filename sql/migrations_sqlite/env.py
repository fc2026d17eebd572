"""Alembic's entry on SQLite: one connection, one transaction for all migrations."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="alembic_version", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
