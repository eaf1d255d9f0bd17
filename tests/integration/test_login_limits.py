"""Guessing passwords at the reference site's admin: who guesses is stopped, nobody else is."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

LOGIN = "/admin/login/"
PASSWORD, WRONG = "right-horse", "wrong"
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def staff(db: None, settings: Any) -> None:
    # The real ones take half a second for each try.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name in ("ana", "ben"):
        User.objects.create_superuser(name, password=PASSWORD)


def log_in(name: str, password: str = WRONG, *, at: str = HERE, **headers: str) -> Any:
    """Try, in a browser of its own."""
    client = Client(REMOTE_ADDR=at, headers=headers)
    return client.post(LOGIN, {"username": name, "password": password, "next": "/admin/"})


def fail(name: str, times: int = 5, **where: Any) -> list[int]:
    return [log_in(name, **where).status_code for _ in range(times)]


def test_after_five_failures_the_right_password_is_not_taken_either_and_a_page_says_why(caplog: Any) -> None:
    assert fail("ana") == [200, 200, 200, 200, 429]
    refused = log_in("ana", PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes" in refused.content.decode()
    assert "no-store" in refused["Cache-Control"]
    assert "'ana' from 198.51.100.7" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_stranger_locks_nobody_out() -> None:
    fail("ana", at=ELSEWHERE)
    assert log_in("ana", PASSWORD).status_code == 302
    fail("ana")
    assert log_in("ben", PASSWORD).status_code == 302


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"])
def test_no_header_that_a_client_sends_makes_it_another(header: str) -> None:
    answers = [log_in("ana", **{header: f"192.0.2.{number}"}).status_code for number in range(6)]
    assert answers[-1] == 429


def test_a_network_of_ipv6_is_one_client_however_many_addresses_it_takes() -> None:
    answers = [log_in("ana", at=f"2001:db8:1:2::{number:x}").status_code for number in range(1, 7)]
    assert answers[-1] == 429
    assert log_in("ana", PASSWORD, at="2001:db8:1:3::1").status_code == 302


def test_guessing_at_many_accounts_is_stopped_too() -> None:
    answers = [log_in(f"name{number}").status_code for number in range(51)]
    assert answers[:49] == [200] * 49
    assert answers[-1] == 429
    assert log_in("ben", PASSWORD).status_code == 429
    assert log_in("ben", PASSWORD, at=ELSEWHERE).status_code == 302


def test_failures_are_forgotten_in_time_after_a_success_or_by_command() -> None:
    fail("ana", 4)
    assert log_in("ana", PASSWORD).status_code == 302
    assert fail("ana", 5)[-1] == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    # Who goes on does not wait longer for it.
    assert log_in("ana", PASSWORD).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in("ana", PASSWORD).status_code == 302
    assert fail("ana", 5)[-1] == 429
    call_command("axes_reset_username", "ana", verbosity=0)
    assert log_in("ana", PASSWORD).status_code == 302


def test_nobody_learns_whether_an_account_is_there() -> None:
    assert fail("nobody", 6) == fail("ben", 6)
