"""Whatever comes from outside: refused in one line, or taken and inert."""
