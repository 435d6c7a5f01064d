"""Runbooks at planned times: each firing runs once, however many schedulers there are."""
