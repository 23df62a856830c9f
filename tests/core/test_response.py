"""An HTTP answer as a value, and its error envelope."""

from __future__ import annotations

import pytest

from shared.core.errors import TEXT_LENGTH_MAX
from shared.core.response import ErrorEnvelope, Response, read_error
from tests.core import make

ENVELOPES = {
    "as recorded": (make.error(409, "ServiceLocked", "busy"), ("ServiceLocked", "busy")),
    "bare": (make.response(400, {"code": "A", "message": "b"}), ("A", "b")),
    "without message": (make.response(400, {"error": {"code": "A"}}), ("A", "")),
    "message is no text": (make.response(400, {"error": {"code": "A", "message": {"x": 1}}}), ("A", "")),
    "with a BOM": (make.response(400, raw=b'\xef\xbb\xbf{"error":{"code":"A"}}'), ("A", "")),
    "as text/plain": (make.response(400, {"error": {"code": "A"}}, content_type="text/plain"), ("A", "")),
}


@pytest.mark.parametrize(("answer", "expected"), ENVELOPES.values(), ids=ENVELOPES)
def test_the_error_envelope_is_read(answer: Response, expected: tuple[str, str]) -> None:
    """With null details and innerError, as the service sends it, and in its lesser forms."""
    assert read_error(answer) == ErrorEnvelope(code=expected[0], message=expected[1])


NONE = {
    "empty": make.response(500),
    "null": make.response(500, raw=b"null"),
    "HTML": make.response(502, raw=b"<html>"),
    "a list": make.response(500, [{"code": "A"}]),
    "error null": make.response(500, {"error": None, "code": "A"}),
    "error is a text": make.response(400, {"error": "invalid_grant"}),
    "code is a number": make.response(500, {"error": {"code": 5}}),
    "code is empty": make.response(500, {"error": {"code": ""}}),
    "code is not printable": make.response(500, {"error": {"code": "\x00\ud800"}}),
    "no UTF-8": make.response(500, raw=b'{"error":{"code":"\xff"}}'),
    "nested too deeply": make.response(500, raw=b"[" * 200_000),
}


@pytest.mark.parametrize("answer", NONE.values(), ids=NONE)
def test_an_answer_without_a_readable_code_has_no_envelope(answer: Response) -> None:
    """Such an answer came from something in between."""
    assert read_error(answer) is None


def test_foreign_texts_are_cut() -> None:
    """Code and message both, to one line."""
    envelope = read_error(make.error(400, "C" * 999, "a\nb" * 999))

    assert envelope is not None
    assert (len(envelope.code), len(envelope.message)) == (TEXT_LENGTH_MAX, TEXT_LENGTH_MAX)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_ms_correlation_request_id": "a", "x_ms_request_id": "b"}, "a"),
        ({"x_ms_request_id": "b"}, "b"),
        ({}, ""),
    ],
)
def test_the_correlation_id_is_the_one_that_support_asks_for(headers: dict[str, str], expected: str) -> None:
    """The correlation id, else the request id, else nothing."""
    assert make.response(500, **headers).correlation_id() == expected
