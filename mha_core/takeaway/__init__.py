"""A run to take home: a script, a notebook, and its numbers as files."""
