"""Reading what a source says about its bytes."""

import base64
import gzip
import hashlib
import zlib

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from downman.domain.errors import SourceRefused
from downman_flows.sources.encodings import decoder_for
from downman_flows.sources.integrity import (
    get_content_length,
    get_content_range,
    get_digests,
    get_etag_md5,
    wrong_digest,
)
from downman_flows.storage.hashing import Hashes

SHA256 = base64.b64encode(hashlib.sha256(b"data").digest()).decode()
MD5 = base64.b64encode(hashlib.md5(b"data", usedforsecurity=False).digest()).decode()


def answer(*, code: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Repr_Digest": f"sha-256=:{SHA256}:"}, ["sha256"]),
        ({"Repr_Digest": f"sha-256=:{SHA256}:, md5=:{MD5}:"}, ["sha256", "md5"]),
        ({"Content_Digest": f"sha-256=:{SHA256}:"}, ["sha256"]),
        ({"Digest": f"SHA-256={SHA256},unixsum=30637"}, ["sha256"]),
        ({"Content_MD5": MD5}, ["md5"]),
        ({"Content_MD5": "not base64!"}, []),
        ({"Content_MD5": SHA256}, []),
        ({"Repr_Digest": "sha-256=::"}, []),
        ({"Repr_Digest": f"sha-256={SHA256}"}, []),
        ({}, []),
    ],
)
def test_checksums_are_read_and_nonsense_is_none(headers: dict[str, str], found: list[str]) -> None:
    digests = get_digests(httpx.Response(200, headers={name.replace("_", "-"): text for name, text in headers.items()}))
    assert [digest.algorithm for digest in digests] == found
    hashes = Hashes(found)
    hashes.update(b"data")
    assert wrong_digest(digests, hashes) is None
    hashes.update(b"!")
    assert (wrong_digest(digests, hashes) is None) == (not found)


def test_of_a_part_only_the_checksums_of_the_whole_count() -> None:
    response = answer(
        code=206, Content_MD5=MD5, Content_Digest=f"sha-256=:{SHA256}:", Repr_Digest=f"sha-256=:{SHA256}:"
    )
    assert [digest.header for digest in get_digests(response)] == ["Repr-Digest"]


@pytest.mark.parametrize(
    ("etag", "found"),
    [
        (f'"{"A" * 32}"', "a" * 32),
        (f'W/"{"a" * 32}"', None),
        (f'"{"a" * 32}-7"', None),
        ('"v1"', None),
        (None, None),
    ],
)
def test_only_a_strong_etag_of_its_form_may_be_an_md5(etag: str | None, found: str | None) -> None:
    assert get_etag_md5(etag) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("bytes 0-9/10", (0, 9, 10)),
        ("bytes 5-9/*", (5, 9, None)),
        ("bytes */10", (None, None, 10)),
        ("bytes 0-9", None),
        ("lines 0-9/10", None),
        ("bytes -1-9/10", None),
        ("", None),
    ],
)
def test_content_range_is_read(value: str, found: tuple[int | None, int | None, int | None] | None) -> None:
    part = get_content_range(httpx.Headers({"Content-Range": value}))
    assert (None if part is None else (part.first, part.last, part.total)) == found


@pytest.mark.parametrize(("value", "size"), [("12", 12), ("-1", None), ("1e3", None), ("", None), ("²", None)])
def test_content_length_is_a_number_or_nothing(value: str, size: int | None) -> None:
    assert get_content_length(httpx.Headers([(b"Content-Length", value.encode())])) == size


@example(data=b"x" * 50, step=1, form="raw")
@given(data=st.binary(max_size=5000), step=st.integers(1, 700), form=st.sampled_from(["gzip", "zlib", "raw", "two"]))
def test_decoding_undoes_every_form_in_any_steps(data: bytes, step: int, form: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(data),
        "zlib": zlib.compress(data),
        "raw": raw.compress(data) + raw.flush(),
        "two": gzip.compress(data[:100]) + gzip.compress(data[100:]),
    }[form]
    decoder = decoder_for("gzip" if form in {"gzip", "two"} else "deflate", "x.tif")
    assert decoder is not None
    out = b"".join(
        piece for start in range(0, len(packed), step) for piece in decoder.decode(packed[start : start + step])
    )
    assert out + b"".join(decoder.drain()) == data
    assert decoder.complete


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(SourceRefused):
        decoder_for("br", "x.tif")


@given(
    members=st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 4)), min_size=1, max_size=4),
    step=st.integers(1, 40),
)
def test_members_of_gzip_with_zeros_between_them_are_decoded_however_they_arrive(
    members: list[tuple[bytes, int]], step: int
) -> None:
    sent = b"".join(gzip.compress(data) + bytes(zeros) for data, zeros in members)
    for encoding, encoded in (("gzip", sent), ("gzip, deflate", zlib.compress(sent))):
        decoder = decoder_for(encoding, "x")
        assert decoder is not None
        pieces = [encoded[start : start + step] for start in range(0, len(encoded), step)]
        out = [out for piece in pieces for out in decoder.decode(piece)]
        assert b"".join([*out, *decoder.drain()]) == b"".join(data for data, _zeros in members)
        assert decoder.complete
        assert not decoder.has_trailing_garbage
