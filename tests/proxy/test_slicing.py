"""What one interaction of a cassette needs (record-replay §6.8, §13.4)."""

from pathlib import Path

import pytest

from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode
from tests.proxy.commands import azdicom
from tests.proxy.conversations import Conversation
from tests.proxy.proxies import proxying
from tests.support.client import Emulator


@pytest.fixture
def cassette(emulator: Emulator, tmp_path: Path) -> Path:
    """Two studies: stored, searched and retrieved in turns; the second one is deleted."""
    path = tmp_path / "all.yaml"
    one, two = Conversation(1), Conversation(2)
    with proxying(emulator.base_url, Mode.RECORD, cassette=path) as proxy:
        for talk in (one, two):
            assert talk.store(proxy.client).status == 200
        for talk in (two, one):
            talk.ask(proxy.client, "GET", f"/studies/{talk.study}/metadata")
        two.ask(proxy.client, "DELETE", f"/studies/{two.study}", accept=None)
        for talk in (one, two):
            talk.ask(proxy.client, "GET", f"/studies/{talk.study}/series")
    return path


def kept(path: Path) -> list[str]:
    return [each.request.method + " " + each.request.uri.rpartition("/v2")[2] for each in load(path).interactions]


def test_an_interaction_keeps_what_changed_its_study_before(cassette: Path, tmp_path: Path) -> None:
    """The store and the delete of the second study, nothing of the first; record-replay §13.4, step 5."""
    last = load(cassette).interactions[-1].id
    out = tmp_path / "out" / "small.yaml"

    done = azdicom("cassette", "minimise", str(cassette), "--keep", last, "-o", str(out), cwd=tmp_path)

    study = Conversation(2).study
    assert done.returncode == 0, done.stderr
    assert kept(out) == ["POST /studies", f"DELETE /studies/{study}", f"GET /studies/{study}/series"]
    with proxying(None, Mode.REPLAY, cassette=out) as proxy:
        assert Conversation(2).store(proxy.client).status == 200
        assert Conversation(2).ask(proxy.client, "DELETE", f"/studies/{study}", accept=None).status == 204
        assert Conversation(2).ask(proxy.client, "GET", f"/studies/{study}/series").status == 204


def test_unknown_interaction_is_a_usage_error_that_names_some(cassette: Path, tmp_path: Path) -> None:
    """Exit code 2; record-replay §1."""
    done = azdicom("cassette", "minimise", str(cassette), "--keep", "nothing-0001", "-o", "x.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "no interaction is called 'nothing-0001'. There are: stow-studies-0001" in done.stderr
