"""Values as programs, files and people write them, and whether one is a secret."""

from __future__ import annotations

import re

from lib.words.secrets.anchored import Span
from lib.words.secrets.escapes import PLAIN_AMPERSAND, PLAIN_BACKSLASH
from lib.words.secrets.names import says_password, says_secret

_SHORTEST = 6
# How much of a value is looked at to judge it; what is a secret is masked to its end.
_JUDGED = 256

_QUOTED = re.compile(
    r"[^\S\r\n]{0,20}(?:Secret(?:Str|Bytes)?\()?(?:[rbfuRBFU@]{1,2}(?=[\"']))?(?:"
    r"(?P<three>\"\"\"|''')(?P<long>(?:(?!(?P=three))[^\0]){1,4096}+)(?P=three)"
    # Never over the end of a text of JSON or of an attribute.
    r"|(?P<one>[\"'`])(?P<plain>(?:[^\"'`\\\r\n<]++|\\[^\r\n]"
    r"|(?!(?P=one)|[\"']\s{0,9}[,:}\]>]|</?[A-Za-z])[^\\\r\n])++)(?P=one))"
)
_BARE = re.compile(
    # Not a variable, a dictionary, a call's tuple or a place to fill in.
    r"[^\S\r\n]{0,20}(?!\$[\w({]|[\[({<]|%[(s])(?P<value>(?:[^\s\"'`<>,;&(){}\[\]\\|\x1b]"
    # Separators within, unless another name or the end follows.
    r"|[,;|](?=[^\s\"'`<>\\])(?!\s?[\w.-]{1,40}\s?[=:])"
    r"|[(){}\[\]](?=[^\s\"'`<>,;:.)}\]\\&|])"
    rf"|{PLAIN_AMPERSAND}(?![\w.\[\]-]{{1,64}}=)|{PLAIN_BACKSLASH}"
    r")++)"
)
_ELEMENT = re.compile(r"(?:<!\[CDATA\[)?(?P<content>(?:[^<>\]]|\](?!\]>)){1,8192}+)(?:\]\]>)?(?=</)")
_PLACEHOLDER = re.compile(
    r"[\[{<].*|[)\]}>,;:.\s]+|\$[\w({].*|%[(\w]+[)%]?[sd]?|\*+|x{3,}|X{3,}|•+|_+|-+|\.\.+|…"
    r"|(?i:none|null|nil|true|false|str|string|bytes|int|bool|any|optional|required|missing|empty|unset|undefined|unknown|"
    r"redacted|masked|hidden|todo|await|new|lambda|not|yield|if|else|and|or|in|is|was|for|from|with|as|to|the|a|an|of"
    r"|SecretStr|Secret)",
    re.DOTALL,
)
_CALL = re.compile(r"\s{0,20}[A-Za-z_][\w.]*+[(\[]")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_NUMBER = re.compile(r"[\d.,_]+(?:e\d+)?")


def quoted(text: str, at: int) -> Span | None:
    """What stands in quotes of any kind from here on."""
    match = _QUOTED.match(text, at)
    return match.span("long" if match["three"] else "plain") if match else None


def bare(text: str, at: int, name: str, is_loose: bool) -> Span | None:
    """A value without quotes from here on, when it is a secret.

    Args:
        text: All.
        at: Where its name and separator end.
        name: What it is given to.
        is_loose: It may just as well be a word of a sentence.
    """
    match = _BARE.match(text, at, at + _JUDGED)
    if not match or not _is_bare_secret(match["value"].rstrip(".:,;"), name, is_loose):
        return None
    start, end = _BARE.match(text, at).span("value")  # type: ignore[union-attr]
    while text[end - 1] in ".:,;" and end - 1 > start:
        end -= 1
    return start, end


def element(text: str, at: int, name: str) -> Span | None:
    """The content of the element that begins here, when it is a secret."""
    match = _ELEMENT.match(text, at)
    return match.span("content") if match and is_secret(match["content"].strip(), name) else None


def is_secret(value: str, name: str) -> bool:
    """Whether a value with a clear end is a secret: no placeholder, no name; a number only for a password."""
    if not value or _PLACEHOLDER.fullmatch(value) or (is_word(value) and says_secret(value)):
        return False
    return says_password(name) or (len(value) >= _SHORTEST and not _NUMBER.fullmatch(value))


def is_word(value: str) -> bool:
    """Whether it could be the next name instead of this one's value."""
    return value.replace("_", "").replace(" ", "").isalpha()


def is_code(text: str, at: int) -> bool:
    """Whether an expression of a program follows: `getpass()`, `row["x"]`, `self.password`."""
    if _CALL.match(text, at):
        return True
    match = _BARE.match(text, at, at + _JUDGED)
    value = match["value"].rstrip(".,:;") if match else ""
    return _DOTTED.fullmatch(value) is not None and says_secret(value.rpartition(".")[2])


def _is_bare_secret(value: str, name: str, is_loose: bool) -> bool:
    if not is_secret(value, name):
        return False
    if not is_loose or says_password(name):
        return True
    if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
        return True
    # Else words of a sentence: in small letters, capitals or with a capital first.
    return value not in (value.lower(), value.upper() if is_word(value) else "", value.capitalize())
