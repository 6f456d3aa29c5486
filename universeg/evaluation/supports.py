"""Frozen support sets: which queries a table rests on and with which support sets, as names in one small file.

Another method can then be scored on exactly the same episodes, here or in other code. The file is JSON:

    format     "universeg supports 1"
    about      how the sets were drawn; for people only
    stores     dataset -> digest of its middle slices
    tasks      task -> names (of subjects), and queries: query -> N -> K support sets, each N places in `names`
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import universeg
from universeg.base.atomic_write import atomic_write
from universeg.episodes.episode import Episode
from universeg.episodes.sampling import matching
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.config import EvaluateConfig
from universeg.evaluation.protocol import EvaluationSet, evaluation_set, query_episodes
from universeg.store import Store, Task

FORMAT = "universeg supports 1"
MAX_BYTES = 1 << 28  # of a file; one with 160 queries at N = 64, K = 10 has 0.34 MB

Sets = Mapping[int, Sequence[tuple[str, ...]]]  # N -> support sets in order


@dataclass(frozen=True)
class Supports:
    """The support sets of each task and query, and the digests of the stores that they are from."""

    stores: Mapping[str, str]
    sets: Mapping[str, Mapping[str, Sets]]
    about: Mapping[str, Any]

    @classmethod
    def of(cls, stores: TaskStores, episodes: Sequence[Episode], about: Mapping[str, Any]) -> Self:
        """The support sets of these episodes; those of the same query and size in their order."""
        sets = dict[str, dict[str, dict[int, list[tuple[str, ...]]]]]()
        for episode in episodes:
            own = sets.setdefault(episode.task, {}).setdefault(episode.query, {})
            own.setdefault(len(episode.support), []).append(episode.support)
        datasets = sorted({Task.parse(task).dataset for task in sets})
        return cls({name: store_digest(stores.by_dataset[name]) for name in datasets}, sets, about)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The support sets in a file; raises ValueError if it is not such a file."""
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path} has {path.stat().st_size} bytes; a file of support sets has at most {MAX_BYTES}")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            sets = {str(task): _named(**facts) for task, facts in content["tasks"].items()}
            digests = {str(name): str(digest) for name, digest in content["stores"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"{path} is not a file of support sets ({FORMAT}): {error!r}") from error
        return cls(digests, sets, dict(content.get("about") or {}))

    def write(self, path: Path) -> None:
        """Write the file, completely or not at all."""
        tasks = {task: _numbered(queries) for task, queries in sorted(self.sets.items())}
        content = {"format": FORMAT, "about": dict(self.about), "stores": dict(self.stores), "tasks": tasks}
        with atomic_write(path) as part:
            part.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")

    def digest(self) -> str:
        """A hash of the stores, queries and support sets."""
        text = json.dumps([self.stores, {task: _numbered(queries) for task, queries in sorted(self.sets.items())}])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def episodes(self, task: str, query: str, size: int, count: int) -> list[Episode]:
        """The first `count` episodes of a query with N = `size`; raises ValueError if there are fewer."""
        found = self.sets[task][query].get(size, ())
        if len(found) < count:
            known = ", ".join(f"N = {n}: {len(sets)}" for n, sets in sorted(self.sets[task][query].items()))
            raise ValueError(
                f"{task}, query {query}: {count} support sets with N = {size} are needed, the file has {known};"
                " set --support-size and --ensemble to what it has"
            )
        return [Episode(task, "mid", query, support) for support in found[:count]]

    def check(self, stores: TaskStores) -> None:
        """Raise ValueError unless all its stores are given and have the same middle slices as when it was written."""
        wrong = []
        for dataset, digest in self.stores.items():
            store = stores.by_dataset.get(dataset)
            if store is None:
                wrong.append(f"  {dataset}: there is no store of it")
            elif (found := store_digest(store)) != digest:
                wrong.append(f"  {dataset}: {store.path} has the digest {found}, expected {digest}")
        if wrong:
            lines = ["the support sets are of other stores, so the scores could not be compared:", *wrong]
            raise ValueError("\n".join([*lines, "give the same stores, or draw support sets anew without --supports"]))


def chosen_episodes(config: EvaluateConfig, stores: TaskStores) -> tuple[EvaluationSet, Supports | None]:
    """The queries of an evaluation; and, with `config.supports`, their support sets, from that file or written to it.

    Raises ValueError if there are no queries, or if the file does not fit the stores.
    """
    path = config.supports
    if path is not None and path.exists():
        return _from_file(path, config, stores)
    queries = evaluation_set(stores, config.datasets, config.tasks, config.split, config.queries)
    if path is None:
        return queries, None
    how = config.seed, config.examples
    drawn = [
        episode
        for task, names in queries.queries.items()
        for query in names
        for size in config.support_size
        for episode in query_episodes(stores.of(task), task, query, size, max(config.ensemble), *how)
    ]
    about = {name: getattr(config, name) for name in ("split", "queries", "examples", "seed")}
    supports = Supports.of(stores, drawn, {"universeg": universeg.__version__, **about})
    supports.write(path)
    return queries, supports


def _from_file(path: Path, config: EvaluateConfig, stores: TaskStores) -> tuple[EvaluationSet, Supports]:
    supports = Supports.read(path)
    supports.check(stores)
    tasks = matching(list(supports.sets), config.tasks)
    if config.datasets:
        tasks = [task for task in tasks if Task.parse(task).dataset in config.datasets]
    if not tasks:
        known = ", ".join(supports.stores)
        raise ValueError(f"{path} has no support sets of {', '.join(config.datasets)}; it has those of {known}")
    return EvaluationSet({task: list(supports.sets[task]) for task in tasks}, []), supports


def store_digest(store: Store) -> str:
    """A hash of the names, pixels and splits of the middle slices of a store."""
    digest = hashlib.sha256(json.dumps(store.header.get("splits", {}), sort_keys=True).encode())
    for key, value in store.packed():
        if key.startswith(b"mid/"):
            digest.update(key + b"\0" + value[:8])  # a record begins with its checksum
    return digest.hexdigest()[:16]


def _numbered(queries: Mapping[str, Sets]) -> dict[str, Any]:
    """The part of a task in the file: names, and support sets as places in them."""
    names = sorted({name for sets in queries.values() for own in sets.values() for one in own for name in one})
    place = {name: number for number, name in enumerate(names)}
    numbered = {
        query: {str(size): [[place[name] for name in one] for one in own] for size, own in sorted(sets.items())}
        for query, sets in sorted(queries.items())
    }
    return {"names": names, "queries": numbered}


def _named(names: Sequence[str], queries: Mapping[str, Any]) -> dict[str, Sets]:
    """The support sets of a task from its part in the file; raises ValueError for a set of another size."""
    found = dict[str, Sets]()
    for query, sets in queries.items():
        own = {
            int(size): [tuple(_name(names, number) for number in one) for one in each] for size, each in sets.items()
        }
        for size, each in own.items():
            if any(len(one) != size for one in each):
                raise ValueError(f"query {query!r} has a support set that is not of {size} names")
        found[query] = own
    return found


def _name(names: Sequence[str], number: int) -> str:
    if not 0 <= number < len(names):
        raise ValueError(f"there is no name number {number}")
    return str(names[number])
