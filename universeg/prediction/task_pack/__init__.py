"""Task packs: one zip file with all that defines a task, to keep, pass on, and use with `universeg predict -t`.

- facts: what a pack says of itself (`task.json`); pixel_files: how it stores images and masks.
- bounded_zip, pack_file: open a pack from anybody without harm, and write one.
- sources: labelled images as people have them; create makes a pack of them.
- merge, prune, picture, exports: what can be done with packs; cli has the command `universeg-task`.
"""
