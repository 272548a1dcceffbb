"""Hosts, origins, tokens and headers."""

from __future__ import annotations

import pytest

from disco_dock.runtime.errors import ConfigError
from disco_dock.server.guard import COOKIE
from tests.disco_dock.server.serving import JOBS, settings, submit

TOKEN = "a-long-enough-secret"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "dock.example.org"])
def test_own_names_are_answered(idle, host):
    assert idle(allowed_hosts=("dock.example.org",)).get(JOBS, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]"])
def test_rebound_names_are_not(idle, host):
    answer = idle().get("/", headers={"host": host})
    assert answer.status_code == 403 and "<html" not in answer.text


def test_any_name_on_other_addresses(idle):
    assert idle(host="0.0.0.0").get(JOBS, headers={"host": "lab-server:8000"}).status_code == 200


def test_a_list_of_hosts_holds_on_other_addresses_too(idle):
    client = idle(host="0.0.0.0", allowed_hosts=("lab-server",))
    assert client.get(JOBS, headers={"host": "lab-server:8000"}).status_code == 200
    assert client.get(JOBS, headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 202),
        ("https://evil.example", 403),
        ("http://127.0.0.1:9999", 403),
        ("null", 403),
        (None, 202),
    ],
)
def test_forms_of_other_sites_are_refused(idle, peptide_bytes, origin, status):
    client = idle()
    client.headers.update({} if origin is None else {"origin": origin})
    assert submit(client, peptide_bytes).status_code == status


def test_token(idle):
    client = idle(token=TOKEN)
    for path in ("/", "/page/main.js", JOBS, "/openapi.json", "/?token=wrong"):
        answer = client.get(path)
        assert answer.status_code == 401 and "token" in answer.json()["detail"], path
    assert client.get("/v1/health/live").json() is True
    assert client.get(JOBS, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get(JOBS, headers={"authorization": f"Basic {TOKEN}"}).status_code == 401
    visit = client.get(f"/?token={TOKEN}", follow_redirects=False)
    cookie = visit.headers["set-cookie"].lower()
    assert visit.status_code == 303 and visit.headers["location"] == "/"
    assert COOKIE in cookie and "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/").status_code == 200  # the client keeps the cookie
    assert TOKEN not in client.get("/").text


def test_headers(idle):
    client = idle()
    for path in ("/", "/page/main.js", JOBS, "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "changes",
    [
        {"max_queue": 0},
        {"port": 70000},
        {"workers": 0},
        {"max_upload_mb": -1},
        {"keep_days": float("nan")},
        {"token": "short"},
    ],
)
def test_settings_out_of_range(tmp_path, changes):
    with pytest.raises(ConfigError):
        settings(tmp_path, **changes)
