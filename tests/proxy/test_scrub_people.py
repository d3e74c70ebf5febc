"""Data of patients: PS3.15 Annex E over data sets, JSON, URIs and free text alike (record-replay §9.2)."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from azdicom_proxy.cassette.bodies import content_of, split_multipart
from azdicom_proxy.cassette.model import Cassette, Inline, Interaction, Multipart, RecordedRequest
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.writing import CassetteWriter
from azdicom_proxy.matching.player import Miss, Player
from azdicom_proxy.scrub.confidentiality import Action, action_of, table
from azdicom_proxy.scrub.datasets import METHOD, SYNTHETIC_IMPLEMENTATION_CLASS_UID
from azdicom_proxy.scrub.known import known_values
from azdicom_proxy.scrub.policy import Option, Phi, PolicyError, ScrubPolicy, parse_options, parse_rules
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from tests.proxy.made_cassettes import (
    KEY,
    UPSTREAM,
    a_retrieve,
    a_scrubber,
    a_store,
    an_interaction,
    instance_url,
    record,
    recorded,
    study_url,
    ur,
    written_bytes,
)
from tests.support.instances import an_instance, part10, read

WORDS = ("Quibbleton", "Zephyrine", "PLANTED-ID-77", "Vandersloot")


def a_patient(**attributes: Any) -> Dataset:
    """An instance that says a patient's name, id, birth and physician, at the top, in items, and privately."""
    item = Dataset()
    item.PatientName = "Quibbleton^Zephyrine"
    item.ScheduledPerformingPhysicianName = "Vandersloot^V"
    return an_instance(
        PatientName="Quibbleton^Zephyrine=Kuwi",
        PatientID="PLANTED-ID-77",
        PatientBirthDate="19610203",
        ReferringPhysicianName="Vandersloot^V",
        PatientComments="Zephyrine Quibbleton was here",
        RequestAttributesSequence=[item],
        private=[(0x0011, "ACME", 1, "LO", "Quibbleton")],
        **attributes,
    )


def stored(interaction: Interaction) -> list[Dataset]:
    body = interaction.request.body
    if isinstance(body, Inline):
        split = split_multipart(dict(interaction.request.headers)["Content-Type"], body)
        assert split is not None
        body = split
    assert isinstance(body, Multipart)
    return [read(content_of(part.body)) for part in body.parts]


def scrubbed_dataset(dataset: Dataset, folder: Path, **policy: Any) -> Dataset:
    """The data set as it is recorded when it is stored."""
    cassette = recorded(folder / "c.yaml", a_store(dataset), scrubber=a_scrubber(Phi.BASIC, **policy))
    return stored(cassette.interactions[0])[0]


def a_conversation(dataset: Dataset) -> list[Interaction]:
    """Store, search by name, follow RetrieveURL, frames, an error, delete."""
    result = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Quibbleton^Zephyrine", "Ideographic": "Kuwi"}]},
        "00100020": {"vr": "LO", "Value": ["PLANTED-ID-77"]},
        "00100030": {"vr": "DA", "Value": ["19610203"]},
        "0020000D": {"vr": "UI", "Value": [dataset.StudyInstanceUID]},
        "00081190": ur(study_url(dataset)),
        "00201206": {"vr": "IS", "Value": [1]},
    }
    study = f"/studies/{dataset.StudyInstanceUID}"
    frames = instance_url(dataset).removeprefix(UPSTREAM) + "/frames/1"
    return [
        a_store(dataset),
        an_interaction(
            path="/studies?PatientName=zephyr&fuzzymatching=true&StudyDate=20240101-20240131", answer=[result]
        ),
        an_interaction(path="/studies?00100020=PLANTED-ID-77&includefield=all", answer=[result]),
        an_interaction(path=f"{study}/metadata", answer=[result]),
        a_retrieve(dataset),
        an_interaction(
            path=frames, answer=b"\0\1" * 200, answer_headers=(("Content-Type", "application/octet-stream"),)
        ),
        an_interaction(
            path=study + "/series?PatientID=PLANTED-ID-77",
            status=404,
            answer=f"No study {dataset.StudyInstanceUID} of Quibbleton, Zephyrine (PLANTED-ID-77)".encode(),
            answer_headers=(("Content-Type", "text/plain"),),
        ),
        an_interaction("DELETE", study, status=204),
    ]


