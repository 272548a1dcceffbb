"""Docking one complex: from files to ranked poses."""
