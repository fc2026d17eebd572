"""The database and its three roles: the owner of the tables, the application, the analyst."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from compose.local.identity import Identity
from compose.local.postgres import DATABASE, url
from schemas.settings import DEFAULT_TENANT

OWNER, APPLICATION, ANALYST = ROLES = ("plant_owner", "plant_app", "plant_analyst")
# Nobody may step over row-level security; only the owner may own.
RIGHTS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS INHERIT"


def superuser_url(identity: Identity, database: str = "postgres") -> str:
    """The superuser's address; it stays on this machine and in nobody's environment."""
    password = identity.secret("postgres_superuser")
    return f"postgresql://postgres:{password}@127.0.0.1:{identity.port('postgres')}/{database}"


def passwords(identity: Identity) -> dict[str, str]:
    """The password of every role."""
    return {role: identity.secret(role) for role in ROLES}


def create_roles(superuser: str, role_passwords: Mapping[str, str]) -> None:
    """Create what is missing; running it again changes nothing. Tables and grants are made by the migrations."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in ROLES:
            _role(connection, role, role_passwords[role])
        create_database(connection)
    _mark_leakproof(superuser)


def create_database(connection: psycopg.Connection, name: str = DATABASE, template: str = "template1") -> None:
    """A database for the owner's tables, if it is missing, and who may enter it."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
    connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {APPLICATION}, {ANALYST}")
    connection.execute(f"GRANT TEMPORARY ON DATABASE {name} TO {APPLICATION}")


def addresses(identity: Identity, database: str = DATABASE) -> dict[str, str]:
    """The settings that name the database, one per role."""
    tenant = f"options=-c%20app.current_tenant_id%3D{DEFAULT_TENANT}"
    return {
        "DATABASE_URL": url(identity, APPLICATION, database),
        "OWNER_DATABASE_URL": url(identity, OWNER, database),
        "ANALYST_DATABASE_URL": f"{url(identity, ANALYST, database)}?{tenant}",
    }


def _role(connection: psycopg.Connection, role: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if known else "CREATE"
    statement = sql.SQL(f"{verb} ROLE {{}} {RIGHTS} PASSWORD {{}}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    if role == ANALYST:
        connection.execute("ALTER ROLE plant_analyst SET default_transaction_read_only = on")


def _mark_leakproof(superuser: str) -> None:
    """Let searches use their index though rows are a tenant's: what ILIKE says of a value depends on nothing else.

    Row-level security applies a function to rows before its policy only if a superuser calls the function leakproof.
    """
    with psycopg.connect(make_conninfo(superuser, dbname=DATABASE), autocommit=True) as connection:
        connection.execute("ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF")


def main() -> None:
    """In containers: take the superuser's and the roles' addresses from the environment."""
    given = [urlsplit(os.environ[name]) for name in ("OWNER_DATABASE_URL", "DATABASE_URL", "ANALYST_DATABASE_URL")]
    create_roles(os.environ["SUPERUSER_DATABASE_URL"], {str(one.username): str(one.password) for one in given})


if __name__ == "__main__":
    main()
