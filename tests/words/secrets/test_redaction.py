"""No secret reaches the archive, and nothing else is masked."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.environment import RedactionSettings, load_environment, redactor_of
from lib.errors import UserError
from lib.places import ROOT
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.parameters import declared_parameters
from lib.verdict.head import CELL
from lib.words.secrets.redaction import MASK, Redactor
from lib.words.terminal_text import without_escapes
from tests.environments import NEEDED, local
from tests.words.secrets.look_alikes import LOOK_ALIKES
from tests.words.secrets.secret_forms import FORMS

NOTEBOOKS = ROOT / "tests/runbooks/notebooks"
WAIT_SECONDS = 60
LISTED = 'CANARY & <listed> "value" of a variable'
SETTINGS = f"""
{NEEDED}
redact:
  variables: [LEAK_LISTED]
  patterns: ["custom-([A-Z]+-77)"]
"""
DRIVER = """
import sys
from pathlib import Path
from lib.archive.archive import Archive
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute

notebooks, outputs, end = sys.argv[1:]
values = {"note": "password=CANARY-in-a-parameter", "end": end}
execute(find_runbook("leaks", Path(notebooks)), values, environment="leaky", archive=Archive(outputs))
"""


@pytest.fixture
def leaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up an environment that lists secrets and return the outputs folder."""
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "leaky.yaml").write_text(SETTINGS)
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(folder))
    monkeypatch.setenv("LEAK_LISTED", LISTED)
    return tmp_path / "outputs"


def leaks(outputs: Path) -> Iterator[str]:
    """Return the places of canaries in all files."""
    for path in outputs.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            at = content.find(b"CANARY")
            if at >= 0:
                yield f"{path.name}: {content[max(0, at - 80) : at + 80]!r}"


