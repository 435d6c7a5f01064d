"""`runbook mcp`: read-only tools for agents."""
