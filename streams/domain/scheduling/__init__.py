"""Finite scheduling: which work centre does which operation when, and what to change when something happens."""
