"""What the search for leaks finds: two persons who share an image, or two datasets that their manifests say overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.audit.images import Person
from universeg.store import Store

LEAK, DUPLICATE = "leak", "duplicate"
EVIDENCE = ("near duplicate", "same pixels", "same file")  # from the weakest to the strongest
TRAIN = "train"  # the role of datasets that networks learn from
SURE = ("known", "likely")  # how sure an overlap must be to count as a leak


@dataclass(frozen=True)
class Pair:
    """Two persons who are probably one, because they share images."""

    evidence: str  # one of EVIDENCE
    one: Person
    other: Person
    similarity: float = 1.0  # of the most similar two images, from 0 to 1
    images: tuple[int, ...] = ()  # the numbers of these two images
    files: tuple[str, ...] = ()  # the source files, if they are the same
    count: int = 0  # of pairs of images, one of each person

    @property
    def verdict(self) -> str:
        """A leak, if a network could learn from the one what it is evaluated or validated on with the other.

        Networks learn from the support splits of training datasets. In one dataset, examples are of the support split
        too, so a person of it must not be in another split.
        """
        for_training = self.one.role == TRAIN, self.other.role == TRAIN
        apart = self.one.split != self.other.split and (all(for_training) or self.one.dataset == self.other.dataset)
        return LEAK if for_training[0] != for_training[1] or apart else DUPLICATE

    @property
    def strength(self) -> float:
        """Of the evidence; larger is surer."""
        return EVIDENCE.index(self.evidence) + self.similarity

    def __str__(self) -> str:
        similarity = f" ({self.similarity:.2f})" if self.evidence == EVIDENCE[0] else ""
        return f"{self.verdict}: {self.one} and {self.other}: {self.evidence}{similarity}, {self.count} images"


@dataclass(frozen=True)
class Declared:
    """An overlap of two datasets that a manifest declares, and that is in both stores."""

    dataset: str
    other: str
    roles: tuple[str, str]
    shared: str  # known, likely or possible
    what: str

    @property
    def verdict(self) -> str:
        """A leak, if it is sure enough, and one of the two datasets is for training and the other is not."""
        crosses = (self.roles[0] == TRAIN) != (self.roles[1] == TRAIN)
        return LEAK if self.shared in SURE and crosses else "declared"

    def __str__(self) -> str:
        both = f"{self.dataset} ({self.roles[0]}) and {self.other} ({self.roles[1]})"
        return f"{self.verdict}: {both} share scans or persons ({self.shared}): {self.what}"


def declared_overlaps(stores: Sequence[Store]) -> list[Declared]:
    """The declared overlaps between these stores, each once; from the header that is surer, if both declare it."""
    headers = {store.header["dataset"]: store.header for store in stores}
    found = dict[frozenset[str], Declared]()
    for name, header in headers.items():
        for entry in header.get("overlaps", []):
            other = entry["dataset"]
            if other in headers and other != name:
                roles = str(header.get("role")), str(headers[other].get("role"))
                declared = Declared(name, other, roles, entry["shared"], entry["what"])
                before = found.setdefault(frozenset((name, other)), declared)
                if before.shared not in SURE and declared.shared in SURE:
                    found[frozenset((name, other))] = declared
    return sorted(found.values(), key=lambda one: (one.verdict != LEAK, one.dataset, one.other))


def number_of_leaks(declared: Sequence[Declared], found: Sequence[Pair]) -> int:
    """How many of the overlaps and pairs must not be."""
    return sum(one.verdict == LEAK for one in declared) + sum(one.verdict == LEAK for one in found)
