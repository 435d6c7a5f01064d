"""The commands of both platforms go through their suite."""

from lib.embedded.commands import EmbeddedCommands
from lib.gcp.commands import GoogleCommands
from tests.environments import local
from tests.ports.commands_suite import ENVIRONMENT, CommandsSuite


class TestEmbedded(CommandsSuite):
    commands = EmbeddedCommands(ENVIRONMENT)


class TestGoogle(CommandsSuite):
    commands = GoogleCommands(local(name=ENVIRONMENT, platform="google", project_id="p"))
