"""What a run has created, since on a live service it deletes nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from azdicom_proxy.cassette.naming import locate
from azdicom_scenarios.running.exchanges import Exchange, Request


@dataclass(slots=True)
class Creations:
    """studies: UIDs of studies that were not there before. is_guarded: others may not be deleted."""

    is_guarded: bool = False
    studies: set[str] = field(default_factory=set)
    query_tags: set[str] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)

    def refusal(self, request: Request, is_there: Callable[[str], bool]) -> str | None:
        """Why a DELETE is not sent; None: it may be. is_there: whether GET of a resource below the base finds one.

        What is not there may be deleted: the service says 404, and nobody loses anything.
        """
        if not self.is_guarded or request.method != "DELETE":
            return None
        location = locate(request.method, request.target)
        if (study := location.parameters.get("study")) is not None:
            partition = f"/partitions/{quote(location.partition)}" if location.partition else ""
            if study in self.studies or not is_there(f"{partition}/studies?StudyInstanceUID={quote(study)}&limit=1"):
                return None
            return f"the study {study} was not created by this run"
        if (tag := location.parameters.get("tag")) is not None:
            if tag in self.query_tags or not is_there(f"/extendedquerytags/{quote(tag)}"):
                return None
            return f"the extended query tag {tag} was not added by this run"
        if location.slug == "ups-unsubscribe":
            return None if request.target in self.subscriptions else "this run has not subscribed it"
        return f"this run has not created {unquote(request.target)}"

    def learn(self, exchange: Exchange) -> None:
        """What a request that went well has added beside studies, which only those who looked before may add."""
        answer, request = exchange.answer, exchange.request
        if answer is None or not 200 <= answer.status < 300 or request.method != "POST":
            return
        slug = locate(request.method, request.target).slug
        if slug == "tags-add":
            self.query_tags.update(_paths(request.body or b""))
        elif slug == "ups-subscribe":
            self.subscriptions.add(request.target)


def _paths(body: bytes) -> set[str]:
    try:
        tags = json.loads(body)
    except ValueError:
        return set()
    return {str(tag.get("path")) for tag in tags if isinstance(tag, dict)} if isinstance(tags, list) else set()
