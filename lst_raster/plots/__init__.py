"""Pictures of maps and numbers, drawn with Pillow."""