@pytest.mark.parametrize(("end", "status"), [("verdict", RunStatus.COMPLETED), ("error", RunStatus.FAILED)])
def test_no_secret_is_archived(leaky: Path, end: str, status: RunStatus) -> None:
    values = {"note": "password=CANARY-in-a-parameter", "end": end}
    run = execute(find_runbook("leaks", NOTEBOOKS), values, environment="leaky", archive=Archive(leaky))
    assert run.record.status is status
    assert list(leaks(leaky)) == []
    notebook = json.loads((leaky / run.notebook).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    (head,) = (cell["outputs"] for cell in notebook["cells"] if cell["id"] == CELL)
    assert MASK in "".join(head[0]["data"]["text/html"])
    assert MASK in (leaky / run.report).read_text(encoding="utf-8")
    assert run.record.parameters["note"] == f"password={MASK}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_secret_of_a_stopped_or_killed_run_is_archived(leaky: Path, tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "ready")
    pipe = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-c", DRIVER, str(NOTEBOOKS), str(leaky), str(tmp_path)]
    runner = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    readable, _, _ = select.select([pipe], [], [], WAIT_SECONDS)
    os.close(pipe)
    assert readable
    runner.send_signal(number)
    output, _ = runner.communicate(timeout=WAIT_SECONDS)
    [run] = Archive(leaky).runs()
    assert isinstance(run, Run)
    assert run.record.status is (RunStatus.ABANDONED if number is signal.SIGKILL else RunStatus.INTERRUPTED)
    assert list(leaks(leaky)) == []
    assert "CANARY" not in output


def test_the_search_for_canaries_finds_one(leaky: Path) -> None:
    leaky.mkdir()
    (leaky / "run.json").write_text('{"CANARY": 1}')
    assert len(list(leaks(leaky))) == 1


def test_errors_on_the_command_line_are_masked(leaky: Path) -> None:
    for words in (["run", "day1_monitoring", "--env"], ["list"]):
        command = [sys.executable, "-m", "lib.cli", *words, f"password=CANARY-1 {LISTED}"]
        complaint = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert complaint.returncode == 2
        assert "CANARY" not in complaint.stderr + complaint.stdout
        assert complaint.stderr.count(MASK) == 2


SECRETS = st.sampled_from([form.replace("«", "").replace("»", "") for form in FORMS])
# In any surroundings.
PLAIN = st.one_of(
    st.uuids().map(str),
    st.datetimes().map("{:%Y%m%dT%H%M%SZ}-3fa2".format),
    st.binary(min_size=20, max_size=32).map(bytes.hex),
    st.text(alphabet=" \n\t<>&{}[]abcXYZ012.,;é🔒\x1b\x00", max_size=40),
)
# On a separate line, because text after a secret-sounding name may be a secret.
NAMED = st.one_of(
    st.integers(0, 2**62).map("token={}".format),
    st.dates().map("lock_key=consolidation_{}".format),
    st.sampled_from(LOOK_ALIKES),
)
HARMLESS = st.one_of(PLAIN, NAMED)
SEPARATORS = st.sampled_from([" ", "\n", " | "])


@given(st.lists(st.one_of(st.builds(str.join, SEPARATORS, st.lists(PLAIN)), NAMED)))
def test_text_without_secrets_is_unchanged(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert Redactor().text(text) == text
    assert Redactor().data({"evidence": [text, 1, None]}) == {"evidence": [text, 1, None]}


@given(st.lists(st.one_of(HARMLESS, SECRETS, st.text())), SEPARATORS, st.data())
def test_masking_is_idempotent_and_independent_of_how_a_text_is_split(
    parts: list[str], separator: str, data: st.DataObject
) -> None:
    text = separator.join(parts)
    masked = Redactor().text(text)
    assert Redactor().text(masked) == masked
    cut = data.draw(st.integers(0, len(text)))
    assert "".join(Redactor().pieces([text[:cut], text[cut:]])) == masked


@pytest.mark.parametrize(
    "sequence",
    [
        *(
            "\x1b[31m",
            "\x1b[1 q",
            "\x1b[38:5:1m",
            "\x9b31m",
            "\x1b]8;;x\x07",
            "\x1b]0;t\x1b\\",
            "\x1b(B",
            "\x1b7",
            "\x1b=",
        ),
        *("\x1bPq\x1b\\", "\x1b_x\x1b\\", "\x90q\x9c"),
    ],
)
def test_no_sequence_that_pages_omit_hides_a_secret(sequence: str) -> None:
    """Pages omit these after masking, which would join the parts of a secret."""
    redactor = Redactor(values=frozenset({"sup3rs3cretvalue99"}))
    said = without_escapes(redactor.text(f"a sup3rs3{sequence}cretvalue99 b, password={sequence}hunter2hunter2"))
    assert said == f"a {MASK} b, password={MASK}"


@given(SECRETS, st.lists(st.one_of(HARMLESS, SECRETS, st.text())), st.sampled_from(["", " ", "\n"]))
def test_json_stays_json(secret: str, others: list[str], separator: str) -> None:
    for text in (
        json.dumps({"all": separator.join(others), "lines": [*others, secret]}),
        json.dumps(json.dumps([secret, *others])),
    ):
        masked = Redactor().text(text)
        assert masked != text
        json.loads(masked)


def test_a_secret_sounding_name_is_not_a_parameter() -> None:
    with pytest.raises(UserError, match=r"parameter slack_token: .* read it from an environment variable"):
        declared_parameters('slack_token: str = "xoxb"', where="leaky.ipynb")
    assert declared_parameters('lock_key: str = ""', where="fine.ipynb")


def test_settings_are_checked_and_never_quote_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pattern in ("(", "a*"):
        with pytest.raises(UserError, match=r"redact\.patterns"):
            RedactionSettings(patterns=(pattern,))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    address = "slack://TokenA/TokenB/TokenC"
    notifications = f"notifications: {{channels: [{{variable: '{address}'}}]}}"
    (tmp_path / "x.yaml").write_text(f"{NEEDED}{notifications}")
    with pytest.raises(UserError, match="name of an environment variable") as refusal:
        load_environment("x")
    assert "TokenA" not in str(refusal.value)
    environment = local(redact=RedactionSettings(variables=("SHORT",)))
    monkeypatch.setenv("SHORT", "abc")
    with pytest.raises(UserError, match="value of SHORT has fewer than 6"):
        redactor_of(environment)
