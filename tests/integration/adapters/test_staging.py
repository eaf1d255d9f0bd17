"""Staging folders: no two runs ever write into the same one. Each `Staging` stands for a process of its own."""

from pathlib import Path

from downman_flows.storage.staging import Staging


def test_a_folder_is_one_processs_own_until_it_lets_go_and_what_lies_there_stays(tmp_path: Path) -> None:
    first, second = Staging(tmp_path / "staging"), Staging(tmp_path / "staging")
    folder = first.get_folder(7, 1)
    (folder / "body").write_bytes(b"x")
    assert first.get_folder(7, 1) == folder
    assert folder.stat().st_mode & 0o777 == 0o700

    other = second.get_folder(7, 1)
    assert other != folder
    assert list(other.iterdir()) == []
    second.discard(7, 1)
    assert (folder / "body").exists()

    first.tidy(7, 1)
    assert second.get_folder(7, 1) == folder
    assert (folder / "body").exists()
    second.discard(7, 1)
    assert list((tmp_path / "staging").iterdir()) == []


def test_what_a_process_that_died_held_beside_another_is_deleted(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staging")
    abandoned = tmp_path / "staging" / "7" / "1-2"
    abandoned.mkdir(parents=True)
    (abandoned / "body").write_bytes(b"x")
    staging.get_folder(7, 1)
    staging.discard(7, 1)
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_run_that_lost_its_request_deletes_its_own_folders_only(tmp_path: Path) -> None:
    lost, present = Staging(tmp_path / "staging"), Staging(tmp_path / "staging")
    mine, also_mine, of_another_request = lost.get_folder(7, 1), lost.get_folder(7, 2), lost.get_folder(8, 3)
    theirs = present.get_folder(7, 1)
    lost.discard_held(7)
    assert not mine.exists()
    assert not also_mine.exists()
    assert theirs.is_dir()
    assert of_another_request.is_dir()