def test_no_planted_name_id_or_uid_is_in_any_written_byte(tmp_path: Path) -> None:
    """record-replay §16 check 6: header, URI, JSON, multipart, data set, error text; and in the partial file."""
    dataset = a_patient(rows=128, columns=128)
    writer = CassetteWriter(tmp_path / "c.yaml", scrubber=a_scrubber(Phi.BASIC))
    early_error = an_interaction(
        status=400, answer=b"Vandersloot may not", answer_headers=(("Content-Type", "text/plain"),)
    )
    for interaction in a_conversation(dataset):
        writer.append(interaction)
    partial = written_bytes(tmp_path)
    writer.append(early_error)
    writer.close()

    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    for name, content in {**partial, **written_bytes(tmp_path)}.items():
        for word in (*WORDS, "19610203", "Kuwi", *uids):
            assert word.lower().encode() not in content.lower(), f"{word} in {name}"


def test_a_name_in_an_error_before_the_data_set_is_found_at_the_end(tmp_path: Path) -> None:
    """record-replay §9.2: every original name seen in the data sets is also searched literally."""
    early = an_interaction(
        status=400, answer=b"Quibbleton is unknown", answer_headers=(("Content-Type", "text/plain"),)
    )

    record(tmp_path / "c.yaml", early, a_store(a_patient()), scrubber=a_scrubber(Phi.BASIC))

    assert b"quibbleton" not in (tmp_path / "c.yaml").read_bytes().lower()


def replay_scrubber(cassette: Cassette) -> Player:
    scrubber = a_scrubber(Phi.BASIC, known=known_values(cassette))
    return Player(cassette, scrub_request=scrubber.request)


def test_a_scrubbed_conversation_replays_to_the_same_client(tmp_path: Path) -> None:
    """record-replay §16 check 7: the client sends its originals again."""
    conversation = a_conversation(a_patient(rows=128, columns=128))
    player = replay_scrubber(recorded(tmp_path / "c.yaml", *conversation, scrubber=a_scrubber(Phi.BASIC)))

    answers = [player.play(interaction.request) for interaction in conversation]

    assert [isinstance(answer, Miss) for answer in answers] == [False] * len(conversation)
    assert player.unplayed() == []


def test_a_client_that_follows_scrubbed_answers_finds_what_it_follows(tmp_path: Path) -> None:
    """record-replay §9: a scrubbed response value is used to build the next URL."""
    dataset = a_patient()
    conversation = a_conversation(dataset)
    cassette = recorded(tmp_path / "c.yaml", *conversation, scrubber=a_scrubber(Phi.BASIC))
    player = replay_scrubber(cassette)

    search = player.play(conversation[1].request)
    assert not isinstance(search, Miss)
    (found,) = json.loads(content_of(search.response.body))
    retrieve_url = found["00081190"]["Value"][0]
    patient_id = found["00100020"]["Value"][0]
    followed = player.play(RecordedRequest("GET", retrieve_url, conversation[4].request.headers))
    by_id = player.play(
        RecordedRequest(
            "GET", f"{UPSTREAM}/studies?PatientID={patient_id}&includefield=all", conversation[2].request.headers
        )
    )

    assert not isinstance(followed, Miss)
    assert followed.route == "GET /studies/{study}"
    assert not isinstance(by_id, Miss)
    assert by_id.id == "qido-studies-0002"


