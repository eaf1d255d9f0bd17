"""What goes into one package, under which names, and the links that come of a run."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from downman.domain.naming import TakenNames, safe_name
from downman.domain.policy import Delivery
from downman.domain.ports import UNPROVEN, PackageStorage, RemoteFile, StagedFile
from downman.services.leases import Claim, ClaimedPart
from downman.services.outcome import Failure, NewLink
from downman.services.package_storage import package_target
from downman_flows.runs import manifest
from downman_flows.runs.fetching import Fetched
from downman_flows.storage.zip_package import Member, WrittenPackage, WrongMembers, write_package

#: Letters that the list of parts may take in the name of a package.
LONGEST_LIST = 60


class PackageBuilder:
    """One package: files come in as they are fetched, the manifest last."""

    def __init__(self, claim: Claim, storage: PackageStorage) -> None:
        """Prepare; nothing is written until there is something to write."""
        self._claim = claim
        self._names = TakenNames(manifest.NAME)
        self._files: dict[str, tuple[ClaimedPart, StagedFile]] = {}
        self._left_out: list[tuple[ClaimedPart, Failure]] = []
        #: Its key in the storage; what people call it follows when it is known what it holds.
        self.target = package_target(claim.request_id, claim.attempt, f"downman-{claim.number}-{claim.attempt}.zip")
        self._storage = storage
        self._package: WrittenPackage | None = None
        #: The part whose files are being written, or have proven wrong; None before and after all of them.
        self.writing: ClaimedPart | None = None

    def write(self, results: Iterable[Fetched], *, tick: Callable[[], None]) -> None:
        """Zip the results as they come in; writes no package when none of them brought a file.

        Raises `NoSpace`, and whatever `tick` or the results raise.
        """
        members = self._members(results)
        first = next(members, None)
        if first is None:
            return
        try:
            with self._storage.create(self.target) as path:
                package = write_package(
                    path,
                    chain([first], members),
                    manifest=(manifest.NAME, lambda: manifest.build_manifest(self._claim, self._files, self._left_out)),
                    tick=tick,
                )
        except WrongMembers as exc:
            self.writing = next((self._files[name][0] for name in exc.names if name in self._files), None)
            raise
        self._package = package

    def links(self) -> list[NewLink]:
        """Return the link of the package, if there is one."""
        if self._package is None:
            return []
        delivered = {part.locator_id: part for part, _ in self._files.values()}.values()
        places = [part.position + 1 for part in delivered]
        return [
            NewLink(
                delivery=Delivery.PACKAGE,
                name=package_name(self._claim.number, places, self._claim.order_size),
                target=self.target,
                size=self._package.size,
                sha256=self._package.sha256,
                locator_ids=tuple(part.locator_id for part in delivered),
                unproven_ids=frozenset(
                    part.locator_id for part, file in self._files.values() if file.proof == UNPROVEN
                ),
            )
        ]

    def discard(self) -> None:
        """Delete the package, of which nobody was notified."""
        self._storage.delete(self.target)
        self._package = None

    def _members(self, results: Iterable[Fetched]) -> Iterator[Member]:
        for fetched in results:
            self.writing = fetched.part
            if fetched.failure is not None:
                self._left_out.append((fetched.part, fetched.failure))
            staged = [file for file in fetched.files if isinstance(file, StagedFile)]
            for name, file in zip(self._names.claim([file.name for file in staged]), staged, strict=True):
                self._files[name] = (fetched.part, file)
                yield Member(name=name, path=file.path, size=file.size, crc32=file.crc32, modified_at=file.modified_at)
            self.writing = None


def package_name(number: str, parts: Iterable[int], order_size: int) -> str:
    """Return what people call a package: which parts of the order it holds (from 1), where it has not all of them.

    For the parts 1, 2, 3 and 5 of more: `downman-2FFF-043D-parts-1-3_5.zip`.
    """
    held = sorted(parts)
    if len(held) >= order_size:
        return f"downman-{number}.zip"
    runs: list[list[int]] = []
    for part in held:
        if runs and part == runs[-1][-1] + 1:
            runs[-1].append(part)
        else:
            runs.append([part])
    said = "_".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    if len(said) > LONGEST_LIST:
        return f"downman-{number}-{len(held)}-of-{order_size}-parts.zip"
    return f"downman-{number}-part{'s' if len(held) > 1 else ''}-{said}.zip"


def direct_links(fetched: Fetched, *, delivery: Delivery) -> Iterator[NewLink]:
    """Return the links of a part that is not packaged: one for each file; the first stands for the part."""
    for number, found in enumerate(fetched.files):
        if isinstance(found, RemoteFile):
            yield NewLink(
                delivery=delivery,
                name=safe_name(found.name),
                target=found.url,
                size=found.size,
                locator_ids=(fetched.part.locator_id,) if number == 0 else (),
            )
