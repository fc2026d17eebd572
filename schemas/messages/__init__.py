"""The payloads, one module a subject. `schemas/topics.py` says where each one lives."""
