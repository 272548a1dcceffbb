"""Structure files of proteins, record by record: PDB and its dialects, mmCIF, chains, numbers, elements."""
