"""A checkpoint folder: its configuration, its networks, published layouts."""
