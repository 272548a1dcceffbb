"""Conformer matching: the torsions that bring an RDKit conformer closest to a bound pose.

Source: Jing et al., Torsional Diffusion (NeurIPS 2022), section "conformer matching", as used by DiffDock. There a
differential evolution over all dihedrals finds them; here the bound pose's dihedrals are copied and then refined by
Levenberg-Marquardt steps from a few starts at once, which is some hundred times faster and no worse.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from disco_dock.chem.torsions import Torsions

_NUM_STARTS = 6
_NUM_STEPS = 25
_KICK = 0.6  # radians: spread of the starts around the copied dihedrals
_TOLERANCE = 1e-4  # Angstrom of RMSD gained per step, below which a start has converged


def match_to(
    mol: Chem.Mol, conformer_pos: np.ndarray, crystal_pos: np.ndarray, torsions: Torsions
) -> tuple[np.ndarray, float]:
    """The conformer with its rotatable bonds turned towards the bound pose and superposed on it.

    Args:
        mol: molecule of L atoms.
        conformer_pos: float64 [L, 3], the conformer; bond lengths, angles and rings are its own and stay.
        crystal_pos: float64 [L, 3], the bound pose.
        torsions: rotatable bonds of `mol`.

    Returns:
        (float64 [L, 3] in the frame of `crystal_pos`, RMSD to it in Angstrom). Deterministic. Double bonds with a given
        configuration are not turned, so the conformer's stereo is kept.
    """
    torsions = _without_stereo_bonds(mol, torsions)
    neighbours = [[other.GetIdx() for other in atom.GetNeighbors()] for atom in mol.GetAtoms()]
    copied = _copy_dihedrals(np.asarray(conformer_pos, dtype=np.float64), crystal_pos, torsions, neighbours)
    if not len(torsions.bonds):
        matched = superpose(copied[None], crystal_pos)
        return matched[0], float(_rmsd(matched, crystal_pos)[0])
    kicks = np.random.default_rng(0).normal(scale=_KICK, size=(_NUM_STARTS, len(torsions.bonds)))
    kicks[0] = 0.0
    starts = np.repeat(copied[None], _NUM_STARTS, axis=0)
    pos = superpose(apply_torsions(starts, torsions, kicks), crystal_pos)
    pos = _refine(pos, crystal_pos, torsions)
    rmsd = _rmsd(pos, crystal_pos)
    best = int(rmsd.argmin())
    return pos[best], float(rmsd[best])


def apply_torsions(pos: np.ndarray, torsions: Torsions, angles: np.ndarray) -> np.ndarray:
    """Positions [S, L, 3] after turning each bond in order, right-handed about the axis from v to u.

    Args:
        pos: float [S, L, 3]; not changed.
        torsions: T rotatable bonds.
        angles: float [S, T] in radians.
    """
    pos = pos.copy()
    for (held, turned), moved, angle in zip(torsions.bonds, _moved_indices(torsions), angles.T, strict=True):
        axis = pos[:, held] - pos[:, turned]
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        matrix = _rotation_matrices(axis, angle)
        origin = pos[:, turned, None]
        pos[:, moved] = (pos[:, moved] - origin) @ matrix.transpose(0, 2, 1) + origin
    return pos


def superpose(pos: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each of pos [S, L, 3] moved rigidly (no reflection) to the least RMSD from target [L, 3]."""
    rotation, centre, target_centre = superposition(pos, target)
    return (pos - centre) @ rotation + target_centre


