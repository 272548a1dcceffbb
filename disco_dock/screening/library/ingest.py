"""Reading a library into the ledger piece by piece, after checking that what was read before is unchanged."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from disco_dock.chem.ligands.ligand_files import Record
from disco_dock.runtime.errors import InputError
from disco_dock.screening.ledger.errors import StoreError
from disco_dock.screening.ledger.store import Counts, LibraryState, Store
from disco_dock.screening.library.entries import library_name, library_stem, read_entry
from disco_dock.screening.library.isomers import isomer_records
from disco_dock.screening.library.library import USUAL_COLUMNS, TableColumns, read_library, update_digest
from disco_dock.screening.messages import Entry
from disco_dock.screening.plan import Shard

CHUNK = 128  # records per transaction
HEAL_CHUNK = 4096


class Ingest:
    """Reads one library into the ledger.

    Attributes:
        path: of the library.
        added: records that entered the ledger.
        done: whether nothing is left to read.
        broken: why reading stopped before the end of the file, or None.
    """

    def __init__(
        self,
        store: Store,
        path: Path,
        *,
        shard: Shard,
        largest_fragment: bool,
        columns: TableColumns = USUAL_COLUMNS,
        stereo_isomers: int = 0,
    ) -> None:
        """Open a library and pass over what is in the ledger already.

        Rows that the ledger should have and lacks, as after a repair, are entered again on the way.

        Raises:
            InputError: the file cannot be read.
            StoreError: records that the ledger holds were changed or removed.
        """
        self.path, self.added, self.done, self.broken = path, 0, False, None
        self._store, self._shard, self._largest = store, shard, largest_fragment
        self._digest = hashlib.sha256()
        self._records = isomer_records(
            read_library(path, columns), stereo_isomers, stem=library_stem(path), largest_fragment=largest_fragment
        )
        self._state = store.library(library_name(path), self._digest.hexdigest())
        self._pass_over()

    def read_chunk(self) -> Counts:
        """Enter the next records; returns how many rows of each status this added."""
        entries: list[Entry] = []
        records = self._state.records
        try:
            for record in islice(self._records, CHUNK * self._shard.count):
                update_digest(self._digest, record)
                records += 1
                if self._shard.takes(record.number):
                    entries.append(self._entry(record))
            self.done = records < self._state.records + CHUNK * self._shard.count
        except InputError as error:
            self.done, self.broken = True, str(error)
        self._state = LibraryState(
            id=self._state.id,
            records=records,
            digest=self._digest.hexdigest(),
            complete=self.done and self.broken is None,
        )
        self.added += len(entries)
        return self._store.add(entries, self._state)

    def _pass_over(self) -> None:
        """Read the records that are in the ledger and compare them with what they were."""
        known = self._state.records
        heal = self._store.rows_of(self._state.id) < self._shard.size(known)
        passed = 0
        lost: list[Record] = []
        try:
            for record in islice(self._records, known):
                update_digest(self._digest, record)
                passed += 1
                if heal and self._shard.takes(record.number):
                    lost.append(record)
                    if len(lost) == HEAL_CHUNK:
                        self._restore(lost)
                        lost = []
        except InputError as error:
            raise StoreError(f"{self._changed(passed)}: {error}") from error
        if passed < known or self._digest.hexdigest() != self._state.digest:
            raise StoreError(self._changed(passed))
        self._restore(lost)

    def _restore(self, records: list[Record]) -> None:
        """Enter those of some records that have no row."""
        positions = set(self._store.missing(self._state.id, [record.number for record in records]))
        if positions:
            self._store.add([self._entry(one) for one in records if one.number in positions], self._state)
            self.added += len(positions)

    def _entry(self, record: Record) -> Entry:
        return read_entry(
            record, source=library_name(self.path), stem=library_stem(self.path), largest_fragment=self._largest
        )

    def _changed(self, passed: int) -> str:
        known = self._state.records
        what = "has lost some" if passed < known else "has changed some"
        return (
            f"{self.path}: {what} of the {known} records that {self._store.path} took from it; put the old file back, "
            "give the new molecules as a file of another name, or start another --store"
        )
