"""The ten-second story of a docked complex: where, held by what, how sure, and what speaks against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from disco_dock.interactions.find import KINDS, Interaction
from disco_dock.interactions.fingerprint import WORDS, key_residues
from disco_dock.report.folder import DockedFolder
from disco_dock.report.states import states_sentence
from disco_dock.report.trust import trust

NEAR = 6  # residues that the site is named by
CONTACTS = 5  # in the summary
RANKED_BY = {
    "contacts": "contact score, learned from crystal poses",
    "vina": "Vina energy",
    "confidence": "confidence of the network",
    "consensus": "consensus of several rankings",
}
PHRASES = {
    "hydrogen bond": "hydrogen bond",
    "salt bridge": "salt bridge",
    "pi stacking": "stacking",
    "cation-pi": "cation-pi",
    "halogen bond": "halogen bond",
    "metal": "metal",
    "hydrophobic contact": "hydrophobic",
}


def distinct(rows: Sequence[Mapping[str, str]]) -> list[tuple[Mapping[str, str], int]]:
    """The best pose of each group of like ones, with the size of its group."""
    count = Counter(map(_group, rows))
    seen: set[str] = set()
    found = []
    for row in rows:
        group = _group(row)
        if group not in seen:
            seen.add(group)
            found.append((row, count[group]))
    return found


def _group(row: Mapping[str, str]) -> str:
    """The rank of the pose that a pose repeats or leads; its cluster in folders of earlier versions."""
    known = row["copy_of"] if "copy_of" in row else row.get("cluster")
    return known or row["rank"]


def summary(docked: DockedFolder, found: Sequence[Interaction]) -> dict[str, Any]:
    """What the card says of the first-ranked pose.

    Args:
        docked: the folder.
        found: the pose's interactions.
    """
    row, record = docked.rows[0], docked.record
    physics = record.get("resolved", {}).get("physics") or {}
    ranked_by = str(physics.get("rank_by") or "")
    ranking = RANKED_BY.get(ranked_by, ranked_by)  # a score that was added goes by its name
    return {
        "site": _site(docked, found),
        "contacts": _contacts(found),
        "trust": trust(row, record.get("reliability", [])),
        "vina": row.get("vina_score", ""),
        "contact_score": row.get("contact_score", ""),
        "valid": row.get("valid", ""),
        "failed": (row.get("failed_checks") or "").replace(" ", ", ").replace("_", " "),
        "strain": row.get("strain", ""),
        "rmsd": row.get("rmsd", ""),
        "lddt_pli": row.get("lddt_pli", ""),
        "recovered": row.get("contacts_recovered", ""),
        "ranked_by": ranking,
        "novelty": _novelty(record.get("novelty")),
        "states": states_sentence(docked.path, record),
    }


def _novelty(found: Mapping[str, Any] | None) -> str:
    """How near the complex is to what the networks were trained on; "" where that is not known."""
    if not found:
        return ""
    protein, ligand = found["protein"], found["ligand"]
    alike = f"{100 * protein['identity']:.0f} % of its sequence is that of {protein['nearest']}"
    first = alike if protein.get("nearest") else "no protein alike"
    return f"{first}; its nearest ligand has a similarity of {ligand['tanimoto']:.2f}"


def _site(docked: DockedFolder, found: Sequence[Interaction]) -> str:
    words = [f"{WORDS[one.kind]}:{one.residue}" for one in found]
    residues = key_residues(words, NEAR)
    if not residues:
        return "No residue touches the ligand."
    chains = sorted({name.partition(":")[0] for name in residues})
    place = "" if chains == ["_"] else f"chain {' and '.join(chains)}, "
    how = (
        "in the pocket that was given"
        if docked.record.get("resolved", {}).get("pocket")
        else "found in the whole protein"
    )
    return f"{place}around {', '.join(name.partition(':')[2] for name in residues)} ({how})"


def _contacts(found: Sequence[Interaction]) -> list[dict[str, str]]:
    """The strongest interactions, each kind and residue once."""
    order = {kind: rank for rank, kind in enumerate(("metal", "salt bridge", *KINDS))}
    best: dict[tuple[str, str], Interaction] = {}
    for one in sorted(found, key=lambda one: (order[one.kind], one.distance)):
        best.setdefault((one.kind, one.residue), one)
    chosen = [one for one in best.values() if one.kind != "hydrophobic contact"][:CONTACTS]
    return [
        {
            "kind": PHRASES[one.kind],
            "class": one.kind.replace(" ", "-"),
            "residue": one.residue,
            "distance": f"{one.distance:.1f}",
        }
        for one in chosen or list(best.values())[:CONTACTS]
    ]
