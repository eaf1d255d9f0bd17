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
from downman_flows.storage.zip_package import Member, WrittenPackage, write_package


class PackageBuilder:
    """One package: files come in as they are fetched, the manifest last."""

    def __init__(self, claim: Claim, storage: PackageStorage) -> None:
        """Prepare; nothing is written until there is something to write."""
        self._claim = claim
        self._names = TakenNames(manifest.NAME)
        self._files: dict[str, tuple[ClaimedPart, StagedFile]] = {}
        self._left_out: list[tuple[ClaimedPart, Failure]] = []
        self._name = f"downman-{claim.number}{f'-{claim.attempt}' if claim.attempt > 1 else ''}.zip"
        #: Its key in the storage.
        self.target = package_target(claim.request_id, claim.attempt, self._name)
        self._storage = storage
        self._package: WrittenPackage | None = None
        #: The part whose files are being written; None before and after all of them.
        self.writing: ClaimedPart | None = None

    def write(self, results: Iterable[Fetched], *, tick: Callable[[], None]) -> None:
        """Zip the results as they come in; writes no package when none of them brought a file.

        Raises `NoSpace`, and whatever `tick` or the results raise.
        """
        members = self._members(results)
        first = next(members, None)
        if first is None:
            return
        with self._storage.create(self.target) as path:
            package = write_package(
                path,
                chain([first], members),
                manifest=(manifest.NAME, lambda: manifest.build_manifest(self._claim, self._files, self._left_out)),
                tick=tick,
            )
        self._package = package

    def links(self) -> list[NewLink]:
        """Return the link of the package, if there is one."""
        if self._package is None:
            return []
        locator_ids = dict.fromkeys(part.locator_id for part, _ in self._files.values())
        return [
            NewLink(
                delivery=Delivery.PACKAGE,
                name=self._name,
                target=self.target,
                size=self._package.size,
                sha256=self._package.sha256,
                locator_ids=tuple(locator_ids),
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
