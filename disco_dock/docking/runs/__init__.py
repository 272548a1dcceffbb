"""Many complexes, on disk: inputs, outputs, records, progress."""
