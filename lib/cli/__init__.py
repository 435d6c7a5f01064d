"""The `runbook` command. Every command parses, calls the library, and prints.

Exit codes: 0 healthy or done; 1 a FAIL verdict or a refused change; 2 bad input,
nothing was changed; 3 it could not run, or could not look.
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

# A name that is refused may be a megabyte.
_LONGEST_LINE = 2_000


# By name, where each is: its module below this one, and what it is called there. Each is imported when it is asked for.
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
    """All commands. Errors of the library, and a stop, are one line on stderr and an exit code."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module, attribute = _COMMANDS.get(name, ("", ""))
        return getattr(import_module(f"lib.cli.{module}"), attribute) if module else None

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise  # the reader has seen enough; click ends quietly
        except (RunbookError, OSError, ImportError) as error:
            lines, exit_code = _last_words(error)
            if not lines:
                raise
            for said in lines:
                click.echo(f"runbook: {printable(said)[:_LONGEST_LINE]}", err=True)
            context.exit(exit_code)
        except click.UsageError as error:
            raise click.UsageError(redactor().text(error.format_message()), error.ctx) from None
        except KeyboardInterrupt:
            click.echo(
                "runbook: interrupted; what was not committed was rolled back, and its lock is free or expires",
                err=True,
            )
            context.exit(3)


def _last_words(error: Exception) -> tuple[Sequence[str], int]:
    """What is said of an error, and the exit code; no words for an import that fails by a fault of ours."""
    if isinstance(error, SpecMismatch):
        return [f"{error.table} does not fit its settings: {fault}" for fault in error.faults], error.exit_code
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
        # The library's log lines hold emoji, and a terminal's encoding may not.
        stream.reconfigure(errors="replace")
    # A stop by the system frees locks like one by the keyboard: `with` blocks end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli()
    except Exception:
        # A mistake of ours. Python's own exit code for it would be that of a FAIL verdict.
        click.echo(redactor().text(traceback.format_exc()), err=True)
        sys.exit(RunbookError.exit_code)
