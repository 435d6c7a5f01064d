"""Values of secret-sounding names: ``password=…``, ``"token": "…"``, ``--api-key …``, and table cells."""

from __future__ import annotations

import re

from lib.words.secrets.anchored import Kind, Span
from lib.words.secrets.escapes import PLAIN_AMPERSAND, PLAIN_BACKSLASH
from lib.words.secrets.names import says_password, says_secret

# Each secret-sounding name contains one of these.
_WORDS = (
    "pass pwd psk secret token key credential creds jwt dsn cookie webhook bearer sessid _auth _pat _sas _salt"
    " _url _uri -url -uri databaseurl databaseuri connectionstring connstr _pw bindpw rootpw userpw adminpw"
)
_IN_NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_LONGEST_BEGINNING = 64
_NO_PASSWORD = ("/", "~", *"0123456789")
_QUOTES = ('"', "'", "`")
_QUOTE = r"[\"'`]"
_MARKUP = r"(?:\*\*(?!\*)|__|`|</?(?:b|i|em|strong|code|span|tt|label)(?: [^<>]{0,99})?>)"
_BEGINS_CELL = re.compile(r"(?:^|[\n\t|│┃\"'>]|  |\d |,) ?[*`]{0,2}$")
_ROW_ENDS = re.compile(r"[^\s]{1,256}+[ \t]*(?:\n|$)")
_ENDS_PAIR = re.compile(rf"{_QUOTE}\s{{0,9}},?\s{{0,9}}[)\]]")
_SEPARATED = re.compile(
    r"(?P<name>[\w-]{3,48}+)(?:"
    # An assignment, possibly with a type; `a["password"] = …`.
    rf"(?P<given>{_QUOTE}?(?:\s?\])?{_MARKUP}{{0,2}}[^\S\r\n]{{0,20}}"
    rf"(?::\s?[A-Za-z_][\w.\[\]]{{0,40}}(?:\s?\|\s?[\w.\[\]]{{1,40}})?\s?=(?=\s?[\"'])|:=|=>|={{1,3}}|!=|:(?!//|:)){_MARKUP}{{0,2}})"
    # A name and its value under separate keys: `{"name": "PASSWORD", "value": "…"}`.
    rf"|(?P<named>{_QUOTE}?[\s,]{{1,40}}{_QUOTE}?(?:default_?)?[Vv]alue{_QUOTE}?\s{{0,9}}[:=])"
    # Two arguments or items: `getenv("PASSWORD", "…")`, `["--token", "…"]`.
    rf"|(?P<pair>{_QUOTE}\s{{0,9}},\s{{0,9}}(?={_QUOTE}))"
    # Cells of HTML and XML.
    r"|(?P<cell>\s{0,40}(?:</?(?:td|th|dt|dd|b|i|em|strong|code|span|string|p|div|li|value|key|name|option)"
    r"(?: [^<>]{0,200})?>[\s:=]{0,60}){1,6})"
    # Cells of plain and Markdown tables.
    r"|(?P<column>[ \t]{0,99}(?:\||│|┃)[ \t]{0,99}|[ \t]*\t[ \t]*|[ ]{2,99}|,(?=[^\s,]))"
    r"|(?P<word> {1,3}(?:is |was )?)"
    r")"
)
# The rest of a tag with a secret-sounding name. Used only after a tag's start, as any later `>` would match.
_TAG = re.compile(r"(?P<name>[\w-]{3,48}+)(?:\s[^<>]{0,200})?>(?!\s)")
_TAG_BEGINS = ("<", ":", ".")

# How values are written.
_SHORTEST = 6
# Only this many characters decide whether a value is a secret; a secret is masked to its end.
_JUDGED = 256