def test_a_short_id_that_occurs_elsewhere_is_still_replaced_at_replay(tmp_path: Path) -> None:
    """record-replay §9: only values that the profile replaces count as replacements."""
    result = {"00100020": {"vr": "LO", "Value": ["1"]}, "00080060": {"vr": "CS", "Value": ["CT"]}}
    search = an_interaction(path="/studies?PatientID=1", answer=[result, {"00201209": {"vr": "LO", "Value": ["1"]}}])

    player = replay_scrubber(recorded(tmp_path / "c.yaml", search, scrubber=a_scrubber(Phi.BASIC)))

    assert not isinstance(player.play(search.request), Miss)


def test_a_uid_in_a_file_name_is_replaced(tmp_path: Path) -> None:
    """record-replay §9.2: every UID in free text."""
    error = an_interaction(answer=b"no 1.2.826.0.77.1.dcm", answer_headers=(("Content-Type", "text/plain"),))

    (kept,) = recorded(tmp_path / "c.yaml", error, scrubber=a_scrubber(Phi.BASIC)).interactions

    assert content_of(kept.response.body) == f"no {Pseudonyms(KEY).uid('1.2.826.0.77.1')}.dcm".encode()


def test_one_original_has_one_replacement_in_every_place(tmp_path: Path) -> None:
    """record-replay §9: in paths, queries, JSON, parts and RetrieveURL."""
    dataset = a_patient()
    store, search, by_id, _, retrieve, *_ = recorded(
        tmp_path / "c.yaml", *a_conversation(dataset), scrubber=a_scrubber(Phi.BASIC)
    ).interactions
    pseudonyms = Pseudonyms(KEY)
    study, patient_id = pseudonyms.uid(dataset.StudyInstanceUID), pseudonyms.text("PLANTED-ID-77")
    (kept,) = stored(store)
    (result,) = json.loads(content_of(search.response.body))

    assert kept.StudyInstanceUID == study == result["0020000D"]["Value"][0]
    assert kept.file_meta.MediaStorageSOPInstanceUID == kept.SOPInstanceUID == pseudonyms.uid(dataset.SOPInstanceUID)
    assert result["00081190"]["Value"][0].endswith(f"/v2/studies/{study}")
    assert retrieve.request.uri.endswith(f"/studies/{study}")
    assert kept.PatientID == patient_id == result["00100020"]["Value"][0]
    assert parse_qs(urlsplit(by_id.request.uri).query)["00100020"] == [patient_id]
    assert (
        str(kept.PatientName)
        .lower()
        .split("^")[1]
        .startswith(parse_qs(urlsplit(search.request.uri).query)["PatientName"][0])
    )
    assert study.startswith("2.25.")
    assert kept.SOPClassUID == dataset.SOPClassUID


def test_stored_data_sets_say_that_they_are_de_identified_and_results_do_not(tmp_path: Path) -> None:
    """record-replay §9.2: (0012,0062), (0012,0063), (0012,0064), (0028,0303); nothing is added to search results."""
    store, search, *_ = recorded(
        tmp_path / "c.yaml",
        *a_conversation(a_patient()),
        scrubber=a_scrubber(Phi.BASIC, options=frozenset({Option.RETAIN_UIDS})),
    ).interactions
    (kept,) = stored(store)

    assert kept.PatientIdentityRemoved == "YES"
    assert kept.DeidentificationMethod == METHOD
    assert [item.CodeValue for item in kept.DeidentificationMethodCodeSequence] == ["113100", "113110"]
    assert kept.LongitudinalTemporalInformationModified == "REMOVED"
    (result,) = json.loads(content_of(search.response.body))
    assert not {"00120062", "00120063", "00120064", "00280303"} & result.keys()


