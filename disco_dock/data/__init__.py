"""Training data: folders of complexes to compact shards, and shards to training examples."""
