"""Small foundations that all other folders may import.

- atomic_write: write a file completely or not at all; write JSON this way.
- command: what all commands share (version, error messages, Ctrl-C).
- contact_sheet: grey images with outlined masks, and sheets of them.
- device: where the network computes, and with which precision. The only file here that imports torch.
- lookup: look a name up in a table.
- rng: random number generators, seeded by their purpose.
"""
