"""For all tests: idle threads sleep as they do under the command line; VIVI_NO_SKIPS makes a skip fail the run."""

import os

import pytest

NOT_INSTALLED = "no Chromium here"
"""The one reason that is no failure: a browser comes from the system, not from this project's set-up."""
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    skipped = [each for each in reports if NOT_INSTALLED not in str(each.longrepr)]
    if os.environ.get("VIVI_NO_SKIPS") and skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
