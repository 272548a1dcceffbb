"""The pose expert's stage: batches of noised poses among all receptor atoms, losses, validation."""
