"""``python -m lib.cli`` is the `runbook` command."""

from lib.cli import main

main()
