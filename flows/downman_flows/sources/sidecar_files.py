"""Which files belong to another one: those that its format is known to come with, and no others.

The sets are those of the drivers of GDAL 3.12 and of ArcGIS's help on the files of a Shapefile and on world files.
"""

from collections.abc import Iterator, Mapping

#: Projection, statistics, overviews and masks beside a raster or a vector of any format.
_OF_ALL = frozenset({"prj", "qpj", "aux", "aux.xml", "xml", "iso.xml", "qml", "sld", "qmd"})
_OF_RASTERS = _OF_ALL | {"ovr", "msk", "rrd", "wld", "clr", "stx", "hdr", "rpb", "txt.rpc"}
_OF_VECTORS = _OF_ALL | {"cpg"}
#: What stands behind the stem: `dem.tfw` beside `dem.tif`.
_BY_EXTENSION: Mapping[str, frozenset[str]] = {
    "shp": _OF_VECTORS
    | {"shx", "dbf", "sbn", "sbx", "fbn", "fbx", "ain", "aih", "ixs", "mxs", "atx", "qix", "shp.xml"},
    "tif": _OF_RASTERS | {"tfw", "tifw"},
    "tiff": _OF_RASTERS | {"tfw", "tifw", "tiffw"},
    "jpg": _OF_RASTERS | {"jgw", "jpgw", "jpegw"},
    "jpeg": _OF_RASTERS | {"jgw", "jpgw", "jpegw"},
    "png": _OF_RASTERS | {"pgw", "pngw"},
    "gif": _OF_RASTERS | {"gfw", "gifw"},
    "bmp": _OF_RASTERS | {"bpw", "bmpw"},
    "jp2": _OF_RASTERS | {"j2w", "jp2w"},
    "ecw": _OF_RASTERS | {"eww", "ecww", "ers"},
    "sid": _OF_RASTERS | {"sdw"},
    "img": _OF_RASTERS | {"ige", "rde"},
    "asc": _OF_RASTERS,
    "grd": _OF_RASTERS | {"gri"},
    "dem": _OF_RASTERS,
    **dict.fromkeys(("bil", "bip", "bsq", "flt", "raw"), _OF_RASTERS | {"blw", "bpw", "bqw", "hdr"}),
    **dict.fromkeys(("nc", "grib", "grb", "grib2", "grb2"), _OF_ALL | {"idx"}),
    "tab": _OF_VECTORS | {"dat", "map", "id", "ind"},
    "mif": _OF_VECTORS | {"mid"},
    "gml": _OF_VECTORS | {"xsd", "gfs"},
    "csv": _OF_VECTORS | {"csvt", "vrt"},
    "las": _OF_ALL | {"lax"},
    "laz": _OF_ALL | {"lax"},
    **dict.fromkeys(("geojson", "gpkg", "fgb", "kml", "dxf", "dwg", "dgn"), _OF_VECTORS),
}
#: What stands behind the whole name: `dem.tif.aux.xml` beside `dem.tif`.
_BEHIND_ALL = frozenset({"aux.xml", "xml", "ovr", "msk", "qmd"})


def find_sidecar_names(main: str, names: Iterator[str]) -> Iterator[str]:
    """Return those of the names in a folder that belong to `main`; letters may be large or small."""
    stem, _, extension = main.rpartition(".")
    behind_stem = _BY_EXTENSION.get(extension.lower(), frozenset()) if stem else frozenset()
    behind_all = _BEHIND_ALL if behind_stem else frozenset()
    for name in names:
        if name == main:
            continue
        if (name.startswith(f"{main}.") and name[len(main) + 1 :].lower() in behind_all) or (
            stem and name.startswith(f"{stem}.") and name[len(stem) + 1 :].lower() in behind_stem
        ):
            yield name
