"""A new project: guesses from a table's rows, the project's files, and its first batch."""
