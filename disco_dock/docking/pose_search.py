"""The search around sampled poses: from where, how often, and which of the minima that it finds are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from disco_dock.chem.conformer_matching import apply_torsions
from disco_dock.chem.ligand import Ligand
from disco_dock.chem.ring_conformers import ring_conformers
from disco_dock.chem.torsions import rotatable_bonds
from disco_dock.physics.core_hold import CoreHold
from disco_dock.physics.free_space import free_points
from disco_dock.physics.search_settings import Basins, SearchSettings, Sphere
from disco_dock.physics.settings import PhysicsSettings
from disco_dock.physics.vina_scorer import VinaScorer, VinaScores, fresh_minima
from disco_dock.ranking.contact_score import PoseScore
from disco_dock.runtime.random import derive_seed

RESTART_SHIFT = 1.0  # Angstrom, standard deviation of each coordinate of the centroid
POINTS_SEED = 0
COPY = 0.3  # Angstrom of RMSD within which two minima are the same pose to the contact score
PLACE = 2.0  # Angstrom of RMSD, symmetry not counted, beyond which two poses are in different places


class Minima(NamedTuple):
    """What the searches of one complex found, before poses were chosen among it.

    Attributes:
        pos: (minima, L, 3) Angstrom.
        score: (minima,) contact scores, or minus energies without one; higher is better.
        search: (minima,) int64 the search that found it.
    """

    pos: np.ndarray
    score: np.ndarray
    search: np.ndarray


def joined_minima(parts: Sequence[Minima | None]) -> Minima | None:
    """Those of several draws of one complex as those of one; None where a part has none."""
    known, searches = [], 0
    for part in parts:
        if part is None:
            return None
        known.append(part._replace(search=part.search + searches))
        searches = int(known[-1].search.max()) + 1
    return Minima(*map(np.concatenate, zip(*known, strict=True))) if known else None


class Searched(NamedTuple):
    """Poses (poses, L, 3) that a search chose, and all it found; None where each pose is all that there is."""

    pos: np.ndarray
    minima: Minima | None


def search_poses(
    scorer: VinaScorer,
    ligand: Ligand,
    pos: np.ndarray,
    settings: PhysicsSettings,
    *,
    seed: int,
    stream: str,
    first: int,
    sphere: Sphere | None,
    contacts: PoseScore | None,
    core: CoreHold | None = None,
) -> Searched:
    """What a search around each pose found; arguments as of `refine`.

    With a core to hold, poses are laid on it first, and nothing is searched from other places; maps are not used.

    Args:
        scorer: of the energy.
        ligand: of L heavy atoms.
        pos: (poses, L, 3) Angstrom.
        settings: what to do.
        seed: of the run.
        stream: of the complex.
        first: sample number of the first pose.
        sphere: where the centroids stay, or None.
        contacts: the contact score of the ligand in the receptor, or None.
        core: atoms to hold, or None.
    """
    if core is not None:
        held = _search_held(scorer, core, pos, settings, seed=seed, stream=stream, first=first, sphere=sphere)
        return Searched(held, None)
    how, numbers = SearchSettings(moves=settings.moves), range(first, first + len(pos))
    searches = _Searches(len(pos))

    def search(starts: np.ndarray, seeds: list[int], which: np.ndarray, count: int) -> None:
        """Keep what searches from starts (n, L, 3) find; they are numbers `which` of `count` for every pose."""
        if settings.search == "pairs":
            found = scorer.search(starts, seeds, how, sphere)[:, None]
        else:
            found = scorer.search_basins(starts, seeds, how, sphere, Basins(count=settings.basins))
        searches.add(found, which, count)

    search(pos, [derive_seed("physics", seed, stream, pose) for pose in numbers], np.arange(len(pos)), 1)
    lowest = searches.pos[0][0]
    free = np.empty((0, 3)) if sphere is None else free_points(scorer.field.receptor.pos, sphere, POINTS_SEED)
    places = lowest.mean(1)
    lost = np.add(*scorer.energies(lowest)[:2]) > 0 if len(free) else np.zeros(len(pos), dtype=bool)
    if lost.any():
        places[lost] = free_places(free, numbers, seed, stream, 1)[lost]
    shapes = pos[:1]
    if settings.rings > 1 and (settings.restarts or (settings.scatter and len(free))):
        shapes = ring_conformers(ligand.mol, pos[0], count=settings.rings, seed=derive_seed("rings", seed, stream))
    further = [("restart", settings.restarts or int(lost.any()), places, lost if not settings.restarts else None)]
    if len(free):
        anywhere = free_places(free, numbers, seed, stream, settings.scatter)
        further.append(("scatter", settings.scatter, anywhere, None))
    for name, count, where, only in further:
        if not count:
            continue
        bases = spread(lowest, shapes, numbers, count)
        starts, seeds = restarted(ligand, bases, where, key=(name, seed, stream), first=first, count=count)
        which = np.arange(len(starts)) if only is None else np.flatnonzero(only)
        search(starts[which], [seeds[start] for start in which.tolist()], which, count)
    found, minima = lowest, None
    candidates, fresh = np.concatenate(searches.pos), np.concatenate(searches.fresh)
    if len(candidates) > 1:
        scores, energy = candidate_scores(scorer, contacts, candidates, fresh, COPY if settings.apart else 0.0)
        minima = Minima(candidates[fresh], scores[fresh], np.concatenate(searches.number)[fresh])
        if settings.apart:  # to be another pose is no merit of one inside the receptor
            scores[(energy > 0) & (energy > energy.min(0))] = -np.inf
        found = candidates[chosen_of_each(candidates, scores, settings.apart)]
    if settings.finalists:
        places = lowest_places(found, np.add(*scorer.energies(found)[:2]), settings.finalists)
        seeds = [derive_seed("finalist", seed, stream, first + pose) for pose in places.tolist()]
        found[places] = scorer.search(found[places], seeds, SearchSettings(moves=settings.final_moves), sphere)
    return Searched(found, minima)


class _Searches:
    """What the searches of the poses of one complex found.

    Attributes:
        pos: arrays (rows, poses, L, 3), a minimum of each pose in each row.
        fresh: (rows, poses) bool, False where there was none and a pose stands in its place.
        number: (rows, poses) int64 of the search.
    """

    def __init__(self, poses: int) -> None:
        self.poses, self.made = poses, 0
        self.pos: list[np.ndarray] = []
        self.fresh: list[np.ndarray] = []
        self.number: list[np.ndarray] = []

    def add(self, found: np.ndarray, which: np.ndarray, count: int) -> None:
        """Minima (searches, basins, L, 3), lowest first and repeated where there are fewer, of some searches.

        Args:
            found: the minima.
            which: (searches,) numbers of those that were done, among `count` of each pose.
            count: searches of each pose; all poses' first ones come first.
        """
        basins, starts = found.shape[1], count * self.poses
        first = found[:, 0] if not self.pos else self.pos[0][0]
        pos = np.tile(first, (basins, count, 1, 1))
        fresh = np.zeros((basins, starts), dtype=bool)
        pos[:, which] = np.moveaxis(found, 1, 0)
        fresh[:, which] = fresh_minima(found).T
        self.pos.append(pos.reshape(-1, self.poses, *found.shape[2:]))
        self.fresh.append(fresh.reshape(-1, self.poses))
        self.number.append(np.tile(self.made + np.arange(starts), (basins, 1)).reshape(-1, self.poses))
        self.made += starts


def _search_held(
    scorer: VinaScorer,
    core: CoreHold,
    pos: np.ndarray,
    settings: PhysicsSettings,
    *,
    seed: int,
    stream: str,
    first: int,
    sphere: Sphere | None,
) -> np.ndarray:
    """(poses, L, 3) what a search that holds a core found; arguments as of `search_poses`."""
    seeds = [derive_seed("physics", seed, stream, pose) for pose in range(first, first + len(pos))]
    found = scorer.search(core.laid(pos), seeds, SearchSettings(moves=settings.moves), sphere, core)
    if settings.finalists:
        places = lowest_places(found, np.add(*scorer.energies(found)[:2]), settings.finalists)
        finals = [derive_seed("finalist", seed, stream, first + pose) for pose in places.tolist()]
        how = SearchSettings(moves=settings.final_moves)
        found[places] = scorer.search(found[places], finals, how, sphere, core)
    return found


def free_places(free: np.ndarray, numbers: range, seed: int, stream: str, count: int) -> np.ndarray:
    """(count * poses, 3) one of the free points (N, 3) for each start, in the order of `restarted`."""
    keys = [derive_seed("place", seed, stream, number, pose) for number in range(count) for pose in numbers]
    return free[np.array(keys, dtype=np.uint64) % len(free)]


def spread(pos: np.ndarray, shapes: np.ndarray, numbers: range, count: int) -> np.ndarray:
    """(count * poses, L, 3) the coordinates that starts are turned from, in the order of `restarted`.

    Args:
        pos: (poses, L, 3) the poses.
        shapes: (shapes, L, 3) the first is that of the poses, which keep their own; Angstrom.
        numbers: sample numbers of the poses.
        count: starts for each pose.
    """
    bases = np.tile(pos, (count, 1, 1))
    chosen = np.array([(number + pose) % len(shapes) for number in range(count) for pose in numbers])
    bases[chosen > 0] = shapes[chosen[chosen > 0]]
    return bases


def restarted(
    ligand: Ligand, pos: np.ndarray, places: np.ndarray, *, key: tuple[str, int, str], first: int, count: int
) -> tuple[np.ndarray, list[int]]:
    """Random orientations and torsions about places, (count * poses, atoms, 3), and seeds for their searches.

    Args:
        ligand: of L heavy atoms.
        pos: (count * poses, L, 3) Angstrom, what each start is turned from.
        places: (poses, 3), or (count * poses, 3), around which the centroids start.
        key: of the random numbers, beside the number of the pose and of the start.
        first: sample number of the first pose.
        count: starts for each pose; all poses' first ones come first.
    """
    torsions = rotatable_bonds(ligand.mol)
    poses = range(first, first + len(pos) // count)
    seeds = [derive_seed(*key, number, pose) for number in range(count) for pose in poses]
    draws = [np.random.default_rng(one) for one in seeds]
    angles = np.stack([draw.uniform(-np.pi, np.pi, len(torsions.bonds)) for draw in draws])
    turns = Rotation.from_quat(np.stack([draw.normal(size=4) for draw in draws])).as_matrix()
    shifts = np.stack([draw.normal(scale=RESTART_SHIFT, size=3) for draw in draws])
    starts = apply_torsions(pos, torsions, angles)
    starts -= starts.mean(1, keepdims=True)
    places = np.resize(places, (len(starts), 3)) + shifts
    return starts @ turns.transpose(0, 2, 1) + places[:, None], seeds


def candidate_scores(
    scorer: VinaScorer, contacts: PoseScore | None, found: np.ndarray, fresh: np.ndarray, copy: float
) -> tuple[np.ndarray, np.ndarray]:
    """(candidates, poses) contact scores, or minus energies without one, of (candidates, poses, L, 3); and energies.

    Args:
        scorer: of the energy.
        contacts: the contact score, or None.
        found: (candidates, poses, L, 3) Angstrom.
        fresh: (candidates, poses) bool; the others count as the worst, and are not scored.
        copy: Angstrom of RMSD within which a candidate has the contact score of one of lower energy.
    """
    pos, energies = found[fresh], scorer.score(found[fresh])
    total = energies.inter + energies.intra
    scores, energy = np.full(fresh.shape, -np.inf), np.full(fresh.shape, np.inf)
    energy[fresh], scores[fresh] = total, -total
    if contacts is not None:
        leader = leaders(pos, total, copy)
        own, back = np.unique(leader, return_inverse=True)
        scores[fresh] = contacts(pos[own], VinaScores(*(value[own] for value in energies)))[back]
    return scores, energy


def leaders(pos: np.ndarray, energy: np.ndarray, within: float) -> np.ndarray:
    """(poses,) int64 the pose of lower energy that each of (poses, L, 3) is a copy of, or itself.

    From the lowest energy on, a pose leads those within some Angstrom of RMSD, symmetry not counted, that none leads.
    """
    flat, limit = pos.reshape(len(pos), -1), within**2 * pos.shape[1]
    leader = np.full(len(pos), -1)
    for one in np.argsort(energy, kind="stable").tolist():
        if leader[one] < 0:
            free = np.flatnonzero(leader < 0)
            leader[free[((flat[free] - flat[one]) ** 2).sum(1) < limit]] = one
            leader[one] = one
    return leader


def chosen_of_each(found: np.ndarray, scores: np.ndarray, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """(poses,) which candidate, and of which pose, stands in the place of each pose.

    Candidates are taken from the best on, one for each pose; those within `apart` of what is taken are passed over.
    A pose whose candidates are all passed over gets the best that is left of any pose, or else its own best.

    Args:
        found: (candidates, poses, L, 3) Angstrom.
        scores: (candidates, poses), higher is better.
        apart: Angstrom of RMSD, symmetry not counted; 0 for the best of each pose whatever the others.
    """
    candidate, owner = scores.argmax(0), np.arange(scores.shape[1])
    if not apart:
        return candidate, owner
    order = list(zip(*np.unravel_index(np.argsort(-scores, axis=None, kind="stable"), scores.shape), strict=True))
    passed, left = ~np.isfinite(scores), np.ones(len(owner), dtype=bool)

    def take(place: int, one: int, pose: int) -> None:
        candidate[place], owner[place], left[place] = one, pose, False
        passed[((found - found[one, pose]) ** 2).sum(3).mean(2) < apart**2] = True

    for one, pose in order:
        if left[pose] and not passed[one, pose]:
            take(pose, one, pose)
    for one, pose in order:
        if not passed[one, pose] and left.any():
            take(int(left.argmax()), one, pose)
    return candidate, owner


def lowest_places(pos: np.ndarray, energy: np.ndarray, count: int, within: float = PLACE) -> np.ndarray:
    """Indices of the poses of lowest energy in at most `count` places, lowest first.

    Args:
        pos: (poses, atoms, 3) Angstrom.
        energy: (poses,).
        count: places.
        within: Angstrom of RMSD, symmetry not counted, up to which two poses are in the same place.
    """
    own = np.unique(leaders(pos, energy, within))
    return own[np.argsort(energy[own], kind="stable")][:count]
