"""The model that the project ships, and everything that makes it.

``python -m models`` draws rows, trains on them, measures the result on rows that the
training never saw, and writes ``models/shipped/``.
"""
