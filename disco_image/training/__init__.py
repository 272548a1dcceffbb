"""The two training stages, their settings and presets."""
