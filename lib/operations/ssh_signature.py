"""Signatures with a person's SSH key, made and checked by OpenSSH's ``ssh-keygen -Y``.

A key with a passphrase, in an agent or on a hardware token works as it does for `ssh`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.environment import Signers
from lib.errors import Finding, UserError
from lib.words.text import one_line

NAMESPACE = "consolidation-runbooks"
_GOOD = re.compile(r"Good \"[^\"]*\" signature for \S+ with \S+ key (SHA256:\S+)")
_SECONDS = 30.0
# ssh-keygen asks for a passphrase at the terminal, never through another program's window.
_NO_WINDOW = {"SSH_ASKPASS_REQUIRE": "never"}


class BadSignature(Finding):
    """The signature is not an allowed signer's over exactly this statement."""


@dataclass(frozen=True)
class SignedBy:
    """The signer of a signature.

    Attributes:
        name: The first name on the signer's line.
        fingerprint: The key's fingerprint, ``SHA256:...``.
    """

    name: str
    fingerprint: str


def sign(statement: str, key: Path | str) -> str:
    """Sign a statement and return the signature in OpenSSH's format; ssh-keygen may prompt at the terminal.

    Args:
        statement: What to sign.
        key: The file of a private key, or of a public key whose private half is in the agent; or that public key.

    Raises:
        UserError: It was not signed, or ssh-keygen is not installed.
    """
    with TemporaryDirectory() as folder:
        message, of_agent = Path(folder, "approval"), Path(folder, "key.pub")
        message.write_text(statement, encoding="utf-8")
        if isinstance(key, str):
            of_agent.write_text(f"{key}\n", encoding="ascii")
        file = of_agent if isinstance(key, str) else key
        command = [_ssh_keygen(), "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(file), str(message)]
        # It waits for a passphrase or a touch as long as the person needs, and prompts on standard error.
        done = subprocess.run(command, env={**os.environ, **_NO_WINDOW}, stdout=subprocess.DEVNULL, check=False)
        signature = message.with_suffix(".sig")
        if done.returncode or not signature.exists():
            raise UserError(f"ssh-keygen did not sign with {key}, see its message above; nothing was approved")
        return signature.read_text(encoding="ascii")


def verified(statement: str, signature: str, signers: Signers) -> SignedBy:
    """Return the signer, if it is an allowed one and it signed exactly this statement.

    Args:
        statement: What should have been signed.
        signature: In OpenSSH's format.
        signers: The allowed signers.

    Raises:
        BadSignature: The signature is not valid.
        UserError: ssh-keygen is not installed.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "signature")
        file.write_text(signature, encoding="utf-8", errors="replace")
        found = _asked("find-principals", "-s", file, "-f", signers.path)
        if found.returncode:
            raise BadSignature(f"its signer is not in {signers.path.name} ({_last_line(found.stderr)})")
        names = found.stdout.decode().replace(",", "\n").split()
        for name in names:  # a key may be on several lines, each with its own uses
            words = ("-n", NAMESPACE, "-I", name, "-s", file, "-f", signers.path)
            checked = _asked("verify", *words, given=statement)
            good = _GOOD.search(checked.stdout.decode(errors="replace"))
            if checked.returncode == 0 and good:
                return SignedBy(name, good[1])
        raise BadSignature(f"the signature of {names[0]} is not for this plan as it is now")


def own_key(signers: Signers, home: Path) -> Path | str:
    """Return this account's key that may sign: a file in ``~/.ssh``, or the public key of one in the SSH agent.

    Raises:
        UserError: No key of this account may sign.
    """
    for public in sorted(home.glob(".ssh/*.pub")):
        if _public_key(_text_of(public)) in signers.keys and public.with_suffix("").exists():
            return public.with_suffix("")
    for key in map(_public_key, _in_agent().splitlines()):
        if key in signers.keys:
            return key
    raise UserError(
        f"no key in {home / '.ssh'} or your SSH agent is in {signers.path}; give yours with --key, or have it added "
        "there; nothing was approved"
    )


def _public_key(line: str) -> str:
    """The key's type and Base64 text."""
    return " ".join(line.split()[:2])


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _in_agent() -> str:
    ssh_add = shutil.which("ssh-add")
    if ssh_add is None or "SSH_AUTH_SOCK" not in os.environ:
        return ""
    try:
        found = subprocess.run([ssh_add, "-L"], capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return found.stdout.decode(errors="replace")


def _ssh_keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise UserError(
            "ssh-keygen, which signs and checks approvals, is not installed; install OpenSSH's client, on Debian: "
            "apt install openssh-client; nothing was changed"
        )
    return found


def _asked(what: str, *words: str | Path, given: str = "") -> subprocess.CompletedProcess[bytes]:
    command = [_ssh_keygen(), "-Y", what, *map(str, words)]
    try:
        return subprocess.run(command, input=given.encode(), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BadSignature(f"ssh-keygen did not check it within {_SECONDS:.0f} s") from None


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
    return one_line(lines[-1])[:200]
