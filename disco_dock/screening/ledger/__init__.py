"""The SQLite ledger of a screen."""
