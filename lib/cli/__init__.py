"""The `runbook` command. Every command parses, calls the library, and prints.

Exit codes: 0 healthy or done; 1 FAIL verdict or refused change; 2 bad input, nothing
changed; 3 could not run, or could not read what it checks.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from lib.cli.extras import missing_extra
from lib.cli.terminal import printable, redactor
from lib.consolidation.errors import SpecMismatch
from lib.errors import RunbookError, UserError

# An error quotes the refused name, which may be a megabyte.
_LONGEST_LINE = 2_000


# Command: its module in this package, and its name there. A module is imported only when its command runs.
_COMMANDS = {
    "approve": ("approve", "approve"),
    "audit": ("changes", "audit"),
    "consolidate": ("batches", "consolidate"),
    "demo": ("rehearsal", "demo"),
    "deploy": ("deploy", "deploy"),
    "dialect": ("dialect", "dialect"),
    "doctor": ("environment", "doctor"),
    "drill": ("rehearsal", "drill"),
    "duplicates": ("batches", "duplicates"),
    "fence": ("changes", "fence"),
    "import": ("imports", "imports"),
    "incident": ("pages", "incident"),
    "init": ("init", "init"),
    "lab": ("lab", "lab"),
    "list": ("runs", "list_runbooks"),
    "locks": ("locks", "locks"),
    "logs": ("environment", "logs"),
    "mcp": ("agents", "mcp"),
    "metrics": ("metrics", "metrics"),
    "new": ("runs", "new"),
    "notify": ("environment", "notify"),
    "params": ("runs", "params"),
    "prove": ("prove", "prove"),
    "repair": ("changes", "repair"),
    "run": ("runs", "run"),
    "runs": ("archive", "runs"),
    "schedule": ("schedule", "schedule"),
    "site": ("pages", "site"),
    "stage": ("batches", "stage"),
}


class _Commands(click.Group):
    """All commands. A library error or an interrupt becomes one line on stderr and an exit code."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module, attribute = _COMMANDS.get(name, ("", ""))
        return getattr(import_module(f"lib.cli.{module}"), attribute) if module else None

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise  # the reader closed the pipe; click exits quietly
        except (RunbookError, OSError, ImportError) as error:
            lines, exit_code = _last_words(error)
            if not lines:
                raise
            for line in lines:
                click.echo(f"runbook: {printable(line)[:_LONGEST_LINE]}", err=True)
            context.exit(exit_code)
        except click.UsageError as error:
            raise click.UsageError(redactor().text(error.format_message()), error.ctx) from None
        except KeyboardInterrupt:
            click.echo(
                "runbook: interrupted; uncommitted changes were rolled back, and the lock is released or will expire",
                err=True,
            )
            context.exit(3)


def _last_words(error: Exception) -> tuple[Sequence[str], int]:
    """Return an error's lines and exit code; no lines for an ImportError that is our own bug."""
    if isinstance(error, SpecMismatch):
        return [f"{error.table} does not match its settings: {fault}" for fault in error.faults], error.exit_code
    if isinstance(error, ImportError):
        return [*filter(None, [missing_extra(error)])], UserError.exit_code
    return [str(error)], getattr(error, "exit_code", RunbookError.exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="consolidation-runbooks")
def cli() -> None:
    """Runbooks for pipelines that merge staged rows into one table, and the library beneath them."""


def main() -> None:
    """Entry point."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # The library's log lines contain emoji, which the terminal's encoding may lack.
        stream.reconfigure(errors="replace")
    # SIGTERM ends `with` blocks as Ctrl+C does, so that locks are released.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli()
    except Exception:
        # A bug. Python's own exit code, 1, would read as a FAIL verdict.
        click.echo(redactor().text(traceback.format_exc()), err=True)
        sys.exit(RunbookError.exit_code)
