"""From a user's files to ranked poses on disk: requests, batches, outputs and the self-check."""
