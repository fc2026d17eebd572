"""How rows are read, one module a subject; the queries run as the application, inside a tenant's transaction."""
