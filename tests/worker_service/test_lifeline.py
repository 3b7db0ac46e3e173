import os

from worker_service.lifeline import Lifeline


def test_a_child_learns_that_its_parent_drains() -> None:
    parent_says, child_says = os.pipe()
    lifeline = Lifeline()
    child = os.fork()
    if child == 0:  # the child: reports whether it saw the cut, and leaves without pytest noticing
        lifeline.hold()
        before = lifeline.is_cut()
        os.write(child_says, b"r")
        while not lifeline.is_cut():
            pass
        os._exit(1 if before else 0)
    os.read(parent_says, 1)
    lifeline.cut()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    os.close(parent_says)
    os.close(child_says)


def test_a_lifeline_can_be_cut_twice() -> None:
    lifeline = Lifeline()
    assert not lifeline.is_cut()
    lifeline.cut()
    lifeline.cut()
    assert lifeline.is_cut()
