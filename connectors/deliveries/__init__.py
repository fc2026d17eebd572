"""Outbound: every call to another system is a delivery, stored with what caused it, until it has been answered."""
