"""Find the image files and label files of every subject."""
