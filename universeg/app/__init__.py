"""`universeg app`: a page on this computer to paint a few examples, correct drafts and export masks."""
