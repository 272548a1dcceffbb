"""The committed milestone of the pose expert loads on top of the bundled checkpoint."""

from __future__ import annotations

from disco_dock.weights.networks import bundled_checkpoint, load_models

FOLDER = bundled_checkpoint().parent / "milestones" / "pose_expert"


def test_it_is_small_and_loads():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4e6
    models = load_models(FOLDER)
    assert models.expert is not None and models.score is not None and models.config.base == "default"
    assert models.config.score == load_models(bundled_checkpoint()).config.score
    assert models.config.pose_judge is None and models.config.physics.rank_by == "contacts"
