"""`runbook mcp`: what an agent may ask. All of it looks; nothing here changes anything."""
