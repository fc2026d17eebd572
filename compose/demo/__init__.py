"""The demo: a living plant in a terminal, and at the end an account of every message that was sent."""
