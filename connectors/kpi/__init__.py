"""Validators that judge a task's result (document 001, section 6); `registry.py` has them all on one page."""
