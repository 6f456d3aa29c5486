"""Parts of the fuzzer `tests/fuzz.py`.

samples.py   a small valid file of every kind that strangers send
mutations.py damage to the bytes of a file
trials.py    what is done with a damaged file, and what may come of it
worker.py    trials in a child process with limits on time and memory, which is started again after a crash
"""
