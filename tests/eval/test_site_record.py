"""What `eval.performance.site` reads off a trace of Chromium's."""

from __future__ import annotations

from eval.performance.site import task_milliseconds


def test_tasks_are_those_of_the_page_itself_by_processor_time():
    def thread(tid: int, name: str) -> dict:
        return {"name": "thread_name", "pid": 7, "tid": tid, "args": {"name": name}}

    def task(tid: int, **times: int) -> dict:
        return {"name": "ThreadControllerImpl::RunTask", "pid": 7, "tid": tid, **times}

    trace = [
        thread(1, "CrRendererMain"),
        thread(2, "DedicatedWorker thread"),
        task(1, dur=80_000, tdur=18_600),
        task(2, dur=900_000, tdur=880_000),
        task(1, dur=300),  # of a thread that could not be asked for its time
        {"name": "FunctionCall", "pid": 7, "tid": 1, "dur": 70_000, "tdur": 12_000},
    ]
    assert task_milliseconds(trace) == [18.6]
