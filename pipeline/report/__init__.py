"""Reports for people: which datasets to build, what the manifests hold, and what the stores hold."""
