from email import message_from_bytes
from email.policy import default

import pytest

from downman.services.mails import InvalidRecipient, Mail, to_email_message

SENDER = "Portal of Data <downman@example.org>"


def mail(
    *, recipient: str = "ana@example.org", subject: str = "Sus datos están listos", text: str = "Hola, mañana\n"
) -> Mail:
    return Mail(
        recipient=recipient,
        subject=subject,
        text=text,
        html="<p>Hola, mañana</p>",
        language="es",
        message_id="<11111111-2222-3333-4444-555555555555@example.org>",
    )


def test_text_and_html_are_two_forms_of_one_message() -> None:
    read = message_from_bytes(to_email_message(mail(), SENDER).as_bytes(), policy=default)
    assert read.get_content_type() == "multipart/alternative"
    parts = list(read.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in parts] == ["Hola, mañana", "<p>Hola, mañana</p>"]


def test_headers_say_what_mail_programs_need() -> None:
    read = message_from_bytes(to_email_message(mail(), SENDER).as_bytes(), policy=default)
    assert read["From"] == SENDER
    assert read["To"] == "ana@example.org"
    assert read["Subject"] == "Sus datos están listos"
    assert read["Message-ID"] == "<11111111-2222-3333-4444-555555555555@example.org>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Content-Language"] == "es"
    assert read["Date"].datetime.tzinfo is not None


def test_every_line_is_short_enough_for_every_mail_server() -> None:
    raw = to_email_message(mail(text="x" * 5000), SENDER).as_bytes()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    "recipient", ["ana@example.org\r\nBcc: eve@example.org", "ana@example.org\nBcc: eve@example.org"]
)
def test_a_recipient_cannot_add_headers(recipient: str) -> None:
    with pytest.raises(InvalidRecipient):
        to_email_message(mail(recipient=recipient), SENDER)


def test_a_subject_cannot_add_headers() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        to_email_message(mail(subject="Hello\r\nBcc: eve@example.org"), SENDER)


@pytest.mark.parametrize(
    "recipient", ['"ana,eve"@example.org', "ana@example.org, eve@example.org", "a\uff0cb@example.org"]
)
def test_what_earlier_versions_took_and_may_be_several_goes_to_nobody(recipient: str) -> None:
    with pytest.raises(InvalidRecipient):
        to_email_message(mail(recipient=recipient), SENDER)


def test_a_domain_with_other_letters_is_written_in_ascii() -> None:
    raw = to_email_message(mail(recipient="ana@exämple.org"), SENDER).as_bytes()
    assert b"To: ana@xn--exmple-cua.org\r\n" in raw
