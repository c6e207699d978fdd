"""Each kind of secret is found where it is planted, and ordinary text is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.governance.secrets import new_secret, new_token
from runward.tracking.capture.redact import (
    Lines,
    find_secrets,
    is_secret_name,
    mask_file,
    redact,
    redact_argv,
    redact_source,
    redact_url,
    redact_value,
    redact_variables,
)

A36 = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2"
HEX32, HEX40, HEX64 = "0a1b2c3d" * 4, "0a1b2c3d" * 5, "0a1b2c3d" * 8

# Written in two halves, so that no scanner takes this file for a leak.
SECRETS = [
    ("private-key", "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"),
    ("private-key", "-----BEGIN OPENSSH PRIVATE " + "KEY-----\nb3BlbnNzaC1rZXk"),
    ("private-key", "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N"),
    ("aws-access-key", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("aws-access-key", "ASIA" + "IOSFODNN7EXAMPLE"),
    ("google-api-key", "AIza" + A36[:35]),
    ("google-oauth", "ya29" + "." + A36),
    ("google-client-secret", "GOCSPX" + "-" + A36[:28]),
    ("github-token", "ghp" + "_" + A36),
    ("github-token", "gho" + "_" + A36),
    ("github-fine-grained", "github" + "_pat_" + A36 + A36),
    ("gitlab-token", "glpat" + "-" + A36[:20]),
    ("slack-token", "xoxb" + "-123456789012-" + A36[:24]),
    ("slack-app-token", "xapp" + "-1-A0123-" + HEX40),
    ("slack-webhook", "https://hooks.slack.com" + "/services/T00000000/B00000000/" + A36[:24]),
    ("discord-webhook", "https://discord.com" + "/api/webhooks/123456789/" + A36),
    ("anthropic-key", "sk-ant" + "-api03-" + A36),
    ("openrouter-key", "sk-or" + "-v1-" + HEX64),
    ("openai-key", "sk" + "-" + A36),
    ("openai-key", "sk-proj" + "-" + A36),
    ("huggingface-token", "hf" + "_" + A36[:34]),
    ("replicate-token", "r8" + "_" + A36),
    ("groq-key", "gsk" + "_" + A36),
    ("nvidia-key", "nvapi" + "-" + A36),
    ("stripe-key", "sk_live" + "_" + A36[:24]),
    ("stripe-key", "rk_test" + "_" + A36[:24]),
    ("sendgrid-key", "SG" + "." + A36[:22] + "." + A36),
    ("twilio-key", "SK" + HEX32),
    ("mailgun-key", "key" + "-" + HEX32),
    ("npm-token", "npm" + "_" + A36),
    ("pypi-token", "pypi" + "-" + A36 + A36),
    ("docker-token", "dckr" + "_pat_" + A36[:27]),
    ("digitalocean-token", "dop" + "_v1_" + HEX64),
    ("databricks-token", "dapi" + HEX32),
    ("azure-storage-key", "AccountKey=" + A36 + A36 + "=="),
    ("azure-sas", "https://x.example/c?sv=1&sig=" + A36 + "%3D"),
    ("aws-presigned", "https://x.example/k?X-Amz-Signature=" + HEX64),
    ("vault-token", "hvs" + "." + A36),
    ("grafana-token", "glsa" + "_" + A36),
    ("linear-key", "lin" + "_api_" + A36),
    ("telegram-token", "123456789" + ":AA" + A36[:33]),
    ("shopify-token", "shpat" + "_" + HEX32),
    ("age-key", "AGE-SECRET" + "-KEY-1" + "Q" * 58),
    ("wandb-key", "local" + "-" + HEX40),
    ("runward-token", "rwd" + "_" + A36[:32] + "0a1b2c3d"),
    ("runward-link", "https://runs.example/welcome#" + A36),
    ("url-password", "postgresql://ada:" + "correcthorse@db.example/x"),
    ("url-token", "https://" + A36 + "@example.org/x.git"),
    ("authorization", "Authorization: Bearer " + A36),
    ("authorization", "authorization: basic " + "YWRhOmxvdmVsYWNl"),
    ("assignment", "password=" + "hunter22"),
    ("assignment", "DB_PASSWORD: " + "'correct horse'"),
    ("assignment", '"api_key": ' + '"abcdef123"'),
    ("assignment", "client_secret = " + "abcdef"),
    ("assignment", "export SLACK_TOKEN=" + "abcdefgh"),
    ("assignment", "train.py --password " + "hunter22"),
    ("assignment", "train.py --api-key=" + "hunter22"),
]
PUBLIC = ("-----END", "https://x.example", "Authorization", "train.py")


@pytest.mark.parametrize(("kind", "text"), SECRETS)
def test_planted_secret_is_found(kind: str, text: str) -> None:
    """In the midst of ordinary text, which stays."""
    planted = f"lr=0.1 before {text} after epochs=3"
    found = [planted[item.start : item.end] for item in find_secrets(planted) if item.kind == kind]
    assert found
    cleaned = redact(planted)
    assert cleaned.startswith("lr=0.1 before ")
    assert f"[redacted:{kind}]" in cleaned
    assert all(secret not in cleaned for secret in found)


def test_our_own_tokens_and_links_are_found_as_they_are_made() -> None:
    """Whatever their random part looks like; the pattern follows the maker."""
    for _ in range(200):
        token, link = new_token(), f"http://127.0.0.1:4747/enter#{new_secret()}"
        cleaned = redact(f'run.connect("http://h", "{token}") and {link} end')
        assert token not in cleaned
        assert link.partition("#")[2] not in cleaned
        assert cleaned.endswith(" end")


def test_at_least_thirty_kinds() -> None:
    """What the documentation says."""
    assert len({kind for kind, _ in SECRETS}) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=512 num_tokens: 100 n_tokens = 2048",
        "tokenizer=bert-base-uncased --tokenizer gpt2",
        "loss=0.31 epoch=3 lr=1e-3 batch_size=64",
        "the password is not in this sentence; a token of appreciation",
        "password=None, token: null, secret=${SECRET}, api_key=<your key>",
        "commit 3f785df2c1d0f4a3b2e1c0d9f8a7b6c5d4e3f2a1",
        "https://example.org/path?x=1 see ada@example.org",
        "skip-connection task-specific desk-lamp-with-a-very-long-hyphenated-name",
        "password = os.environ['PW']",
        "blake3 " + HEX64,
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """No finding, byte for byte the same."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["a.py", "--password", "hunter2"], ["a.py", "--password", "[redacted:argument]"]),
        (
            ["a.py", "--api-key", "x", "--lr", "0.1"],
            ["a.py", "--api-key", "[redacted:argument]", "--lr", "0.1"],
        ),
        (["a.py", "--token=abc"], ["a.py", "--token=[redacted:assignment]"]),
        (["a.py", "--pass-phrase-secret=two words"], ["a.py", "--pass-phrase-secret=[redacted:argument]"]),
        (["DB_PASSWORD=two words", "a.py"], ["DB_PASSWORD=[redacted:argument]", "a.py"]),
        (["a.py", "--note=two words", "-c", "x = 1"], ["a.py", "--note=two words", "-c", "x = 1"]),
        (["a.py", "--max-tokens", "5"], ["a.py", "--max-tokens", "5"]),
        (["a.py", "--tokenizer", "gpt2"], ["a.py", "--tokenizer", "gpt2"]),
        (["a.py", "--password", "--lr"], ["a.py", "--password", "--lr"]),
        ([], []),
    ],
)
def test_command_lines(argv: list[str], expected: list[str]) -> None:
    """The word after a secret option is masked, and only that."""
    assert redact_argv(argv) == expected


