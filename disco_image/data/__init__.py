"""Images from files, batches of them, and augmentation."""
