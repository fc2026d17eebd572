"""What Postgres knows, how rows get in, how they are read."""
