"""Help for people who write manifests: draft a manifest from a folder, check manifests and their web addresses."""
