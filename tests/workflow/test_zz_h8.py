import time
from tests.workflow.story import *
from tocsin.domain.act import *
async def test_x(story):
    t=time.perf_counter()
    def lap(w):
        nonlocal t
        n=time.perf_counter(); print(w, round(n-t,2)); t=n
    await story.report(); lap("report")
    await story.asha(Confirm()); lap("confirm")
    await story.rest(); lap("rest")
    await story.server.fast_forward(story.clock_run(story.clock(FROM_AWARENESS)), 35*H); lap("ff35")
    await story.rest(); lap("rest")
    await story.server.fast_forward(story.clock_run(story.clock(FROM_AWARENESS)), 2*H); lap("ff2")
    await story.rest(); lap("rest")
    await story.server.fast_forward(story.clock_run(story.clock(FROM_AWARENESS)), 200*H); lap("ff200")
    await story.rest(); lap("rest")
    d=await story.draft(); lap("draft")
    w=await story.release(d); lap("release")
    await story.wave(w).result(); lap("wave")
    await story.rest(); lap("rest")
    for x in story._runs():
        print(await story._look(x))
    print([str(e.event_type)+":"+__import__("temporalio.api.enums.v1",fromlist=["x"]).EventType.Name(e.event_type)[11:] for e in (await story.clock_run(story.clock(FROM_AWARENESS)).fetch_history()).events])