def superposition(pos: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The motion of `superpose`: rotations [S, 3, 3] of rows about centres [S, 1, 3], which come to a point [3]."""
    centre, target_centre = pos.mean(axis=1, keepdims=True), target.mean(axis=0)
    left, _, right = np.linalg.svd((pos - centre).transpose(0, 2, 1) @ (target - target_centre))
    flip = np.ones((len(pos), 1, 3))
    flip[:, 0, 2] = np.sign(np.linalg.det(left @ right))
    return (left * flip) @ right, centre, target_centre


def _without_stereo_bonds(mol: Chem.Mol, torsions: Torsions) -> Torsions:
    """The torsions about bonds that are not double bonds of a given configuration."""
    free = [
        mol.GetBondBetweenAtoms(held, turned).GetStereo() in (Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOANY)
        for held, turned in torsions.bonds.tolist()
    ]
    keep = np.array(free, dtype=bool)
    return Torsions(torsions.bonds[keep], torsions.moved[keep], torsions.edges[keep])


def _refine(pos: np.ndarray, target: np.ndarray, torsions: Torsions) -> np.ndarray:
    """Levenberg-Marquardt on torsions and rigid motion, all starts [S, L, 3] at once; RMSD never grows."""
    num_starts, num_atoms = pos.shape[:2]
    num_torsions = len(torsions.bonds)
    error = ((target - pos) ** 2).sum(axis=(1, 2))
    damping = np.full(num_starts, 1e-2)
    for _ in range(_NUM_STEPS):
        residual = (target - pos).reshape(num_starts, 3 * num_atoms)
        jacobian = _jacobian(pos, torsions).reshape(num_starts, num_torsions + 6, 3 * num_atoms)
        normal = jacobian @ jacobian.transpose(0, 2, 1)
        diagonal = np.einsum("sii->si", normal)
        diagonal += damping[:, None] * diagonal + 1e-8
        step = np.linalg.solve(normal, np.einsum("skn,sn->sk", jacobian, residual)[..., None])[..., 0]
        step = np.clip(step[:, :num_torsions], -1.0, 1.0)
        trial = superpose(apply_torsions(pos, torsions, step), target)
        trial_error = ((target - trial) ** 2).sum(axis=(1, 2))
        better = trial_error < error
        gained = np.sqrt(error / num_atoms) - np.sqrt(np.minimum(trial_error, error) / num_atoms)
        pos = np.where(better[:, None, None], trial, pos)
        error = np.minimum(error, trial_error)
        damping = np.where(better, damping * 0.2, damping * 8.0)
        if np.all((gained < _TOLERANCE) & (better | (damping > 1e3))):
            break
    return pos


def _jacobian(pos: np.ndarray, torsions: Torsions) -> np.ndarray:
    """Velocities [S, T + 6, L, 3] of the atoms per unit of each torsion, rotation axis and translation axis."""
    num_starts, num_atoms = pos.shape[:2]
    held, turned = torsions.bonds.T
    axis = pos[:, held] - pos[:, turned]
    axis /= np.linalg.norm(axis, axis=2, keepdims=True)
    arms = pos[:, None] - pos[:, turned, None]
    turning = np.cross(axis[:, :, None], arms) * torsions.moved[None, :, :, None]
    centred = pos - pos.mean(axis=1, keepdims=True)
    rotating = np.cross(np.eye(3)[None, :, None], centred[:, None])
    shifting = np.broadcast_to(np.eye(3)[None, :, None], (num_starts, 3, num_atoms, 3))
    return np.concatenate([turning, rotating, shifting], axis=1)


def _copy_dihedrals(pos: np.ndarray, target: np.ndarray, torsions: Torsions, neighbours: list[list[int]]) -> np.ndarray:
    """pos [L, 3] with each rotatable bond turned by the mean difference of all its dihedrals from the target's."""
    quads, owner = [], []
    for number, (held, turned) in enumerate(torsions.bonds.tolist()):
        for before in neighbours[held]:
            for after in neighbours[turned]:
                if before != turned and after != held:
                    quads.append((before, held, turned, after))
                    owner.append(number)
    if not quads:
        return pos
    atoms = np.array(quads)
    difference = np.exp(1j * (_dihedrals(target, atoms) - _dihedrals(pos, atoms)))
    total = np.zeros(len(torsions.bonds), dtype=complex)
    np.add.at(total, owner, difference)
    # A dihedral grows when the far part turns about u -> v, and `apply_torsions` turns about v -> u.
    return apply_torsions(pos[None], torsions, -np.angle(total)[None])[0]


def _dihedrals(pos: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Dihedral angles [Q] in radians of the atoms quads [Q, 4]."""
    first, middle, last = (pos[quads[:, k + 1]] - pos[quads[:, k]] for k in range(3))
    above, below = np.cross(first, middle), np.cross(middle, last)
    sine = np.einsum("qi,qi->q", np.cross(above, below), middle) / np.linalg.norm(middle, axis=1)
    return np.arctan2(sine, np.einsum("qi,qi->q", above, below))


def _moved_indices(torsions: Torsions) -> list[np.ndarray]:
    return [np.flatnonzero(row) for row in torsions.moved]


def _rotation_matrices(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices [S, 3, 3] about unit axes [S, 3] by angles [S] (Rodrigues)."""
    cross = np.zeros((len(axis), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) * cosine + sine * cross + (1 - cosine) * axis[:, :, None] * axis[:, None, :]


def _rmsd(pos: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.sqrt(((pos - target) ** 2).sum(axis=2).mean(axis=1))
