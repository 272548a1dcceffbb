"""Tables of a store: what the run is, its libraries, a row for every record, and the kept poses."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x44495343  # "DISC": tells a store from other SQLite files
VERSION = 2  # raise when tables change
OLDER_VERSION = 1
"""Of stores without contact scores, interactions and states, which `merge` converts."""

STORED_POSE_COLUMNS = (
    "rank",
    "sample",
    "confidence",
    "p_rmsd_under_2",
    "p_rmsd_under_5",
    "trust",
    "vina_score",
    "contact_score",
    "vina_score_before",
    "minimize_rmsd",
    "strain",
    "clash_count",
    "pocket_distance",
    "stereo_kept",
    "cluster",
    "interactions",
)
"""Columns of a kept pose, as in results.csv of `predict`."""

TEXT = frozenset(
    {"library", "name", "status", "smiles", "duplicate_of", "error_code", "message", "hint", "library_digest"}
    | {"state", "trust", "interactions", "key_residues"}
)
WHOLE = frozenset(
    {"id", "position", "heavy_atoms", "attempts", "num_poses", "converged", "clash_count", "stereo_kept", "docked_as"}
    | {"rank", "sample", "cluster", "records", "complete", "states", "poses_meeting"}
)
"""Columns of texts and whole numbers; `library_digest` is `digest` of the table `library`."""

NEEDED = frozenset(
    {"id", "library", "position", "name", "heavy_atoms", "status", "attempts", "rank", "sample", "docked_as", "data"}
    | {"records", "library_digest", "complete"}
)
"""Columns that are never empty; numbers in them are never negative."""

PHASES = ("conformer", "docking", "physics", "total")

PLAIN_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE library (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    records INTEGER NOT NULL,
    digest TEXT NOT NULL,
    complete INTEGER NOT NULL CHECK (complete IN (0, 1))
);

CREATE TABLE ligand (
    id INTEGER PRIMARY KEY,
    library INTEGER NOT NULL REFERENCES library (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    name TEXT NOT NULL,
    smiles TEXT,
    heavy_atoms INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'docked', 'failed', 'duplicate')),
    duplicate_of INTEGER REFERENCES ligand (id),
    error_code TEXT,
    message TEXT,
    hint TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT,
    states INTEGER,
    num_poses INTEGER,
    poses_meeting INTEGER,
    converged INTEGER,
    seconds_conformer REAL,
    seconds_docking REAL,
    seconds_physics REAL,
    seconds_total REAL,
    finished REAL,
    digest BLOB,
    UNIQUE (library, position),
    CHECK ((status = 'duplicate') = (duplicate_of IS NOT NULL)),
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CHECK (status IN ('failed', 'duplicate') OR smiles IS NOT NULL)
);
CREATE UNIQUE INDEX ligand_first ON ligand (smiles) WHERE smiles IS NOT NULL AND duplicate_of IS NULL;
CREATE INDEX ligand_pending ON ligand (id) WHERE status = 'pending';
CREATE INDEX ligand_finished ON ligand (finished) WHERE finished IS NOT NULL;

CREATE TABLE pose (
    ligand INTEGER NOT NULL REFERENCES ligand (id),
    rank INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    confidence REAL,
    p_rmsd_under_2 REAL,
    p_rmsd_under_5 REAL,
    trust TEXT,
    vina_score REAL,
    contact_score REAL,
    vina_score_before REAL,
    minimize_rmsd REAL,
    strain REAL,
    clash_count INTEGER,
    pocket_distance REAL,
    stereo_kept INTEGER,
    cluster INTEGER,
    interactions TEXT,
    PRIMARY KEY (ligand, rank)
) WITHOUT ROWID;

CREATE TABLE coordinates (ligand INTEGER PRIMARY KEY REFERENCES ligand (id), data BLOB NOT NULL);

CREATE VIEW result AS
SELECT
    ligand.id AS id, library.name AS library, ligand.position AS position, ligand.name AS name,
    ligand.smiles AS smiles, ligand.heavy_atoms AS heavy_atoms, ligand.status AS status,
    first.name AS duplicate_of, ligand.error_code AS error_code, ligand.message AS message, ligand.hint AS hint,
    own.state AS state, own.states AS states,
    own.num_poses AS num_poses, own.poses_meeting AS poses_meeting,
    own.converged AS converged, own.seconds_total AS seconds,
    pose.confidence AS confidence, pose.p_rmsd_under_2 AS p_rmsd_under_2, pose.p_rmsd_under_5 AS p_rmsd_under_5,
    pose.vina_score AS vina_score, pose.strain AS strain, pose.clash_count AS clash_count,
    pose.pocket_distance AS pocket_distance, pose.stereo_kept AS stereo_kept, own.id AS docked_as,
    pose.trust AS trust, pose.contact_score AS contact_score, pose.interactions AS interactions
FROM ligand
JOIN library ON library.id = ligand.library
LEFT JOIN ligand AS first ON first.id = ligand.duplicate_of
JOIN ligand AS own ON own.id = coalesce(ligand.duplicate_of, ligand.id)
LEFT JOIN pose ON pose.ligand = own.id AND pose.rank = 1;
"""
"""Tables of a store, as SQLite before 3.37 makes them and as older stores have them.

The view `result` is a ligand with its best pose; a duplicate has the numbers of the ligand it repeats.
"""


def strict(tables: str) -> str:
    """The same tables, where SQLite refuses a value of another type than its column's."""
    return (
        tables.replace(" WITHOUT ROWID;", " WITHOUT ROWID, STRICT;")
        .replace("\n);", "\n) STRICT;")
        .replace("data BLOB NOT NULL);", "data BLOB NOT NULL) STRICT;")
    )


def _without(tables: str, *pieces: str) -> str:
    for piece in pieces:
        assert piece in tables
        tables = tables.replace(piece, "")
    return tables


OLDER_TABLES = _without(
    PLAIN_TABLES,
    "    state TEXT,\n    states INTEGER,\n",
    "    poses_meeting INTEGER,\n",
    "    trust TEXT,\n",
    "    contact_score REAL,\n",
    "    interactions TEXT,\n",
    "    own.state AS state, own.states AS states,\n",
    " own.poses_meeting AS poses_meeting,\n   ",
    ",\n    pose.trust AS trust, pose.contact_score AS contact_score, pose.interactions AS interactions",
)
"""Tables of a store of `OLDER_VERSION`."""
ADDED_COLUMNS = frozenset({"state", "states", "poses_meeting", "trust", "contact_score", "interactions"})
"""Columns that stores of `OLDER_VERSION` lack."""
STRICT_TABLES = strict(PLAIN_TABLES)
"""`PLAIN_TABLES`, where SQLite refuses a value of another type than its column's."""
STRICT = sqlite3.sqlite_version_info >= (3, 37)
TABLES = STRICT_TABLES if STRICT else PLAIN_TABLES
"""Tables of a new store."""

RESULT_COLUMNS = (
    "library",
    "position",
    "name",
    "status",
    "smiles",
    "heavy_atoms",
    "state",
    "states",
    "duplicate_of",
    "error_code",
    "message",
    "hint",
    "num_poses",
    "poses_meeting",
    "converged",
    "seconds",
    "confidence",
    "p_rmsd_under_2",
    "p_rmsd_under_5",
    "trust",
    "vina_score",
    "contact_score",
    "strain",
    "clash_count",
    "pocket_distance",
    "stereo_kept",
    "interactions",
)