def test_the_profile_removes_empties_and_replaces_as_the_table_says(tmp_path: Path) -> None:
    """PS3.15 table E.1-1: X, Z, D and U of some attributes."""
    dataset = a_patient(
        PatientAge="045Y", StudyDescription="Knee", AccessionNumber="ACC7", InstitutionName="St. Elsewhere"
    )

    kept = scrubbed_dataset(dataset, tmp_path)

    assert "PatientAge" not in kept
    assert "PatientComments" not in kept
    assert "InstitutionName" not in kept
    assert kept.PatientBirthDate in ("", None)
    assert kept.AccessionNumber not in ("", "ACC7")
    assert kept.PixelData == dataset.PixelData
    assert not [element for element in kept if element.tag.is_private]
    assert kept.Modality == "CT"


@pytest.mark.parametrize(
    ("option", "keyword", "is_kept"),
    [
        (Option.RETAIN_UIDS, "StudyInstanceUID", True),
        (Option.RETAIN_PATIENT_CHARACTERISTICS, "PatientAge", True),
        (Option.RETAIN_INSTITUTION_IDENTITY, "InstitutionName", True),
        (Option.RETAIN_DEVICE_IDENTITY, "StationName", True),
        (Option.RETAIN_FULL_DATES, "StudyDate", True),
        (Option.RETAIN_MODIFIED_DATES, "StudyDate", False),
        (Option.CLEAN_DESCRIPTORS, "StudyDescription", True),
    ],
)
def test_options_retain_what_they_name(tmp_path: Path, option: Option, keyword: str, is_kept: bool) -> None:
    """PS3.15 §E.3."""
    dataset = a_patient(
        PatientAge="045Y",
        StudyDescription="Knee",
        InstitutionName="St. Elsewhere",
        StationName="CT7",
        StudyDate="20240117",
    )

    plain = scrubbed_dataset(dataset, tmp_path / "plain")
    optional = scrubbed_dataset(dataset, tmp_path / "optional", options=frozenset({option}))

    assert plain.get(keyword) != dataset.get(keyword)
    assert (optional.get(keyword) == dataset.get(keyword)) is is_kept


def test_descriptions_are_cleaned_of_names(tmp_path: Path) -> None:
    """PS3.15 §E.3.5: clean descriptors."""
    dataset = a_patient(StudyDescription="Knee of Quibbleton")

    kept = scrubbed_dataset(dataset, tmp_path, options=frozenset({Option.CLEAN_DESCRIPTORS}))

    assert kept.StudyDescription.startswith("Knee of ")
    assert "Quibbleton" not in kept.StudyDescription


def test_dates_move_together_with_the_queries_for_them(tmp_path: Path) -> None:
    """record-replay §9.2: a constant shift, query values shift along."""
    options = frozenset({Option.RETAIN_MODIFIED_DATES})
    search = an_interaction(
        path="/studies?StudyDate=20240101-20240131",
        answer=[
            {
                "00080020": {"vr": "DA", "Value": ["20240117"]},
                "0008002A": {"vr": "DT", "Value": ["20240117101500+0100"]},
            }
        ],
    )

    (kept,) = recorded(tmp_path / "c.yaml", search, scrubber=a_scrubber(Phi.BASIC, options=options)).interactions

    start, _, end = parse_qs(urlsplit(kept.request.uri).query)["StudyDate"][0].partition("-")
    (result,) = json.loads(content_of(kept.response.body))
    (date,) = result["00080020"]["Value"]
    assert start < date < end
    assert date != "20240117"
    assert result["0008002A"]["Value"][0] == date + "101500+0100"


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless],
    ids=lambda syntax: syntax.name,
)
def test_pixel_data_stay_as_they_are_in_every_transfer_syntax(tmp_path: Path, syntax: Any) -> None:
    """record-replay §9.2: pixel data kept by default."""
    dataset = a_patient(transfer_syntax=syntax)

    kept = scrubbed_dataset(read(part10(dataset)), tmp_path)

    assert kept.file_meta.TransferSyntaxUID == syntax
    assert kept.PixelData == dataset.PixelData
    assert kept.PatientName != dataset.PatientName


