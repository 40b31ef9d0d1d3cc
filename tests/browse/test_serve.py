"""The verb itself: it prints its address, answers on this machine alone, and ends well."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from vivi.browse.serve import LOCAL, open_site
from vivi.core.errors import InterruptedRunError, ViviError


def test_it_takes_the_first_free_port(store, monkeypatch):
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("vivi.browse.serve.PORT", port)
        site = open_site(store)
        number = site.listening.getsockname()[1]
        site.listening.close()
        assert port < number < port + 20
        assert re.fullmatch(rf"http://127\.0\.0\.1:{number}/\?token=[\w-]{{43}}", site.url)
        with pytest.raises(ViviError, match=f"--port {port} .*choose another --port"):
            open_site(store, port=port)


def test_tokens_differ(store):
    sites = [open_site(store, port=0) for _ in range(2)]
    assert len({site.url.partition("=")[2] for site in sites}) == 2
    for site in sites:
        site.listening.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_all_addresses_at_once_are_refused(store, host):
    with pytest.raises(ViviError, match="name one address"):
        open_site(store, host=host)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_illegal_ports(store, port):
    with pytest.raises(ViviError, match="choose another"):
        open_site(store, port=port)


def test_hosts_that_are_none_of_this_machine_are_named(store):
    with pytest.raises(ViviError, match=r"--host 192\.0\.2\.1 is no address of this machine \(.+\): leave it out"):
        open_site(store, host="192.0.2.1")


def test_an_interruption_keeps_what_is_embedded(store, encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="the same command goes on"):
        open_site(store, encoder=encoder, port=0, vectors_progress=stop)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_verb_answers_and_ends(store, tmp_path, number):
    command = [sys.executable, "-m", "vivi", "browse", str(store), "--port", "0", "--edit", str(tmp_path / "cuts.csv")]
    started = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, **started) as process:
        try:
            url, edit, _ = (process.stdout.readline().strip() for _ in range(3))
            with urllib.request.urlopen(url) as answer:
                assert "34 videos" in answer.read().decode() if answer.status == 200 else answer.status == 403
        except urllib.error.HTTPError as error:
            assert error.code == 403  # urllib keeps no cookie, so it is not let in behind the exchange
        finally:
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and err == ""
    assert edit.endswith("cuts.csv") and out == "Ended.\n"
    assert not (tmp_path / "cuts.csv").exists()


def test_the_verb_says_what_is_wrong(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "vivi", "browse", str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2 and "no such folder" in run.stderr and run.stderr.count("\n") == 1


def test_it_listens_on_this_machine_alone(store):
    began = time.monotonic()
    site = open_site(store, port=0)
    assert site.listening.getsockname()[0] == "127.0.0.1"
    site.listening.close()
    assert time.monotonic() - began < 10


def test_a_notebook_is_answered_from_a_thread(store):
    site = open_site(store, port=0)
    with site.answering() as url, pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.partition("?")[0])
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)
    assert "vivi browse" not in {each.name for each in threading.enumerate()}
    with pytest.raises(ViviError, match="is closed: open the store again"), site.answering():
        pass
    with pytest.raises(ViviError, match="is closed: open the store again"):
        site.serve()
