from universeg.base import threads
from universeg.base.threads import Processors


def test_as_many_threads_as_processors_were_idle_and_the_one_in_use(monkeypatch):
    monkeypatch.setattr(threads, "_quota", lambda: 99)
    before = Processors(allowed=4, idle=0.0, total=0.0)
    for idle, expected in ((0, 1), (100, 2), (300, 4), (400, 4)):
        assert Processors(4, idle, 400).free_since(before) == expected
    monkeypatch.setattr(threads, "_quota", lambda: 2)
    assert Processors(4, 300, 400).free_since(before) == 2


def test_where_the_system_does_not_say_it_the_load_counts(monkeypatch):
    monkeypatch.setattr(threads.os, "getloadavg", lambda: (2.6, 0, 0))
    assert Processors(4, None).free_since(Processors(4, None)) == 1
    assert Processors(8, None).free_since(Processors(8, None)) == 5


def test_processors_are_those_of_this_process(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    stat.write_text("cpu  9 9 9 9 9 9 9 9\ncpu0 1 0 1 10 2 0 0 0 0 0\ncpu1 5 5 5 50 5 0 0 0 0 0\nintr 5\n")
    monkeypatch.setattr(threads, "STAT", stat)
    monkeypatch.setattr(threads, "_allowed", lambda: {0})
    assert Processors.now() == Processors(1, 12.0, 14.0)
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(threads, "QUOTA", quota)
    assert threads._quota() > 1000
    quota.write_text("200000 100000\n")
    assert threads._quota() == 2
    quota.write_text("max 100000\n")
    assert threads._quota() > 1000