_QUOTED = re.compile(
    r"[^\S\r\n]{0,20}(?:Secret(?:Str|Bytes)?\()?(?:[rbfuRBFU@]{1,2}(?=[\"']))?(?:"
    r"(?P<three>\"\"\"|''')(?P<long>(?:(?!(?P=three))[^\0]){1,4096}+)(?P=three)"
    # Never beyond the end of a JSON string or an attribute.
    r"|(?P<one>[\"'`])(?P<plain>(?:[^\"'`\\\r\n<]++|\\[^\r\n]"
    r"|(?!(?P=one)|[\"']\s{0,9}[,:}\]>]|</?[A-Za-z])[^\\\r\n])++)(?P=one))"
)
_BARE = re.compile(
    # Not a variable, a dictionary, a tuple or a placeholder.
    r"[^\S\r\n]{0,20}(?!\$[\w({]|[\[({<]|%[(s])(?P<value>(?:[^\s\"'`<>,;&(){}\[\]\\|\x1b]"
    # Separators inside, unless another name or the end follows.
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


def _span(text: str, at: int) -> Span | None:
    """Find the value of the name that contains the secret-sounding word at this position."""
    before = text[max(0, at - _LONGEST_BEGINNING) : at]
    beginning = before.rstrip(_IN_NAMES)
    begun = before[len(beginning) :]
    if beginning.endswith(_TAG_BEGINS) and (tag := _TAG.match(text, at)):
        name = begun + tag["name"]
        return _element(text, tag.end(), name) if says_secret(name) and name != "pass" else None
    match = _SEPARATED.match(text, at)
    if not match:
        return None
    name = begun + match["name"]
    if name in ("PWD", "PASS") and match["given"] == "=" and not text.startswith(_NO_PASSWORD, match.end()):
        name = name.lower()  # in ODBC; otherwise the shell's folder, or a verdict
    if not says_secret(name) or (name == "pass" and not _is_named_pass(match, beginning)):
        return None
    if match["given"] or match["named"]:
        return _given(text, match, name, is_query=beginning.endswith(("?", "&")))
    if match["pair"]:
        return _in_pair(text, match.end(), name, beginning)
    if match["word"]:
        return _after_word(text, match, name, beginning)
    return _in_cell(text, match, name, beginning)


def _is_named_pass(match: re.Match[str], beginning: str) -> bool:
    """Return whether `pass` is a name, as in `pass=…` and `"pass": …`, and not a verb or a verdict."""
    return match["given"] is not None and (match["given"] == "=" or beginning.endswith(_QUOTES))


def _given(text: str, match: re.Match[str], name: str, is_query: bool) -> Span | None:
    at = match.end()
    is_tight = text[at - 1] == "=" and not text[at : at + 1].isspace()
    if found := _quoted(text, at):
        return _in_quotes(text, at, name, may_be_word=text[found[0] - 1] != "`" or is_tight)
    if not (name.isupper() and is_tight) and _is_code(text, at):
        return None
    if name == "pwd" and text[at : at + 2].strip().startswith(("/", "~")):
        return None  # a folder
    found = _bare(text, at, name, is_loose=not is_tight)
    if found and is_query:
        end = text.find("#", *found)
        return found if end < 0 else (found[0], end)
    return found


def _in_pair(text: str, at: int, name: str, beginning: str) -> Span | None:
    """Find the value of an option, or the second of exactly two items; in a longer list it may be another name."""
    if name.startswith("-"):
        return _in_quotes(text, at, name)
    found = _in_quotes(text, at, name, may_be_word=False)
    begins = beginning.endswith(_QUOTES) and beginning.rstrip("rbfu\"'`").endswith(("(", "["))
    return found if found and begins and _ENDS_PAIR.match(text, found[1]) else None


def _in_quotes(text: str, at: int, name: str, may_be_word: bool = True) -> Span | None:
    found = _quoted(text, at)
    value = text[slice(*found)] if found else ""
    return found if _is_secret(value, name) and (may_be_word or not _is_word(value)) else None


def _after_word(text: str, match: re.Match[str], name: str, beginning: str) -> Span | None:
    """Find the value in `--option x`, SQL's `PASSWORD 'x'`, `the password is x`, or the widest row of a table."""
    at = match.end()
    if found := _quoted(text, at):
        is_meant = name.startswith("--") or (says_password(name) and " " not in text[slice(*found)])
        return _in_quotes(text, at, name) if is_meant else None
    is_row = _begins_cell(beginning) and _ROW_ENDS.match(text, at)
    if match["word"].strip() or (is_row and not name.startswith("--")):
        found = _bare(text, at, name, is_loose=True)
        return None if found and _is_word(text[slice(*found)]) else found
    if not name.startswith("--") or text.startswith("-", at):
        return None
    found = _bare(text, at, name, is_loose=False)
    # In capitals it is a placeholder in a help text.
    return found if found and not (text[slice(*found)].isupper() and _is_word(text[slice(*found)])) else None


def _in_cell(text: str, match: re.Match[str], name: str, beginning: str) -> Span | None:
    if match["cell"] and "<th" in match["cell"]:
        return None  # a heading and the next one
    is_cell = says_password(name) or "\t" in (match["column"] or "") or _begins_cell(beginning)
    if match["column"] and not is_cell:
        return None  # a word of a sentence
    if match["column"] == ",":
        return _in_csv(text, match.end(), name, beginning)
    if match["column"] == "|" and beginning not in ("|", "") and not beginning.endswith("\n|"):
        return None  # alternatives
    found = _bare(text, match.end(), name, is_loose=True)
    is_heading = found and match["column"] and _is_word(text[slice(*found)])
    return None if is_heading else found


def _in_csv(text: str, at: int, name: str, beginning: str) -> Span | None:
    found = _bare(text, at, name, is_loose=True) if beginning.endswith((",", "\n")) or not beginning else None
    if found is None:
        return None
    end = text.find(",", *found)
    found = (found[0], end if end >= 0 else found[1])
    return None if _is_word(text[slice(*found)]) else found


def _begins_cell(beginning: str) -> bool:
    return _BEGINS_CELL.search(beginning, max(0, len(beginning) - 4)) is not None


def _quoted(text: str, at: int) -> Span | None:
    """Find a text in quotes of any kind at this position."""
    match = _QUOTED.match(text, at)
    return match.span("long" if match["three"] else "plain") if match else None


def _bare(text: str, at: int, name: str, is_loose: bool) -> Span | None:
    """Find an unquoted secret at this position; a loose one may be a word of a sentence."""
    match = _BARE.match(text, at, at + _JUDGED)
    if not match or not _is_bare_secret(match["value"].rstrip(".:,;"), name, is_loose):
        return None
    start, end = _BARE.match(text, at).span("value")  # type: ignore[union-attr]
    while text[end - 1] in ".:,;" and end - 1 > start:
        end -= 1
    return start, end


def _element(text: str, at: int, name: str) -> Span | None:
    """Find the content of the element that starts at this position, if it is a secret."""
    match = _ELEMENT.match(text, at)
    return match.span("content") if match and _is_secret(match["content"].strip(), name) else None


def _is_secret(value: str, name: str) -> bool:
    """Return whether a delimited value is a secret: not a placeholder or a name, and a number only for a password."""
    if not value or _PLACEHOLDER.fullmatch(value) or (_is_word(value) and says_secret(value)):
        return False
    return says_password(name) or (len(value) >= _SHORTEST and not _NUMBER.fullmatch(value))


def _is_word(value: str) -> bool:
    """Return whether the value could be another name instead."""
    return value.replace("_", "").replace(" ", "").isalpha()


def _is_code(text: str, at: int) -> bool:
    """Return whether code follows: `getpass()`, `row["x"]`, `self.password`."""
    if _CALL.match(text, at):
        return True
    match = _BARE.match(text, at, at + _JUDGED)
    value = match["value"].rstrip(".,:;") if match else ""
    return _DOTTED.fullmatch(value) is not None and says_secret(value.rpartition(".")[2])


def _is_bare_secret(value: str, name: str, is_loose: bool) -> bool:
    if not _is_secret(value, name):
        return False
    if not is_loose or says_password(name):
        return True
    if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
        return True
    # Otherwise it may be a word of a sentence: in lower case, in capitals or capitalized.
    return value not in (value.lower(), value.upper() if _is_word(value) else "", value.capitalize())


GIVEN = Kind(tuple(_WORDS.split()), _span)
