"""The complex as a graph: static features, neighbour lists, padded batches."""
