"""Which pose is best, and how sure: contact score, judge, reliability, rank order."""
