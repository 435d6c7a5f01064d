"""Each form of a secret is masked wherever it occurs, and look-alikes are not."""

import ast
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape, unescape
from urllib.parse import quote

import pytest
from apprise import Apprise
from hypothesis import example, given
from hypothesis import strategies as st

from lib.runbooks.masking import masked_notebook
from lib.words.secrets.formats import APPRISE
from lib.words.secrets.redaction import MASK, Redactor
from tests.words.secrets.look_alikes import LOOK_ALIKES
from tests.words.secrets.secret_forms import FORMS

# Ways to embed a text in another and to read it back; reading fails if a mask broke it.
WRITTEN: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as it is": (str, str),
    "among other lines": ("read\n{} \nand more".format, str),
    "in JSON": (lambda text: json.dumps({"lines": [text, "y"]}), lambda text: json.loads(text)["lines"][0]),
    "in JSON in JSON": (lambda text: json.dumps(json.dumps([text])), lambda text: json.loads(json.loads(text))[0]),
    "in HTML": (lambda text: f"<p>{escape(text)}</p>", lambda text: unescape(text[: text.index("</p>")])),
    "as a literal": (repr, ast.literal_eval),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_each_form_of_a_secret_is_masked_and_no_more(how: str) -> None:
    write, read = WRITTEN[how]
    for form in FORMS:
        secrets = re.findall("«([^»]*)»", form)
        text = form.replace("«", "").replace("»", "")
        masked = read(Redactor().text(write(text)))
        assert [secret for secret in secrets if secret in masked] == [], form
        if how == "as it is":
            assert masked == re.sub("«[^»]*»", MASK, form)
    for text in LOOK_ALIKES:
        assert Redactor().text(write(text)) == write(text)


# Ways in which a program may write a known value; `known` finds each.
CODES: list[Callable[[str], str]] = [
    str,
    json.dumps,
    lambda value: json.dumps(json.dumps(value)),
    repr,
    escape,
    lambda value: escape(json.dumps(value)),
    lambda value: quote(value, safe=""),
    lambda value: quote(value).lower() if value.islower() else quote(value),
    lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    lambda value: "".join(f"\\u{ord(char):04x}" for char in value if ord(char) < 1 << 16),
    lambda value: "".join(f"&#{ord(char)};" for char in value),
    lambda value: value.encode().hex(),
    lambda value: value.encode().hex().upper(),
    *(
        lambda value, before=before: b64encode((before + ":" + value + ":z").encode()).decode()
        for before in ("", "a", "ab")
    ),
    lambda value: urlsafe_b64encode(f"user:{value}".encode()).decode(),
    lambda value: f"{value[:4]}\n    {value[4:]}",
    lambda value: f"{value[:-3]}\r\n{value[-3:]}",
    lambda value: value[:9] + "…",
]
VALUES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), max_codepoint=0xFFFF), min_size=12, max_size=40
).filter(lambda value: "[" not in value and "<" not in value)


@example("00000000'000", CODES[-1], "")
@given(VALUES, st.sampled_from(CODES), st.sampled_from(["", "x ", "{'a': ", "é🔒 "]))
def test_a_known_value_is_masked_in_any_encoding(value: str, code: Callable[[str], str], before: str) -> None:
    redactor = Redactor.of(variables={"DB_PASSWORD": value, "HOME": "/srv/bob"})
    text = before + code(value) + " after /srv/bob"
    masked = redactor.text(text)
    assert MASK in masked
    assert masked.endswith(" after /srv/bob")
    assert redactor.text(masked) == masked
    assert code(value) not in masked


@pytest.mark.parametrize(
    "name",
    [
        "PGPASSWORD",
        "MYSQL_PWD",
        "DB_PASS",
        "DATABASE_URL",
        "SENTRY_DSN",
        "OPENAI_KEY",
        "JWT",
        "SESSION_COOKIE",
        "dbPassword",
        "GITHUB_TOKEN_2",
        "AWS_SECRET_ACCESS_KEY",
        "SLACK_WEBHOOK_URL",
        "REDIS_URI",
        "GITHUB_PAT",
        "NPM_AUTH",
    ],
)
def test_variables_with_secret_sounding_names_have_known_values(name: str) -> None:
    redactor = Redactor.of(
        variables={name: "postgres://bob:p%40ss-w0rd@db/x", "PWD": "/srv/folder", "LOCK_KEY": "game_id"}
    )
    assert redactor.text("in /srv/folder by game_id") == "in /srv/folder by game_id"
    assert redactor.text("bob p%40ss-w0rd, read: p@ss-w0rd") == f"bob {MASK}, read: {MASK}"


def test_only_the_keys_of_a_service_account_are_masked() -> None:
    account = json.dumps({"type": "service_account", "project_id": "my-project", "private_key": "KEY\n" * 60})
    redactor = Redactor.of(variables={"GOOGLE_CREDENTIALS": account})
    assert redactor.text("service_account of my-project") == "service_account of my-project"
    assert "KEY" not in redactor.text("KEY\n" * 60)


def test_all_of_a_notebook_is_masked() -> None:
    leak = "password=CANARY"
    image = b64encode(b"\x89PNG password=CANARY").decode()
    bundle = {
        "text/plain": leak,
        "text/html": [f"<p>{leak}</p>\n", "x"],
        "image/png": image,
        "image/svg+xml": leak,
        "image/gif": leak,
        "application/json": [
            {"name": "DB_PASSWORD", "value": "CANARY"},
            ["api_key", "CANARY"],
            {"pin_password": 123456},
        ],
        "application/vnd.x+json": {"credentials": {"user": ["CANARY"]}},
    }
    cells = [
        {"cell_type": "markdown", "source": [leak], "metadata": {"tags": [leak]}, "attachments": {"a.png": bundle}},
        {
            "cell_type": "code",
            "source": leak,
            "metadata": {"token": "CANARY-1"},
            "outputs": [
                {"output_type": "display_data", "data": bundle, "metadata": {"text/plain": {"secret": "CANARY-1"}}},
                {"output_type": "error", "ename": leak, "evalue": leak, "traceback": ["password=", "CANARY"]},
                {
                    "output_type": "stream",
                    "name": "stdout",
                    "text": ["\x1b[1mpassword\x1b[0m=", "\x1b[31mCANARY\x1b[0m"],
                },
            ],
        },
    ]
    masked = masked_notebook({"metadata": {"authors": [{"name": leak}]}, "cells": cells}, Redactor())
    text = json.dumps(masked)
    assert "CANARY" not in text
    assert text.count(image) == 2
    assert "123456" not in text


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_every_apprise_url_is_known() -> None:
    schemes = {
        scheme
        for plugin in Apprise().details()["schemas"]
        for kind in ("protocols", "secure_protocols")
        for scheme in plugin[kind] or ()
    }
    # These are requests to a host, whose password is masked as in every URL, or stay on the machine.
    plain = {"amqp", "amqps", "dbus", "form", "forms", "json", "jsons", "rsyslog", "syslog", "xml", "xmls"}
    assert schemes - plain <= APPRISE
