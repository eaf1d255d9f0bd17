"""The formats that downman knows: their names in catalogues, extensions, media types and first bytes.

The one place for all of them. Of puremagic 1.30 and filetype 1.2 neither knows BigTIFF, HDF5, netCDF, GRIB, LAS, DXF,
FlatGeobuf, Parquet, Shapefile, dBASE or GeoPackage, and the first takes any zip for a docx (docs/decisions/0002).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be told from the bytes of a format."""

    BINARY = "binary"  #: Its first bytes say what it is.
    TEXT = "text"  #: It is text of which more cannot be told.
    MARKUP = "markup"  #: It is text that begins in a way of its own: XML, JSON, HTML.
    CONTAINER = "container"  #: It may hold anything: zip, gzip, 7z.
    OPAQUE = "opaque"  #: Nothing can be told.


@dataclass(frozen=True)
class Format:
    """One format."""

    #: The name that `recognise` gives; several formats of text, XML or JSON look alike and share theirs.
    type: str
    kind: Kind
    #: The first is the one that a file gets which has none.
    extensions: tuple[str, ...]
    media_types: tuple[str, ...] = ()
    #: Names in catalogues, beside the extensions; in lower case, letters and digits only.
    names: tuple[str, ...] = ()
    #: Other types that files of this format may be.
    also: tuple[str, ...] = ()


_B, _T, _M, _C, _O = Kind.BINARY, Kind.TEXT, Kind.MARKUP, Kind.CONTAINER, Kind.OPAQUE
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

