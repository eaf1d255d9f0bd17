"""What sources send in the place of data, and data that only looks so."""

import gzip
import io
import json
import zipfile
from typing import Any

from tests.bad_inputs import Case

TITLE = "What a source sends"

#: What the page says of data that is refused.
REFUSED = "`source-unavailable`, tried again, never delivered"
PAGE = b"<html><head><title>Portal</title></head><body>Sign in</body></html>"
TIFF = b"II*\0" + bytes(200)


def zipped(*names: str) -> bytes:
    """Return a zip with files of these names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 10)
    return buffer.getvalue()


def _sent(body: bytes, formats: list[str], url: str, media_type: str, final_url: str = "") -> dict[str, Any]:
    return {"body": body, "formats": formats, "url": url, "media_type": media_type, "final_url": final_url}


def _bad(
    why: str,
    body: bytes,
    reason: str,
    *,
    promised: str = "GeoTIFF",
    url: str = "/d",
    media_type: str = "",
    to: str = "",
) -> Case:
    formats = [promised] if promised else []
    where = f"{promised or 'no format'} is promised, at `{url}`" + (f", redirected to `{to}`" if to else "")
    return Case(
        input=f"{why}; {where}", answer=REFUSED, given=_sent(body, formats, url, media_type, to), expected=reason
    )


def _good(why: str, body: bytes, content: str, *, promised: str = "", url: str = "/d", media_type: str = "") -> Case:
    where = f"{promised or 'no format'} is promised, at `{url}`"
    given = _sent(body, [promised] if promised else [], url, media_type)
    return Case(input=f"{why}; {where}", answer=f"delivered, `{content}`", given=given, expected=content)


_XML = b'<?xml version="1.0"?>\n'
_WEB = "it sent a web page where"

#: Refused: what `prove_content` says.
BAD = (
    _bad("a log-in page", PAGE, f"{_WEB} GeoTIFF was promised", media_type="text/html"),
    _bad("a log-in page with no media type", PAGE, f"{_WEB} GeoTIFF"),
    _bad("a log-in page, called a TIFF", PAGE, f"{_WEB} GeoTIFF", media_type="image/tiff"),
    _bad("nothing", b"", "it sent nothing where GeoTIFF was promised", media_type="image/tiff"),
    _bad("nothing, at all times and places", b"", "it sent nothing where data", promised="", url="/d"),
    _bad("white space", b" \r\n\n", "it sent nothing where", promised="CSV"),
    _bad("a mark of UTF-8 and nothing behind it", b"\xef\xbb\xbf", "it sent nothing where", promised="CSV"),
    _bad("a page of maintenance", b"<h1>Down for maintenance</h1>", _WEB, to="https://example.org/maintenance"),
    _bad("a page, with only the URL to tell", PAGE, f"{_WEB} tif was promised", promised="", url="/a/dem.tif"),
    _bad("a page, for an extension that is not known", PAGE, f"{_WEB} xyz9 was", promised="", url="/a/dem.xyz9"),
    _bad("a page, for a format that is not known", PAGE, f"{_WEB} Hologram", promised="Hologram"),
    _bad("a page, with the name in the query", PAGE, _WEB, promised="", url="/download.php?file=dem.tif"),
    _bad("a page for a table", PAGE, _WEB, promised="CSV", media_type="text/csv"),
    _bad("a page for a text", PAGE, _WEB, promised="TXT"),
    _bad("a page for XML", b"<!DOCTYPE html><p>no", _WEB, promised="GML"),
    _bad("a page in capitals, after a mark, lines and a comment", b"\xef\xbb\xbf\n\n<!-- x -->\n<HTML><BODY>no", _WEB),
    _bad("a page in XHTML", _XML + b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0"><html xmlns="x"/>', _WEB, promised="GML"),
    _bad("a page in UTF-16", "\ufeff<html><p>no".encode("utf-16-le"), _WEB),
    _bad("a page in UTF-16 without a mark", "<html><p>no".encode("utf-16-be"), _WEB),
    _bad("a page in Windows-1252", "<html><p>\u201cno\u201d".encode("cp1252"), _WEB),
    _bad("a page in gzip", gzip.compress(PAGE), _WEB, promised="ZIP", media_type="application/gzip"),
    _bad("a piece of a page", b"<p>Internal error</p>", _WEB),
    _bad("a form that asks for a password", b"<html><input type='password'>", _WEB, promised="", to="/sso"),
    _bad("an exception of WMS", _XML + b"<ServiceExceptionReport/>", "an error document where"),
    _bad("the same where XML is promised", _XML + b'<ows:ExceptionReport xmlns:ows="x"/>', "an error document", promised="GML"),
    _bad("the same without a prolog, in UTF-16", "\ufeff<ows:ExceptionReport/>".encode("utf-16-be"), "an error document"),
    _bad("the same with a document type", _XML + b"<!DOCTYPE ServiceExceptionReport [ <!ELEMENT a (b)> ]><ServiceExceptionReport >", "an error document"),
    _bad("an error of S3", _XML + b"<Error><Code>NoSuchKey</Code></Error>", "an error document"),
    _bad("a fault of SOAP", b'<s:Envelope xmlns:s="x"><s:Body><s:Fault>', "an error document", promised="GML"),
    _bad("an error in JSON", b'{"error": {"code": 400, "message": "no"}}', "an error document"),
    _bad("the same for GeoJSON, after a mark", b'\xef\xbb\xbf {"error": "no"}', "an error document", promised="GeoJSON"),
    _bad("problem details (RFC 9457)", b'{"type": "about:blank", "title": "Gone", "status": 410}', "an error document", promised="JSON"),
    _bad("an exception of OGC API", b'{"code": "NotFound", "description": "no"}', "an error document", promised="GeoJSON"),
    _bad("a text for a raster", b"Service temporarily unavailable", "a message where GeoTIFF", media_type="text/plain"),
    _bad("the same, with only the URL to tell", b"ERROR: quota", "a message where tif", promised="", url="/dem.tif"),
    _bad("a text for JSON", b"Too many requests", "a message where GeoJSON", promised="GeoJSON"),
    _bad("a text for a table", b"Error: no such layer\n", "a message where CSV", promised="CSV"),
    _bad("a picture of an error", b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG file where GeoTIFF"),
    _bad("a PDF for a zip", b"%PDF-1.7 ", "a PDF file where Shapefile", promised="Shapefile"),
    _bad("XML for a raster", _XML + b"<a/>", "an XML file where GeoTIFF"),
    _bad("JSON for XML", b'{"type": "FeatureCollection", "features": []}', "a JSON file where GML", promised="GML 3.2"),
)  # fmt: skip
#: Delivered: what the manifest says of them.
GOOD = (
    _good("a TIFF", TIFF, "signature:tiff", promised="GeoTIFF"),
    _good("a TIFF, called a page", TIFF, "signature:tiff", promised="GeoTIFF", media_type="text/html"),
    _good("a BigTIFF", b"MM\0+" + bytes(50), "signature:tiff", promised="COG"),
    _good("a TIFF in a zip", zipped("dem.tif"), "signature:zip", promised="GeoTIFF"),
    _good("a Shapefile in a zip", zipped("a.shp"), "signature:zip", promised="ESRI Shapefile"),
    _good("a GeoPackage", b"SQLite format 3\0" + bytes(52) + b"GPKG" + bytes(50), "signature:gpkg", promised="GeoPackage"),
    _good("an NetCDF 4, which is HDF5", b"\x89HDF\r\n\x1a\n" + bytes(50), "signature:hdf5", promised="NetCDF"),
    _good("bytes that say nothing", bytes(range(256)), "not-recognised", promised="GeoTIFF"),
    _good("a page that is wanted", PAGE, "text:html", promised="HTML"),
    _good("a page at the URL of one", PAGE, "text:html", url="/about.html"),
    _good("a page where nothing is promised", PAGE, "text:html"),
    _good("a page of a program where nothing is promised", PAGE, "text:html", url="/view.php"),
    _good("a table that begins with a <", b"<5,10\n1,2\n", "text:text", promised="CSV"),
    _good("a table that speaks of errors", b"station,error\nA,0.1\n", "text:text", promised="CSV"),
    _good("a table, called a page", b"a,b\n1,2\n", "text:text", promised="CSV", media_type="text/html"),
    _good("a text", b"Not found in the field: nothing.", "text:text", promised="TXT"),
    _good("JSON after a mark", b'\xef\xbb\xbf{"type": "FeatureCollection"}', "text:json", promised="GeoJSON"),
    _good("GeoJSON with a member named error", b'{"type": "FeatureCollection", "features": [], "error": null}', "text:json", promised="GeoJSON"),
    _good("XML without a prolog", b"<kml><Document></Document></kml>", "text:xml", promised="KML"),
    _good("XML in UTF-16", "\ufeff<gml:a xmlns:gml='x'/>".encode("utf-16"), "text:xml", promised="GML"),
    _good("a DXF, which is text", b"  0\r\nSECTION\r\n  2\r\nHEADER\r\n", "text:dxf", promised="DXF"),
    _good("a format that is not known", b"\x01\x02", "not-recognised", promised="Hologram"),
)  # fmt: skip
CASES = BAD + GOOD

#: (name, content, media type, formats) and the name in the package.
NAMES: tuple[tuple[str, bytes, str, list[str], str], ...] = (
    ("6294558", zipped("[Content_Types].xml", "xl/workbook.xml"), "", [], "6294558.xlsx"),
    ("6294558", zipped("[Content_Types].xml", "word/document.xml"), "application/octet-stream", [], "6294558.docx"),
    ("6294558", TIFF, "application/octet-stream", [], "6294558.tif"),
    ("6294558", zipped("doc.kml"), "application/vnd.google-earth.kmz", [], "6294558.kmz"),
    ("6294558", zipped("a.tif"), "", ["GeoTIFF"], "6294558.zip"),
    ("export", b'{"type": "FeatureCollection"}', "application/geo+json", [], "export.geojson"),
    ("export", b'{"type": "FeatureCollection"}', "application/json", ["GeoJSON"], "export.json"),
    ("export", b"a,b\n1,2\n", "text/csv", [], "export.csv"),
    ("export", b"a,b\n1,2\n", "", ["CSV"], "export.csv"),
    ("export", b"a,b\n1,2\n", "", [], "export.txt"),
    ("wfs", b"<g:FeatureCollection xmlns:g='x'/>", "text/xml", ["GML"], "wfs.xml"),
    ("wfs", b"<g:FeatureCollection xmlns:g='x'/>", "", ["GML 3.2"], "wfs.gml"),
    ("download.php", TIFF, "", [], "download.tif"),
    ("view.aspx", PAGE, "text/html", [], "view.html"),
    ("get.cgi", json.dumps([1]).encode(), "", [], "get.json"),
    ("dem.v2", TIFF, "", [], "dem.v2"),
    ("ortho.2019", TIFF, "", [], "ortho.2019.tif"),
    ("dem.tar.gz", gzip.compress(b"x"), "", [], "dem.tar.gz"),
    ("data", bytes(range(256)), "", ["Hologram"], "data"),
    ("data", bytes(range(256)), "image/x-ecw", [], "data.ecw"),
)  # fmt: skip
