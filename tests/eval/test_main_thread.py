"""What is read of a page's main thread off a trace of Chromium's."""

from __future__ import annotations

from typing import Any

from eval.performance.main_thread import PageTask, summary, tasks_of


def thread(tid: int, name: str) -> dict[str, Any]:
    return {"name": "thread_name", "pid": 7, "tid": tid, "args": {"name": name}}


def task(tid: int, source: str = "", **times: int) -> dict[str, Any]:
    name = "ThreadControllerImpl::RunTask"
    return {"name": name, "pid": 7, "tid": tid, "args": {"src_func": source}, **times}


def test_tasks_are_those_of_the_page_itself():
    trace = [
        thread(1, "CrRendererMain"),
        thread(2, "DedicatedWorker thread"),
        task(1, "Accept", dur=80_000, tdur=18_600),
        task(2, dur=900_000, tdur=880_000),
        task(1, dur=300),  # of a thread that could not be asked for its time
        {"name": "FunctionCall", "pid": 7, "tid": 1, "dur": 70_000, "tdur": 12_000},
    ]
    assert tasks_of(trace) == [PageTask(80.0, 18.6, "Accept")]


def test_a_task_that_waited_is_long_by_the_clock_alone():
    waited, worked = PageTask(80.0, 2.5, "Accept"), PageTask(52.0, 51.0, "Fire")
    found = summary([PageTask(1.0, 1.0, "Fire"), waited, worked])
    assert found["longest"] == {"ms": 80.0, "processor_ms": 2.5, "source": "Accept"}
    assert found["longest_of_processor"]["processor_ms"] == 51.0
    assert (found["n_tasks"], found["n_long"], found["n_long_of_processor"]) == (3, 2, 1)
    assert summary([]) == {"n_tasks": 0}
