"""From matched scans, or from a generator, to one store per dataset."""
