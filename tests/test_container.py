"""The steps of the container image, run by hand in a clean virtual environment: no container engine is needed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.client import Emulator
from tests.support.instances import an_instance, part10
from tests.support.process import listening_port

PROJECT = Path(__file__).parents[1]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()

slow = pytest.mark.skipif(
    "AZDICOM_TEST_CONTAINER" not in os.environ, reason="installs all dependencies: run by `make interop`"
)


def instruction(name: str) -> str:
    """The last instruction of that name, its continuation lines joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return str(re.findall(rf"^{name} +(.+)$", joined, re.MULTILINE)[-1])


def command(name: str) -> list[str]:
    """The exec form of an instruction's command."""
    words: list[str] = json.loads(instruction(name)[instruction(name).index("[") :])
    return words


def test_image_runs_as_a_user_of_its_own_and_keeps_its_data_in_a_volume() -> None:
    """Own design: no root in the container, the data folder is the volume."""
    entry_point = command("ENTRYPOINT")

    assert instruction("USER") not in ("root", "0")
    assert instruction("VOLUME") == entry_point[entry_point.index("--data-dir") + 1] == "/data"
    assert entry_point[:2] == ["azdicom", "serve"]
    assert instruction("EXPOSE") == "8080"


def test_compose_file_publishes_the_port_and_the_volume_of_the_image() -> None:
    """Own design: one service, reachable from this machine only."""
    service = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["azdicom"]

    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["volumes"] == ["data:/data"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh virtual environment with the wheel and what it depends on, as in the image."""
    folder = tmp_path_factory.mktemp("image")
    source = folder / "source"
    for name in " ".join(re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)).split():
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, source)
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    subprocess.run((sys.executable, *pip, "wheel", "--no-deps", f"--wheel-dir={folder}/wheels", source), check=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    subprocess.run((sys.executable, "-m", "venv", folder / "venv"), check=True)
    subprocess.run((folder / "venv/bin/python", *pip, "install", wheel), check=True)
    return folder / "venv" / "bin"


@slow
def test_entry_point_and_health_check_work_in_a_clean_environment(installed: Path, tmp_path: Path) -> None:
    """The Dockerfile's own words, with the folder and the port of this test."""
    port_file = tmp_path / "port"
    entry_point = [word if word != "/data" else str(tmp_path / "data") for word in command("ENTRYPOINT")]
    environment = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path)}
    process = subprocess.Popen(
        (installed / entry_point[0], *entry_point[1:]),
        env=environment | {"AZDICOM_PORT": "0", "AZDICOM_PORT_FILE": str(port_file)},
        cwd=tmp_path,
    )
    try:
        port = str(listening_port(process, port_file))
        program, *arguments = command("HEALTHCHECK")
        health_check = (str(installed / program), *arguments)
        subprocess.run(health_check, env=environment | {"AZDICOM_PORT": port}, check=True)
        emulator = Emulator(f"http://127.0.0.1:{port}", tmp_path / "data")
        dataset = emulator.store(an_instance())
        assert emulator.retrieve(dataset) == part10(dataset)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    gone = subprocess.run(health_check, env=environment | {"AZDICOM_PORT": port}, check=False, capture_output=True)
    assert gone.returncode == 1


@slow
def test_package_installs_without_the_development_tools(installed: Path) -> None:
    """Own design: the image holds what serving needs, and typed packages."""
    listed = subprocess.run(
        (installed / "python", "-m", "pip", "list", "--format=json"), check=True, capture_output=True, text=True
    )
    names = {entry["name"] for entry in json.loads(listed.stdout)}
    assert "azure-dicom-emulator" in names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "hypothesis"})
    assert len(list(installed.parent.rglob("site-packages/azdicom_*/py.typed"))) == 3
