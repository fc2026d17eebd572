"""The systems around the plant: an ERP, an HR system, a warehouse, an MES and the server that gives out their tokens.

They refuse what the real ones would, act once per idempotency key, and fail as they are told to.
"""
