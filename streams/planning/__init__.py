"""From what Postgres holds to what the domain plans, and back; the processes that compute."""