FORMATS = (
    Format("tiff", _B, ("tif", "tiff", "gtiff"), ("image/tiff",), ("geotiff", "bigtiff", "cog", "cloudoptimizedgeotiff")),
    Format("png", _B, ("png",), ("image/png",)),
    Format("jpeg", _B, ("jpg", "jpeg"), ("image/jpeg", "image/jpg")),
    Format("gif", _B, ("gif",), ("image/gif",)),
    Format("webp", _B, ("webp",), ("image/webp",)),
    Format("jp2", _B, ("jp2", "j2k", "jpx", "jpf"), ("image/jp2", "image/jpx"), ("jpeg2000", "jpg2000")),
    Format("hfa", _B, (), ("image/x-erdas-hfa",), ("erdasimagine", "imagine", "hfa")),
    Format("ecw", _O, ("ecw",), ("image/x-ecw",)),
    Format("sid", _B, ("sid",), ("image/x-mrsid-image",), ("mrsid",)),
    Format("netcdf", _B, ("nc", "nc4", "cdf"), ("application/x-netcdf", "application/netcdf"), ("netcdf", "netcdf3", "netcdf4"), ("hdf5",)),
    Format("hdf5", _B, ("h5", "hdf5", "he5", "hdf"), ("application/x-hdf5", "application/x-hdf"), (), ("hdf4", "netcdf")),
    Format("hdf4", _B, ("hdf4", "h4"), (), (), ("hdf5",)),
    Format("grib", _B, ("grib", "grb", "grib2", "grb2"), ("application/x-grib", "application/wmo-grib"), ("grib1",)),
    Format("las", _B, ("las", "laz"), ("application/vnd.las", "application/vnd.laszip"), ("lidar",)),
    Format("e57", _B, ("e57",)),
    Format("gpkg", _B, ("gpkg",), ("application/geopackage+sqlite3", "application/geopackage+vnd.sqlite3"), ("geopackage",), ("sqlite",)),
    Format("sqlite", _B, ("sqlite", "sqlite3", "mbtiles", "db"), ("application/vnd.sqlite3", "application/x-sqlite3"), ("spatialite",), ("gpkg",)),
    Format("fgb", _B, ("fgb",), ("application/flatgeobuf", "application/vnd.fgb"), ("flatgeobuf",)),
    Format("parquet", _B, ("parquet", "geoparquet"), ("application/vnd.apache.parquet", "application/x-parquet")),
    Format("arrow", _B, ("arrow", "feather"), ("application/vnd.apache.arrow.file",)),
    Format("pmtiles", _B, ("pmtiles",), ("application/vnd.pmtiles",)),
    Format("shp", _B, ("shp", "shx"), ("application/x-esri-shape", "application/x-shp", "application/x-shapefile"), ("shapefile", "esrishapefile", "shapezip", "shpzip")),
    Format("dbf", _O, ("dbf",), ("application/dbf", "application/x-dbf"), ("dbase",)),
    Format("mdb", _B, ("mdb", "accdb"), ("application/x-msaccess", "application/vnd.ms-access"), ("access", "personalgeodatabase")),
    Format("dwg", _B, ("dwg",), ("image/vnd.dwg", "application/acad")),
    Format("dxf", _M, ("dxf",), ("image/vnd.dxf", "application/dxf"), (), ("text",)),
    Format("dgn", _O, ("dgn",), ("image/vnd.dgn",)),
    Format("pdf", _B, ("pdf",), ("application/pdf",), ("geopdf",)),
    Format("xlsx", _B, ("xlsx", "xlsm"), (f"{_OFFICE}spreadsheetml.sheet",), ("excel",), ("ole", "ooxml")),
    Format("docx", _B, ("docx",), (f"{_OFFICE}wordprocessingml.document",), ("word",), ("ole", "ooxml")),
    Format("pptx", _B, ("pptx",), (f"{_OFFICE}presentationml.presentation",), (), ("ole", "ooxml")),
    Format("ole", _B, ("xls", "doc", "ppt", "msi"), ("application/vnd.ms-excel", "application/msword"), (), ("xlsx", "docx", "text", "xml")),
    Format("ods", _B, ("ods",), (f"{_OPEN}spreadsheet",)),
    Format("odt", _B, ("odt",), (f"{_OPEN}text",)),
    Format("zip", _C, ("zip",), ("application/zip", "application/x-zip-compressed"), ("zipped", "filegeodatabase", "filegdb", "gdb", "esrigeodatabase")),
    Format("zip", _C, ("kmz",), ("application/vnd.google-earth.kmz",)),
    Format("gzip", _C, ("gz", "tgz", "tar.gz"), ("application/gzip", "application/x-gzip")),
    Format("7z", _C, ("7z",), ("application/x-7z-compressed",)),
    Format("rar", _C, ("rar",), ("application/vnd.rar", "application/x-rar-compressed")),
    Format("bzip2", _C, ("bz2",), ("application/x-bzip2",)),
    Format("xz", _C, ("xz",), ("application/x-xz",)),
    Format("zstd", _C, ("zst",), ("application/zstd",)),
    Format("tar", _C, ("tar",), ("application/x-tar",)),
    Format("json", _M, ("json",), ("application/json",), (), ("geojsonseq",)),
    Format("json", _M, ("geojson",), ("application/geo+json", "application/vnd.geo+json"), (), ("geojsonseq",)),
    Format("json", _M, ("topojson",), ("application/topo+json",)),
    Format("json", _M, ("jsonld",), ("application/ld+json",)),
    Format("geojsonseq", _M, ("geojsonl", "geojsons", "ndjson", "jsonl"), ("application/geo+json-seq", "application/x-ndjson"), ("geojsonseq", "newlinedelimitedgeojson"), ("json", "text")),
    Format("xml", _M, ("xml",), ("application/xml", "text/xml"), ("iso19139", "iso19115", "metadata")),
    Format("xml", _M, ("gml",), ("application/gml+xml",), ("gml2", "gml3", "gml32", "gml311", "gml321", "citygml")),
    Format("xml", _M, ("kml",), ("application/vnd.google-earth.kml+xml",)),
    Format("xml", _M, ("gpx",), ("application/gpx+xml",)),
    Format("xml", _M, ("svg",), ("image/svg+xml",)),
    Format("xml", _M, ("rdf",), ("application/rdf+xml",), (), ("text",)),
    Format("xml", _M, ("qgs", "sld", "qml", "qlr", "vrt", "xsd"), (), ("qgisproject",)),
    Format("html", _M, ("html", "htm", "xhtml", "xht"), ("text/html", "application/xhtml+xml"), ("webpage",)),
    Format("text", _T, ("csv",), ("text/csv", "application/csv"), ("commaseparatedvalues",)),
    Format("text", _T, ("tsv", "tab"), ("text/tab-separated-values",)),
    Format("text", _T, ("txt", "text", "md", "ttl", "wkt", "prj", "geojsonseq"), ("text/plain",), ("plaintext", "xyz")),
    Format("text", _T, ("asc",), (), ("asciigrid", "arcasciigrid", "esriasciigrid", "aaigrid", "arcgrid")),
    Format("text", _T, ("mif",), (), ("mapinfomif",)),
)  # fmt: skip

