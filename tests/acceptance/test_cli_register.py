"""The register from the command line: both forms, what it lacks, who processes for us, and who is affected."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tocsin.cli import report
from tocsin.cli.audience import audience
from tocsin.cli.session import Session

EXAMPLE = ROOT / "examples" / "register.toml"
TENANTS = "party,since\nPoplar Clinics,2023\n"


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home with the example's register, far from any engine."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    assert desk.tocsin("register", "import", str(EXAMPLE), "--json").json["revision"] == 1
    return desk


@pytest.mark.parametrize("name", ["again.csv", "again.toml"])
def test_either_form_changes_nothing(desk: Desk, tmp_path: Path, name: str) -> None:
    """What was exported in either form is imported without a change."""
    file = str(tmp_path / name)
    assert desk.tocsin("register", "export", "--out", file).code == 0
    again = desk.tocsin("register", "import", file, "--json").json
    assert (again["added"], again["changed"], again["unchanged"], again["revision"]) == ([], [], 4, 1)


def test_export_in_a_form(desk: Desk) -> None:
    """`--format toml` prints TOML."""
    assert desk.tocsin("register", "export", "--format", "toml").out.startswith("[[agreement]]\n")


def test_one_mistake_in_toml(desk: Desk, tmp_path: Path) -> None:
    """A mistake at the end of a file takes back what came before it, and is named by its path."""
    file = tmp_path / "wrong.toml"
    file.write_text(EXAMPLE.read_text().replace("MSA-2023-100", "NEW") + 'discharge = "read"\n')
    ran = desk.tocsin("register", "import", str(file))
    assert ran.code == 1
    assert "agreement[5]: discharge" in ran.err
    assert "NEW" not in desk.tocsin("register", "export").out


def test_check(desk: Desk) -> None:
    """What the example lacks is listed: a sub-processor's deputy, and an agreement that ended while data is held."""
    found = {(one["reference"], one["severity"]) for one in desk.tocsin("register", "check", "--json").json}
    assert ("SUB-2024-001", "weak") in found


def test_sub_processors(desk: Desk) -> None:
    """The list is dated, and prints as CSV and JSON."""
    listed = desk.tocsin("register", "subprocessors", "--on", "2025-01-01", "--format", "json").json
    assert listed["on"] == "2025-01-01"
    (line,) = listed["subprocessors"]
    assert (line["party"], line["since"], line["location"]) == ("Sycamore Hosting", "2024-05-01", "Frankfurt, Germany")
    printed = desk.tocsin("register", "subprocessors", "--on", "2025-01-01").out.splitlines()
    assert printed[0].startswith("on,party,agreement,services,location")
    assert printed[1].startswith("2025-01-01,Sycamore Hosting,SUB-2024-001,records-api,")
    assert desk.tocsin("register", "subprocessors", "--on", "2024-04-30").out.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "chosen", "says"),
    [
        ({"services": ["records-api"], "regions": ["IN"]}, 1, "Affected: 1 of 4 agreements, 1 parties."),
        ({"subprocessors": ["Sycamore Hosting"]}, 1, "do not say whether they fit and are left out"),
        ({"data_categories": ["health"]}, 1, "Affected: 1 of 4"),
        ({"tenants": TENANTS}, 2, "Affected: 2 of 4 agreements, 1 parties."),
        ({"regions": ["Mars"]}, 0, "Nobody fits, so it is reported as not known yet"),
    ],
)
def test_who_is_affected(desk: Desk, tmp_path: Path, asked: dict[str, Any], chosen: int, says: str) -> None:
    """A report's audience comes from what agreements say; counts are shown, and an empty one blocks no report."""
    if "tenants" in asked:
        asked = {"tenants": tmp_path / "tenants.csv"}
        asked["tenants"].write_text(TENANTS)
    capfd = desk._capfd
    work = Session("asha")
    try:
        assert len(report._narrowed(work, (), audience(**asked))) == chosen
    finally:
        work.close()
    assert says in capfd.readouterr().err


def test_a_file_of_tenants_that_is_none(desk: Desk, tmp_path: Path) -> None:
    """A file without its column, and a tenant that the register lacks, are refused by name."""
    tenants = tmp_path / "tenants.csv"
    tenants.write_text("customer\nBirch\n")
    assert "names no column `agreement` or `party`" in desk.tocsin("report", "x", "--tenants", str(tenants)).err
    tenants.write_text("party\nNobody Ltd\n")
    assert "the register has no Nobody Ltd" in desk.tocsin("report", "x", "--tenants", str(tenants)).err


def test_json_of_the_register(desk: Desk) -> None:
    """`--json` shows every version of an agreement."""
    exported = json.loads(desk.tocsin("register", "export", "--json").out)
    (clinics,) = (one for one in exported if one["reference"] == "MSA-2023-100")
    assert [one["version"] for one in clinics["other_versions"]] == ["2023"]