def test_a_large_file_is_not_held_in_memory_to_be_scrubbed(tmp_path: Path) -> None:
    """record-replay §3: only the data set before the pixel data is read."""
    dataset = a_patient(rows=1024, columns=1024)

    cassette = recorded(tmp_path / "c.yaml", a_store(dataset), scrubber=a_scrubber(Phi.BASIC))

    assert stored(cassette.interactions[0])[0].PixelData == dataset.PixelData


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_clean_pixel_data_blanks_them(tmp_path: Path, syntax: Any) -> None:
    """record-replay §9.2: `clean-pixel-data` blanks everything."""
    dataset = a_patient(transfer_syntax=syntax)

    kept = scrubbed_dataset(read(part10(dataset)), tmp_path, options=frozenset({Option.CLEAN_PIXEL_DATA}))

    assert any(dataset.PixelData)
    assert kept.PixelData == bytes(len(dataset.PixelData))
    assert "113101" in [item.CodeValue for item in kept.DeidentificationMethodCodeSequence]


def test_clean_pixel_data_blanks_frames_and_refuses_pictures(tmp_path: Path) -> None:
    """record-replay §9.2: what shows pixel data in another form is no loophole."""
    writer = CassetteWriter(
        tmp_path / "c.yaml", scrubber=a_scrubber(Phi.BASIC, options=frozenset({Option.CLEAN_PIXEL_DATA}))
    )

    frames = writer.append(
        an_interaction(answer=b"\1" * 9, answer_headers=(("Content-Type", "application/octet-stream"),))
    )
    rendered = writer.append(an_interaction(answer=b"\1" * 9, answer_headers=(("Content-Type", "image/jpeg"),)))
    writer.close()

    assert frames is not None
    assert content_of(frames.response.body) == bytes(9)
    assert rendered is None


def test_encapsulated_pixel_data_that_cannot_be_blanked_are_not_recorded(tmp_path: Path) -> None:
    """Refusing is better than pretending."""
    writer = CassetteWriter(
        tmp_path / "c.yaml", scrubber=a_scrubber(Phi.BASIC, options=frozenset({Option.CLEAN_PIXEL_DATA}))
    )

    assert writer.append(a_store(a_patient(transfer_syntax=RLELossless))) is None
    report = writer.close()
    assert report.refused == 1
    assert "encapsulated" in report.warnings[0]


def test_recognizable_visual_features_are_refused() -> None:
    """record-replay §9.2: refuse instead of pretending."""
    with pytest.raises(PolicyError, match="cannot be removed"):
        parse_options(["clean-recognizable-visual-features"])
    with pytest.raises(PolicyError, match=r"Known: .*retain-uids"):
        parse_options(["retain-uid"])


def test_encapsulated_documents_become_stubs(tmp_path: Path) -> None:
    """record-replay §9.2: PDF and CDA are replaced."""
    dataset = a_patient(
        has_pixel_data=False, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", EncapsulatedDocument=b"%PDF Quibbleton "
    )

    kept = scrubbed_dataset(dataset, tmp_path)

    assert kept.EncapsulatedDocument.startswith(b"%PDF-1.4")
    assert b"Quibbleton" not in kept.EncapsulatedDocument


def test_burned_in_names_are_warned_of(tmp_path: Path) -> None:
    """record-replay §9.2: BurnedInAnnotation YES, or absent for US, SC, ES, XC."""
    report = record(tmp_path / "c.yaml", a_store(a_patient(Modality="US")), scrubber=a_scrubber(Phi.BASIC))

    assert len(report.warnings) == 1
    assert "BurnedInAnnotation is absent (modality US)" in report.warnings[0]


