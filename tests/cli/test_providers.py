"""`tidymail providers`: one table for people and programs; docs/services.md is made from it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from command import BINARY, tidymail

ROOT = Path(__file__).parent.parent.parent
FEATURES = re.findall(r'^F\(\w+, "(\w+)", "([^"]+)"\)', (ROOT / "src/provider/features.def").read_text(),
                      re.M)
TABLE = (ROOT / "src/provider/provider.c").read_text().partition("providers[] = {")[2].partition("};")[0]
SERVICES = re.findall(r"&tdm_provider_(\w+)", TABLE)
needs_services = pytest.mark.skipif(not SERVICES, reason="the table has no service")


def everything():
    done = tidymail("providers", "--json")
    assert done.status == 0 and done.out.count("\n") == 1
    return json.loads(done.out)


def test_json_has_every_service_and_feature():
    known = everything()
    assert [(entry["name"], entry["words"]) for entry in known["features"]] == FEATURES
    assert [entry["scheme"] for entry in known["providers"]] == SERVICES
    for entry in known["providers"]:
        assert list(entry) == ["scheme", "name", "url", "page", "limits", "features", "options"]
        assert entry["url"].startswith(f"{entry['scheme']}://") and entry["name"]
        assert entry["page"].startswith("https://")
        assert list(entry["features"]) == [name for name, _ in FEATURES]
        assert all(isinstance(value, bool) for value in entry["features"].values())
        assert list(entry["limits"]) == ["recipients", "size", "reply_to", "tags"]
        assert all(value is None or value > 0 for value in entry["limits"].values())
        names = [option["name"] for option in entry["options"]]
        assert names[-1] == "extra" and len(set(names)) == len(names)
        assert all(re.fullmatch("[a-z0-9][a-z0-9-]*", name) for name in names)
        assert {option["type"] for option in entry["options"]} <= {"text", "number", "yes or no", "JSON"}
        assert all(option["words"] for option in entry["options"])


def test_the_table_says_the_same():
    lines = tidymail("providers").out.splitlines()
    known = everything()
    assert max(len(line) for line in lines) <= 100
    rows = {line.split(" ")[0]: line for line in lines[2:2 + len(FEATURES)]}
    assert list(rows) == [name for name, _ in FEATURES]
    limits = {" ".join(line.split()[:2]): line for line in lines[2 + len(FEATURES):6 + len(FEATURES)]}
    for entry in known["providers"]:
        head = next(line for line in lines[:2] if entry["scheme"] in line.split())
        column = re.search(rf"(?<!\S){entry['scheme']}(?!\S)", head).start()
        for name, can in entry["features"].items():
            assert rows[name][column] == ("x" if can else "-"), (entry["scheme"], name)
        for name, label in (("recipients", "max recipients"), ("reply_to", "max reply_to"),
                            ("tags", "max tags")):
            shown = limits[label][column:].split(" ")[0]
            assert shown == (str(entry["limits"][name]) if entry["limits"][name] else "-")
        shown = limits["max MiB"][column:].split(" ")[0]
        size = entry["limits"]["size"]
        assert shown == "-" if size is None else abs(float(shown) - size / 2**20) <= 0.05


@needs_services
@pytest.mark.parametrize("scheme", SERVICES)
def test_everything_about_one(scheme):
    entry = next(entry for entry in everything()["providers"] if entry["scheme"] == scheme)
    assert json.loads(tidymail("providers", scheme, "--json").out) == entry
    done = tidymail("providers", scheme)
    text = re.sub(r"\s+", " ", done.out)
    assert done.status == 0 and done.out.startswith(entry["name"] + "\n")
    assert entry["url"] in text and entry["page"] in text
    takes, _, takes_not = text.partition(" Takes not ")
    takes_not = takes_not.partition(" Its own options")[0]
    takes = takes.partition(" Takes ")[2]
    for name, words in FEATURES:
        assert (words in takes) == entry["features"][name]
        assert (words in takes_not) != entry["features"][name]
    for option in entry["options"]:
        assert f" {option['name']} {option['type']} {option['words']}" in text
    assert max(len(line) for line in done.out.splitlines() if "https://" not in line) <= 100


@pytest.mark.parametrize("words, status, message", [
    (("nobody",), 64, "there is no such service"),
    (("",), 64, "there is no such service"),
    (("a", "b"), 64, "argument 2 of providers belongs to no option"),
    (("--name", "a"), 64, "unknown option --name"),
    (("--jso",), 64, "did you mean --json?"),
])
def test_what_is_refused(words, status, message):
    done = tidymail("providers", *words)
    assert done.status == status and message in done.err and done.out == ""


def test_the_document_is_what_the_command_says():
    made = subprocess.run([ROOT / "scripts/make-services-doc"], capture_output=True, text=True,
                          env={**os.environ, "TIDYMAIL_BIN": BINARY}, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout == (ROOT / "docs/services.md").read_text(), \
        "scripts/make-services-doc >docs/services.md"
