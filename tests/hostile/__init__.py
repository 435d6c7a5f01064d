"""Input from outside is refused in one line, or accepted and inert."""