def test_synthetic_only_refuses_what_nobody_generated(tmp_path: Path) -> None:
    """record-replay §9.2: marked by the implementation class UID."""
    real, synthetic = an_instance(), an_instance()
    synthetic.file_meta.ImplementationClassUID = UID(SYNTHETIC_IMPLEMENTATION_CLASS_UID)
    writer = CassetteWriter(tmp_path / "c.yaml", scrubber=a_scrubber(Phi.SYNTHETIC_ONLY))

    assert writer.append(a_store(real)) is None
    assert writer.append(a_store(synthetic)) is not None
    assert "synthetic-only" in writer.close().warnings[0]


def test_private_elements_that_are_declared_safe_can_stay(tmp_path: Path) -> None:
    """PS3.15 §E.3.10, PS3.3 §C.12.1.1.7: block identifying information status SAFE."""
    safe = Dataset()
    safe.PrivateGroupReference, safe.PrivateCreatorReference = 0x0011, "ACME"
    safe.BlockIdentifyingInformationStatus = "SAFE"
    dataset = an_instance(
        private=[(0x0011, "ACME", 1, "LO", "harmless"), (0x0011, "OTHER", 1, "LO", "unknown")],
        PrivateDataElementCharacteristicsSequence=[safe],
    )

    kept = scrubbed_dataset(dataset, tmp_path, options=frozenset({Option.RETAIN_SAFE_PRIVATE}))

    assert [element.value for element in kept if element.tag.is_private] == ["ACME", "harmless"]


