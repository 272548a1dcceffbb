"""The all-atom confidence network."""
