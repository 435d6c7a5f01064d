"""Recognizes secret-sounding names in any style: ``dbPassword``, ``MYSQL_PWD``, ``x-api-key``."""

from __future__ import annotations

import re
from functools import lru_cache


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Words that may follow the decisive one: `password_old`, `TOKEN_2`.
_QUALIFIERS = _words_of("value plain raw old new current previous prod dev staging test base64 encoded")
_PASSWORD = re.compile(
    r"(?:passwords?|passwd|passwort|passphrase|passcode|(?<!old)pwd|(?<!^)psk|(?:bind|root|user|admin)pw"
    r"|(?:db|sql|user|smtp|mail|ftp|admin|root|redis|pg|http|proxy|key|store)pass)$"
)
_PASS_OF = _words_of(
    "db database user smtp mail email imap ftp sftp ssh root admin my mysql pg postgres sql redis mongo rabbitmq"
    " amqp ldap http proxy basic auth login key store truststore keystore sudo vault app service svc bind rpc api"
)
_SECRET = re.compile(
    r"(?:secrets?|token|credentials?|creds|jwt|dsn|cookies?|webhooks?|bearer|apikey|accesskey(?:id)?|secretkey|"
    r"privatekey(?:id)?|webhookurl|sessid|(?:connection|conn)(?:string|str|uri|url)|"
    r"(?:database|db|redis|mongo|mongodb|amqp|rabbitmq|broker|postgres|postgresql|mysql|sqlalchemy|jdbc|sentry)(?:url|uri))$"
)
# Lower-case names with `_key` are mostly columns: only these are credentials. In capitals, all except those below are.
_KEYS = _words_of(
    "api access account private signing secret service integration routing encryption decryption master auth"
    " license shared storage admin client app application deploy ssh fernet hmac aes rsa jwt session subscription"
    " consumer openai anthropic stripe sendgrid mailgun twilio datadog newrelic sentry algolia aws azure gcp"
    " google maps github gitlab slack discord groq mistral cohere huggingface deepl pinecone supabase firebase"
    " mapbox paypal square shopify heroku cloudflare digitalocean fastly netlify vercel linear notion airtable"
    " intercom segment mixpanel amplitude pagerduty opsgenie splunk grafana honeycomb elastic kafka weather"
)
_COLUMNS = _words_of(
    "primary foreign public partition cluster clustering sort cache dedup group row business natural surrogate"
    " unique join merge index object map dict config param event message idempotency duplicate lock game"
    " consolidation batch date match hash range composite candidate record entity player item sub data column"
    " table sorting order by no gpg"
)
_COUNTS = _words_of("max min num count total has no is use set update unset remove list show mask")
# The shell's working folders.
_FOLDERS = frozenset(("PWD", "OLDPWD"))


@lru_cache(maxsize=4096)
def says_secret(name: str) -> bool:
    """Return whether a value of this name is a secret: ``db_password``, ``SLACK_WEBHOOK``."""
    words = _words(name)
    if not words or words[0] in _COUNTS or name in _FOLDERS:
        return False
    joined = "".join(words)
    return (
        says_password(name) or _SECRET.search(joined) is not None or _is_capital_secret(name, words) or _is_key(words)
    )


@lru_cache(maxsize=4096)
def says_password(name: str) -> bool:
    """Return whether the name means a password, whose value may be any word or number."""
    words = _words(name)
    if not words or words[0] in _COUNTS or name in _FOLDERS:
        return False
    if words[-1] == "pass":
        return (len(words) > 1 and words[-2] in _PASS_OF) or name == "pass"
    return _PASSWORD.search("".join(words)) is not None or words[-1] == "pw"


def _words(name: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _QUALIFIERS):
        words.pop()
    return words


def _is_key(words: list[str]) -> bool:
    if words[-2:] == ["key", "id"]:
        words = words[:-1]
    return len(words) > 1 and words[-1] == "key" and words[-2] in _KEYS


def _is_capital_secret(name: str, words: list[str]) -> bool:
    """Return whether a name in capitals is a secret: variables start with their owner, as in ``OPENAI_KEY``."""
    if not name.isupper() or len(words) < 2:
        return False
    return words[-1] in ("auth", "pat", "sas", "pass", "salt") or (words[-1] == "key" and words[-2] not in _COLUMNS)
