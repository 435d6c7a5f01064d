"""The static site of all runs, and the small server that shows it."""
