"""People with SSH keys, and environments that require their approval."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lib import places

ME = pwd.getpwuid(os.getuid()).pw_name
"""The account that the tests run under, which applies plans."""


def key_of(folder: Path, name: str, passphrase: str = "") -> Path:
    """Make a private key, with its public key next to it."""
    key = folder / f"id_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", f"{name} at their desk", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return key


@dataclass
class People:
    """Alice, who may approve; me, who may as well; and Mallory, who may not.

    Attributes:
        folder: Where their keys and the project's environments are.
    """

    folder: Path
    keys: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {name: key_of(self.folder / "ssh", name) for name in ("alice", "me", "mallory")}

    @property
    def alice(self) -> Path:
        return self.keys["alice"]

    @property
    def me(self) -> Path:
        return self.keys["me"]

    @property
    def mallory(self) -> Path:
        return self.keys["mallory"]

    def line(self, name: str, names: str, options: str = "") -> str:
        """A line of the allowed signers."""
        public = self.keys[name].with_suffix(".pub").read_text(encoding="utf-8")
        return f"{names} {options}{' ' if options else ''}{public}"

    def may_sign(self, *lines: str, environment: str = "local") -> None:
        """Allow only these to sign; by default alice and me."""
        chosen = lines or (self.line("alice", "alice@example.com,alice"), self.line("me", f"me@example.com,{ME}"))
        environments = self.folder / "params" / "environments"
        environments.mkdir(parents=True, exist_ok=True)
        (environments / f"{environment}.allowed_signers").write_text("# ours\n\n" + "".join(chosen), encoding="utf-8")

    def project(self, approval: Literal["digest", "person", "two_people"], name: str = "local") -> Path:
        """Make a project with the shipped environment ``local``, this approval mode and its signers."""
        shipped = places.ROOT / "params" / "environments" / "local.yaml"
        self.may_sign(environment=name)
        settings = f"approval: {approval}\n" + shipped.read_text(encoding="utf-8")
        (self.folder / "params" / "environments" / f"{name}.yaml").write_text(settings, encoding="utf-8")
        return self.folder
