"""Find which file is which subject's image or label."""
