"""A new project: what the rows of a table show of it, the files that it begins with, and its first batch."""