def test_own_rules_are_added(tmp_path: Path) -> None:
    """record-replay §9.3."""
    rules = parse_rules(
        {
            "headers": {"x-clinic": "CLINIC"},
            "json": [{"path": "$..email", "with": "someone@example.org"}],
            "regex": [{"in": ["uri", "body"], "find": "tenant-[a-z]+", "with": "tenant-x"}],
            "dicom": [
                {"tag": "(0010,1040)", "action": "X"},
                {"tag": "AccessionNumber", "action": "D", "value": "ACC1"},
            ],
        }
    )
    interaction = an_interaction(
        path="/studies?x=tenant-north",
        headers=(("X-Clinic", "St. Elsewhere"),),
        answer=b'{"a": [{"email": "a@b.de"}], "t": "tenant-north"}',
        answer_headers=(("Content-Type", "application/json"),),
    )
    store = a_store(an_instance(AccessionNumber="7", PatientAddress="Main Street"))

    first, second = recorded(
        tmp_path / "c.yaml", interaction, store, scrubber=a_scrubber(Phi.KEEP, rules=rules)
    ).interactions

    assert first.request.headers == (("X-Clinic", "CLINIC"),)
    assert first.request.uri.endswith("?x=tenant-x")
    assert json.loads(content_of(first.response.body)) == {"a": [{"email": "someone@example.org"}], "t": "tenant-x"}
    (kept,) = stored(second)
    assert kept.AccessionNumber == "ACC1"
    assert "PatientAddress" not in kept
    assert kept.PatientName == "Doe^Jane"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"header": {}}, "unknown key 'header'"),
        ({"regex": [{"find": "("}]}, "malformed"),
        ({"regex": [{"in": ["url"], "find": "a", "with": "b"}]}, "unknown place 'url'"),
        ({"dicom": [{"tag": "NoSuchTag"}]}, "'NoSuchTag' is no tag"),
        ({"dicom": [{"tag": "PatientID", "action": "C"}]}, "unknown action 'C'"),
        ([], ""),
        (["x"], "a mapping"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(block: Any, expected: str) -> None:
    """record-replay §1: a configuration error says what and what would be."""
    if not expected:
        assert parse_rules(block).regex == ()
        return
    with pytest.raises(PolicyError, match=expected):
        parse_rules(block)


def test_an_unreadable_part_loses_known_names_and_keeps_its_length(tmp_path: Path) -> None:
    """record-replay §7.2: a part that does not parse is compared by its hash, so it is stored."""
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\nno DICOM of Quibbleton\r\n--b--\r\n"
    broken = an_interaction("POST", headers=(("Content-Type", "multipart/related; boundary=b"),), body=body, status=409)

    _, kept = recorded(tmp_path / "c.yaml", a_store(a_patient()), broken, scrubber=a_scrubber(Phi.BASIC)).interactions

    content = content_of(kept.request.body)
    assert b"Quibbleton" not in content
    assert b"no DICOM of " in content


NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(name=NAMES, other=NAMES, length=st.integers(1, 20))
def test_replacements_of_text_are_one_to_one_and_keep_beginnings(name: str, other: str, length: int) -> None:
    """record-replay §9.2: fuzzy searches still hit; no letter stays where it was."""
    pseudonyms = Pseudonyms(KEY)
    fake = pseudonyms.text(name)

    assert len(fake) == len(name)
    assert all(letter != original for letter, original in zip(fake, name, strict=True))
    assert pseudonyms.text(name[:length]) == fake[:length]
    assert (pseudonyms.text(other.lower()) == fake.lower()) == (other.lower() == name.lower())


def test_names_keep_their_components_and_case() -> None:
    """record-replay §9.2: component count is preserved, accents and other scripts become ASCII letters."""
    pseudonyms = Pseudonyms(KEY)

    fake = pseudonyms.text("Müller^Ann-Marie^^Dr.=山田^太郎")

    assert [group.count("^") for group in fake.split("=")] == [3, 1]
    assert fake.isascii()
    assert fake[0].isupper()
    assert pseudonyms.text("muller") == fake.split("^")[0].lower()


def test_every_row_of_the_table_has_an_action() -> None:
    """PS3.15 table E.1-1: 620 rows; choices are resolved by the attribute's type."""
    policy = ScrubPolicy()

    assert len(table()) == 620
    assert action_of(0x00100010, policy) is Action.ZERO
    assert action_of(0x00080018, policy) is Action.UID
    assert action_of(0x00181000, policy) is Action.DUMMY
    assert action_of(0x00080080, policy) is Action.REMOVE
    assert action_of(0x60003000, policy) is Action.REMOVE
    assert action_of(0x50020010, policy) is Action.REMOVE
    assert action_of(0x00280010, policy) is None


def test_a_change_feed_is_mapped_and_not_marked(tmp_path: Path) -> None:
    """record-replay §9.2: members that hold UIDs, and the data set inside."""
    entry = {
        "sequence": 7,
        "studyInstanceUid": "1.2.3",
        "metadata": {
            "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
            "00100020": {"vr": "LO", "Value": ["PLANTED-ID-77"]},
        },
    }
    feed = an_interaction(
        path="/changefeed", answer=json.dumps([entry]).encode(), answer_headers=(("Content-Type", "application/json"),)
    )

    (kept,) = recorded(tmp_path / "c.yaml", feed, scrubber=a_scrubber(Phi.BASIC)).interactions

    (found,) = json.loads(content_of(kept.response.body))
    uid = Pseudonyms(KEY).uid("1.2.3")
    assert found["studyInstanceUid"] == uid
    assert found["metadata"].keys() == {"0020000D", "00100020"}
    assert found["metadata"]["0020000D"]["Value"] == [uid]
    assert found["sequence"] == 7


def test_the_key_decides_the_replacements_and_nothing_else_does(tmp_path: Path) -> None:
    """record-replay §9.2: HMAC-SHA-256 with the project's key; the same on every machine."""
    dataset = a_patient()
    for name in ("one", "two"):
        record(tmp_path / name / "c.yaml", *a_conversation(dataset), scrubber=a_scrubber(Phi.BASIC))

    assert written_bytes(tmp_path / "one") == written_bytes(tmp_path / "two")
    assert Pseudonyms(bytes(32)).uid("1.2.3") != Pseudonyms(KEY).uid("1.2.3")
    assert load(tmp_path / "one" / "c.yaml").interactions