#: The first bytes of formats, at an offset.
SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    *(("tiff", 0, magic) for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("gif", 0, b"GIF8"),
    ("webp", 8, b"WEBP"),
    ("jp2", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("jp2", 0, b"\xff\x4f\xff\x51"),
    ("hfa", 0, b"EHFA_HEADER_TAG"),
    ("sid", 0, b"msid"),
    ("hdf5", 0, b"\x89HDF\r\n\x1a\n"),
    ("hdf4", 0, b"\x0e\x03\x13\x01"),
    *(("netcdf", 0, b"CDF" + bytes([version])) for version in (1, 2, 5)),
    ("grib", 0, b"GRIB"),
    ("las", 0, b"LASF"),
    ("e57", 0, b"ASTM-E57"),
    # GeoPackage 1.0 to 1.1 and 1.2 and later, requirement 2: the application id of SQLite.
    *(("gpkg", 68, magic) for magic in (b"GPKG", b"GP10", b"GP11")),
    ("sqlite", 0, b"SQLite format 3\0"),
    ("fgb", 0, b"fgb\x03fgb"),
    ("parquet", 0, b"PAR1"),
    ("arrow", 0, b"ARROW1"),
    ("pmtiles", 0, b"PMTiles"),
    ("shp", 0, b"\x00\x00\x27\x0a"),
    ("mdb", 4, b"Standard Jet DB\0"),
    ("mdb", 4, b"Standard ACE DB\0"),
    ("dwg", 0, b"AC10"),
    ("dxf", 0, b"AutoCAD Binary DXF"),
    ("pdf", 0, b"%PDF-"),
    ("ole", 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    *(("zip", 0, magic) for magic in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")),
    ("gzip", 0, b"\x1f\x8b"),
    ("7z", 0, b"7z\xbc\xaf\x27\x1c"),
    ("rar", 0, b"Rar!\x1a\x07"),
    ("bzip2", 0, b"BZh"),
    ("xz", 0, b"\xfd7zXZ\0"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd"),
    ("tar", 257, b"ustar"),
)
#: What may be packed in them is anything.
CONTAINERS = frozenset(one.type for one in FORMATS if one.kind is Kind.CONTAINER)
#: Types of which the bytes say enough to refuse them where another one was promised.
CERTAIN = frozenset(one.type for one in FORMATS if one.kind is Kind.BINARY)
#: Endings of programs of servers: they say nothing about what comes.
SCRIPTS = frozenset(
    {"php", "php3", "php5", "phtml", "asp", "aspx", "ashx", "asmx", "axd", "jsp", "jspx", "jsf", "do", "action", "cgi"}
    | {"fcgi", "pl", "py", "rb", "dll", "cfm", "svc", "exe", "xhtm", "faces"}
)


def by_extension(extension: str) -> Format | None:
    """Return the format of files with an extension, with its point or without; of `.tif.gz`, the gzip."""
    return _BY_EXTENSION.get(extension.lower().rpartition(".")[2])


def by_media_type(media_type: str) -> Format | None:
    """Return the format of a media type; None for those that say nothing, such as `application/octet-stream`."""
    return _BY_MEDIA_TYPE.get(media_type)


def by_name(name: str) -> Format | None:
    """Return the format of a name as catalogues write it: `GeoTIFF`, `ESRI Shapefile`, `image/tiff; ...`, `.tif`."""
    media_type = name.lower().partition(";")[0].strip()
    if media_type in _BY_MEDIA_TYPE:
        return _BY_MEDIA_TYPE[media_type]
    found = _BY_NAME.get(_plain(media_type)) or _BY_NAME.get(_plain(re.sub(r"\(.*?\)", "", media_type)))
    # `GML 3.2`, `CSV (UTF-8)`, `COG GeoTIFF`: one word of them says it.
    words = (word for word in re.split(r"[^a-z0-9]+", media_type) if word in _SPEAKING)
    return found or next((_BY_NAME[word] for word in words), None)


def by_type(kind: str) -> Format | None:
    """Return the format that a type of file is first of all."""
    return next((one for one in FORMATS if one.type == kind and one.extensions), None)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text)


def _names() -> Iterator[tuple[str, Format]]:
    for one in FORMATS:
        for name in (*one.names, *one.extensions):
            yield _plain(name), one


_BY_NAME = dict(reversed(list(_names())))
_BY_EXTENSION = {name: one for one in FORMATS for name in one.extensions}
_BY_MEDIA_TYPE = {name: one for one in FORMATS for name in one.media_types}
#: Words that say the format also beside others.
_SPEAKING = frozenset({*_BY_EXTENSION, "geotiff", "shapefile", "geopackage", "flatgeobuf", "netcdf"}) - {
    "tab",
    "doc",
    "db",
}