def test_urls_lose_their_credentials() -> None:
    """Host and path stay; an SSH user goes too."""
    assert redact_url("https://ada:pw@example.org/x.git") == "https://example.org/x.git"
    assert redact_url("ssh://git@example.org/x.git") == "ssh://example.org/x.git"
    assert redact_url("git@example.org:x.git") == "git@example.org:x.git"
    assert redact_url("") == ""


def test_variables_by_name_and_by_value() -> None:
    """A secret-looking name hides any value; a harmless one is read."""
    masked = redact_variables([("TF_API_KEY", "x"), ("OMP_NUM_THREADS", "2"), ("LANG", "https://a:secretsecret@b/")])
    assert masked == {
        "TF_API_KEY": "[redacted:variable]",
        "OMP_NUM_THREADS": "2",
        "LANG": "https://[redacted:url-password]@b/",
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("HF_TOKEN", True),
        ("db_password", True),
        ("PGPASS", False),
        ("max_tokens", False),
        ("tokenizer", False),
        ("compass", False),
        ("pass", True),
        ("author", False),
    ],
)
def test_names(name: str, secret: bool) -> None:
    """By their words, not by any part of a word."""
    assert is_secret_name(name) is secret


@given(st.text(max_size=300))
def test_redaction_is_stable(text: str) -> None:
    """Once masked, there is nothing more to mask."""
    once = redact(text)
    assert redact(once) == once


def test_long_lines_take_linear_time() -> None:
    """A minified file does not stop a capture: quadratic patterns would take minutes here."""
    for text in ("a" * 200_000, "a-" * 100_000, "token " * 30_000, "x.y_" * 50_000):
        assert len(redact(text)) >= len(text)


@pytest.mark.parametrize(
    "code",
    [
        "token = tokens[0]\n",
        "password = getpass()\nsecret = os.environ['SECRET']\n",
        "f(token='cls', key='name', api_key='EMPTY')\n",
        "parser.add_argument('--password', help='the password: yours')\n",
        "url = f'postgresql://{user}:{password}@{host}/x'\n",
        "dsn = 'user=%s password=%s' % pair\n",
        "secret_key = 'your-secret-key'\n",
        "# basic configuration, bearer something\n",
        "class Token: kind = 'special'\n",
    ],
)
def test_code_that_holds_no_secret_stays_as_it_is(code: str) -> None:
    """It has to run again."""
    assert redact_source("a.py", code) == (code, 0)


