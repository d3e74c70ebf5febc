"""The cache of stored versions: bounded, and never older than the index."""

from azdicom_emulator.storage.cache import InstanceCache
from azdicom_emulator.storage.records import StoredInstance
from tests.storage.stores import EXPLICIT_VR_LITTLE_ENDIAN, KEY, sibling


def version(watermark: int, instance: str = KEY.instance) -> StoredInstance:
    return StoredInstance(sibling(instance), watermark, EXPLICIT_VR_LITTLE_ENDIAN, 1)


def test_the_least_recently_used_goes_first() -> None:
    """docs/architecture.md: a bounded map."""
    cache = InstanceCache(2)
    cache.put(version(1, "a"))
    cache.put(version(2, "b"))
    assert cache.get(sibling("a")) == version(1, "a")
    cache.put(version(3, "c"))
    assert [cache.get(sibling(name)) is not None for name in "abc"] == [True, False, True]


def test_a_look_up_that_overlaps_with_a_delete_is_not_remembered() -> None:
    """azure-apis §4: a delete is visible at once, and stays so."""
    cache = InstanceCache(2)
    began = cache.generation
    cache.drop([version(1)])
    cache.remember([version(1)], began)
    assert cache.get(KEY) is None
    cache.remember([version(1)], cache.generation)
    assert cache.get(KEY) == version(1)


def test_a_look_up_that_overlaps_with_a_replacing_store_does_not_bring_the_old_version_back() -> None:
    """store §9, PUT: the instance is replaced as a whole."""
    cache = InstanceCache(1)
    began = cache.generation
    cache.put(version(2), replaces=True)
    cache.put(version(3, "other"))
    cache.remember([version(1)], began)
    assert cache.get(KEY) is None


def test_dropping_an_old_version_keeps_the_new_one() -> None:
    """azure-apis §4: a store that ends after the delete stays."""
    cache = InstanceCache(2)
    cache.put(version(2))
    cache.drop([version(1)])
    assert cache.get(KEY) == version(2)


def test_versions_that_are_switched_replace_others_and_outdate_look_ups() -> None:
    """async §2.5: all instances of a study switch together."""
    cache = InstanceCache(2)
    cache.put(version(1, "a"))
    cache.put(version(2, "b"))
    began = cache.generation
    cache.switch([version(3, "a"), version(4, "b")])
    cache.remember([version(1, "a")], began)
    assert [cache.get(sibling(name)) for name in "ab"] == [version(3, "a"), version(4, "b")]
