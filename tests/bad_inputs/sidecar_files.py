"""Files that lie beside an ordered one."""

from tests.bad_inputs import Case

TITLE = "Files beside an ordered file"


def _case(main: str, belong: str, others: str) -> Case:
    come, stay = belong.split(), others.split()
    listed = ", ".join(f"`{name}`" for name in [*come, *stay])
    answer = ", ".join(f"`{name}`" for name in come)
    return Case(
        input=f"`{main}` beside {listed}",
        answer=f"with {answer}" if come else "alone",
        given=[main, *come, *stay],
        expected=[main, *come],
    )


#: The names in a folder, the ordered one first; and those that are delivered.
CASES = (
    _case("survey.csv", "", "survey.xlsx survey.backup.sql survey.csv.bak survey.sqlite survey survey.json"),
    _case("survey.csv", "survey.csvt survey.prj", "survey.dbf survey2.csvt survey.csv.gz"),
    _case("dem.tif", "dem.tfw dem.tif.aux.xml dem.prj dem.tif.ovr", "dem2.tif demo.txt other.prj dem.shp dem.secret"),
    _case("DEM.TIF", "DEM.TFW DEM.TIF.aux.xml", "dem.tfw DEM.CSV"),
    _case("roads.shp", "roads.shx roads.dbf roads.prj roads.cpg roads.sbn roads.shp.xml", "roads.xlsx roads.zip"),
    _case("plan.v2.tif", "plan.v2.tfw", "plan.tfw plan.v1.tfw plan.tif plan.pdf"),
    _case("report.pdf", "", "report.docx report.xml report.pdf.sig report.prj"),
    _case("data", "", "data.xml data.prj data.tfw"),
    _case(".hidden", "", ".hidden.xml hidden"),
    _case("a.gpkg", "", "a.gpkg-wal a.gpkg.lock a.key a.pem a.env"),
)  # fmt: skip