@pytest.mark.parametrize(
    ("path", "text", "kept"),
    [
        ("a.py", "password = 'hunter22'\n", "password = '[redacted:assignment]'\n"),
        ("a.py", 'f(api_key="a1b2c3d4e5f6a7b8")', 'f(api_key="[redacted:assignment]")'),
        ("a.py", "x = 'hf_" + A36[:34] + "'", "x = '[redacted:huggingface-token]'"),
        ("a.yaml", "password: hunter22\ntoken: cls\n", "password: [redacted:assignment]\ntoken: cls\n"),
        ("train.sh", "export DB_PASSWORD=hunter22 A=1\n", "export DB_PASSWORD=[redacted:assignment] A=1\n"),
        ("a/.env.local", "API_KEY=a1b2c3d4e5f6a7b8\n", "API_KEY=[redacted:assignment]\n"),
        ("app.log", "password=hunter22 ok\n", "password=[redacted:assignment] ok\n"),
        ("a.toml", 'secret = "two words"\n', 'secret = "[redacted:assignment]"\n'),
    ],
)
def test_secrets_in_code_and_configs_are_masked(path: str, text: str, kept: str) -> None:
    """And nothing around them."""
    assert redact_source(path, text) == (kept, 1)


def test_a_notebook_is_masked_cell_by_cell() -> None:
    """One that holds nothing keeps its bytes, whatever wrote them."""
    output = {"output_type": "stream", "name": "stdout", "text": ["password: hunter22\n", "loss 0.3\n"]}
    cell = {"cell_type": "code", "source": ["token = tokens[0]\n", "api_key = 'a1b2c3d4e5f6a7b8'"], "outputs": [output]}
    clean, count = redact_source("a.ipynb", json.dumps({"cells": [cell, "odd"], "nbformat": 4}))
    assert count == 2
    (found, odd) = json.loads(clean)["cells"]
    assert odd == "odd"
    assert found["source"] == ["token = tokens[0]\n", "api_key = '[redacted:assignment]'"]
    assert found["outputs"][0]["text"] == ["password: [redacted:assignment]\n", "loss 0.3\n"]
    harmless = '{"cells":   [], "metadata":{}}'
    assert redact_source("a.ipynb", harmless) == (harmless, 0)
    for broken in ("{", "[]", '{"cells": 3}', "[" * 100_000):
        assert redact_source("a.ipynb", broken) == (broken, 0)
    assert redact_source("a.ipynb", '{"cells": 3, "password": "hunter22"}')[1] == 1


def test_values_are_masked_by_their_name_and_by_their_looks() -> None:
    """Numbers are none, and what is masked stays so."""
    assert redact_value("api_key", "short") == "[redacted:param]"
    assert redact_value("api_key", "[redacted:param]") == "[redacted:param]"
    assert redact_value("max_tokens", "512") == "512"
    for plain in (512, 0.1, True, None, "none", ""):
        assert redact_value("token", plain) == plain
    nested = {"note": ["fine", "password=hunter22"], "auth": {"password": "x1"}}
    assert redact_value("config", nested) == {
        "note": ["fine", "password=[redacted:assignment]"],
        "auth": {"password": "[redacted:param]"},
    }


@given(st.integers(1, 40))
def test_no_secret_is_cut_in_two(size: int) -> None:
    """However the pieces of what is printed fall."""
    whole = [secret for _, secret in SECRETS if not secret.endswith("b3BlbnNzaC1rZXk")]
    text = "".join(f"before {secret} after\n" for secret in whole) + "api_key=the-last-word"
    lines, given_on = Lines(), list[str]()
    for start in range(0, len(text), size):
        given_on.append(redact(lines.feed(text[start : start + size])))
    given_on.append(redact(lines.rest()))
    assert "".join(given_on) == redact(text)


def test_a_line_without_an_end_is_given_on_in_parts() -> None:
    """Nothing is held for ever."""
    lines = Lines()
    assert sum(len(lines.feed("x" * 1000)) for _ in range(40)) >= 20_000
    assert lines.feed("-----BEGIN RSA PRIVATE " + "KEY-----\n") + lines.rest()


def test_a_log_is_masked_in_place(tmp_path: Path) -> None:
    """Whatever bytes are in it."""
    log = tmp_path / "log.txt"
    log.write_bytes(b"a\r\npassword=hunter22\n\xff\n")
    mask_file(log)
    assert log.read_bytes() == "a\r\npassword=[redacted:assignment]\n\ufffd\n".encode()
    assert list(tmp_path.iterdir()) == [log]
