"""One module a system: what we call it for, what the calls are made of, and what its answers mean."""
