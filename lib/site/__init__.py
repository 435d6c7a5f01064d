"""The static site of all runs, and a small server for it."""
