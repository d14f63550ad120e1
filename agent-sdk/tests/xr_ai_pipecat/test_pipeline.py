"""Whole voice pipelines over a real hub: real speech in, answers out, nobody in anybody's way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from xr_ai_pipecat import Query
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio


async def test_speech_becomes_a_query_and_its_answer_is_heard(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")
    stage.will_hear("alice", "put a red cube in front of me")
    await alice.say(speech("put a red cube in front of me"))
    await eventually(lambda: "bot stops" in alice.brain.events, "the end of the answer")
    assert alice.brain.queries == [Query("put a red cube in front of me", True, 0.9, ())]
    assert alice.brain.events == [
        "user starts",
        "query put a red cube in front of me",
        "user stops",
        "bot starts",
        "bot stops",
    ]
    [request] = stage.stt.requests
    assert request.form["user"] == "alice"
    assert len(request.form["file"][2]) > 2 * 16000
    assert stage.spoken_texts() == ["You said put a red cube in front of me."]
    assert stage.heard_seconds("alice") == pytest.approx(0.3, abs=0.01)
    assert {chunk.track_id for chunk in stage.heard["alice"]} == {"tts"}


async def test_typed_requests_are_answered_aloud_and_need_no_stt(stage: Any) -> None:
    alice = await stage.join("alice")
    alice.session.submit(Query("hello"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert stage.spoken_texts() == ["You said hello."]
    assert stage.stt.requests == []


async def test_speaking_over_an_answer_cuts_it_off_for_that_person_alone(stage: Any, speech: Any) -> None:
    stage.tts_seconds = 20.0
    alice, bob = await stage.join("alice"), await stage.join("bob")
    for person in (alice, bob):
        person.session.submit(Query("tell me a story"))
    await eventually(lambda: "bot starts" in alice.brain.events and "bot starts" in bob.brain.events)
    stage.will_hear("alice", "um")
    await alice.say(speech("wait a moment please"))
    await eventually(lambda: "user stops" in alice.brain.events)
    assert stage.flushed == ["alice"]
    assert "bot stops" in alice.brain.events
    assert "bot stops" not in bob.brain.events
    before = stage.heard_seconds("bob")
    await eventually(lambda: stage.heard_seconds("bob") > before, "bob hearing more")
    assert stage.heard_seconds("alice") < 19


async def test_a_new_request_supersedes_the_one_under_way(stage: Any) -> None:
    alice, bob = await stage.join("alice"), await stage.join("bob")

    async def answer(query: Query) -> str:
        if query.text == "slow":
            await asyncio.Event().wait()
        return f"{query.text} done"

    alice.brain.answer = bob.brain.answer = answer
    alice.session.submit(Query("slow"))
    bob.session.submit(Query("slow"))
    await eventually(lambda: alice.brain.queries and bob.brain.queries)
    alice.session.submit(Query("quick"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert alice.brain.events[:4] == ["query slow", "superseded", "cancelled slow", "query quick"]
    assert bob.brain.events == ["query slow"]
    assert stage.spoken_texts() == ["quick done"]


async def test_requests_that_wait_are_answered_in_their_order_and_heard_to_the_end(stage: Any) -> None:
    alice = await stage.join("alice")
    release = asyncio.Event()

    async def answer(query: Query) -> str:
        if query.text == "slow":
            await release.wait()
        return f"{query.text} done"

    alice.brain.answer = answer
    for text in ("slow", "then one", "then two"):
        alice.session.submit(Query(text))
    await eventually(lambda: "waits then two" in alice.brain.events)
    assert alice.brain.events == ["query slow", "waits then one", "waits then two"]
    release.set()
    await eventually(lambda: len(stage.spoken_texts()) == 3)
    assert [query.text for query in alice.brain.queries] == ["slow", "then one", "then two"]
    assert stage.spoken_texts() == ["slow done", "then one done", "then two done"]
    await eventually(lambda: stage.heard_seconds("alice") > 0.85, "all three answers")
    assert stage.flushed.count("alice") <= 1, "an answer was cut off by the request that had waited for it"


async def test_only_so_many_requests_wait_and_a_stop_forgets_them(stage: Any) -> None:
    alice = await stage.join("alice")

    async def answer(_query: Query) -> None:
        await asyncio.Event().wait()

    alice.brain.answer = answer
    alice.session.submit(Query("something long"))
    for number in range(9):
        alice.session.submit(Query(f"then {number}"))
    await eventually(lambda: "refused then 8" in alice.brain.events)
    alice.session.submit(Query("never mind"))
    await eventually(lambda: "stop never mind and 8 more" in alice.brain.events)
    alice.brain.answer = None
    alice.session.submit(Query("hello"))
    await eventually(lambda: stage.spoken_texts() == ["You said hello."])
    assert [query.text for query in alice.brain.queries] == ["something long", "hello"]


async def test_a_request_that_supersedes_forgets_those_that_wait(stage: Any) -> None:
    alice = await stage.join("alice")

    async def answer(query: Query) -> str | None:
        if query.text == "slow":
            await asyncio.Event().wait()
        return f"{query.text} done"

    alice.brain.answer = answer
    for text in ("slow", "then one", "no, this"):
        alice.session.submit(Query(text))
    await eventually(lambda: stage.spoken_texts() == ["no, this done"])
    assert [query.text for query in alice.brain.queries] == ["slow", "no, this"]


async def test_nothing_of_a_superseded_answer_leaks_into_the_next(stage: Any) -> None:
    alice = await stage.join("alice")

    async def answer(query: Query) -> Any:
        async def pieces() -> AsyncIterator[str]:
            yield "This is the unfinished beginning of"
            await asyncio.Event().wait()

        return pieces() if query.text == "slow" else "New answer."

    alice.brain.answer = answer
    alice.session.submit(Query("slow"))
    await eventually(lambda: alice.brain.queries)
    await asyncio.sleep(0)
    alice.session.submit(Query("quick"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert stage.spoken_texts()[-1] == "New answer."
    assert not any("New answer" in text and "beginning" in text for text in stage.spoken_texts())
    assert stage.heard_seconds("alice") == pytest.approx(0.3, abs=0.01)


async def test_stop_ends_request_and_speech_and_is_no_request(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")

    async def answer(_query: Query) -> None:
        await asyncio.Event().wait()

    alice.brain.answer = answer
    alice.session.submit(Query("something long"))
    await eventually(lambda: alice.brain.queries)
    stage.will_hear("alice", "Stop.")
    await alice.say(speech("stop"))
    await eventually(lambda: "stop Stop." in alice.brain.events)
    assert "cancelled something long" in alice.brain.events
    assert len(alice.brain.queries) == 1


async def test_fillers_neither_ask_nor_interrupt_the_work(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")
    release = asyncio.Event()

    async def answer(_query: Query) -> str:
        await release.wait()
        return "Here you are."

    alice.brain.answer = answer
    alice.session.submit(Query("something"))
    await eventually(lambda: alice.brain.queries)
    stage.will_hear("alice", "Mm-hmm.")
    await alice.say(speech("okay then"))
    await eventually(lambda: "user stops" in alice.brain.events)
    release.set()
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert [query.text for query in alice.brain.queries] == ["something"]
    assert stage.spoken_texts() == ["Here you are."]


async def test_yes_is_heard_after_a_question(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")

    async def answer(query: Query) -> str:
        return "Did you mean the red one?" if query.text == "delete it" else "I deleted it."

    alice.brain.answer = answer
    alice.session.submit(Query("delete it"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    stage.will_hear("alice", "yes")
    await alice.say(speech("yes please"))
    await eventually(lambda: len(alice.brain.queries) == 2)
    assert alice.brain.queries[-1].text == "yes"


async def test_an_answer_waits_while_the_person_speaks(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")
    release = asyncio.Event()

    async def answer(_query: Query) -> str:
        await release.wait()
        return "Here you are."

    alice.brain.answer = answer
    alice.session.submit(Query("something"))
    stage.will_hear("alice", "um")
    await alice.send(speech("let me think about that for a while"))
    await eventually(lambda: "user starts" in alice.brain.events)
    release.set()
    await eventually(lambda: stage.spoken_texts() == ["Here you are."], "synthesis")
    assert "bot starts" not in alice.brain.events
    await alice.silence(1.2)
    await eventually(lambda: "bot stops" in alice.brain.events)


async def test_one_persons_slow_transcript_holds_up_nobody_else(stage: Any, speech: Any) -> None:
    alice, bob = await stage.join("alice"), await stage.join("bob")
    release = asyncio.Event()

    async def slow() -> Response:
        await release.wait()
        return JSONResponse({"text": "first"})

    stage.will_hear("alice", slow, "second")
    stage.will_hear("bob", "bobs request")
    await alice.say(speech("this takes long"))
    await eventually(lambda: len(stage.stt.requests) == 1)
    await alice.say(speech("and this comes after"))
    await bob.say(speech("this is quick"))
    await eventually(lambda: bob.brain.queries)
    assert alice.brain.queries == []
    assert len(stage.stt.requests) == 2, "one transcription at a time for each participant"
    release.set()
    await eventually(lambda: len(alice.brain.queries) == 2)
    assert [query.text for query in alice.brain.queries] == ["first", "second"]


async def test_a_failing_recogniser_is_reported_and_the_next_utterance_works(stage: Any, speech: Any) -> None:
    alice = await stage.join("alice")
    stage.will_hear("alice", Response("no model", status_code=500), "", "hello")
    await alice.say(speech("can you hear me"))
    await eventually(lambda: any(event.startswith("hearing failed") for event in alice.brain.events))
    await alice.say(speech("can you hear me"))
    await eventually(lambda: "not understood" in alice.brain.events)
    await alice.say(speech("can you hear me"))
    await eventually(lambda: alice.brain.queries)
    assert any("no model" in event for event in alice.brain.events)


async def test_an_ack_without_full_stop_is_spoken_at_once_and_by_itself(stage: Any) -> None:
    alice = await stage.join("alice")
    release = asyncio.Event()

    async def answer(_query: Query) -> str:
        await alice.brain.say("On it")
        await release.wait()
        return "Added a box"

    alice.brain.answer = answer
    alice.session.submit(Query("add a box"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert stage.spoken_texts() == ["On it"]
    release.set()
    await eventually(lambda: alice.brain.events.count("bot stops") == 2)
    assert stage.spoken_texts() == ["On it", "Added a box"]


async def test_streams_are_spoken_in_order_with_bounded_work_and_survive_a_failure(stage: Any, tone_wav: Any) -> None:
    alice = await stage.join("alice")
    at_work: list[int] = [0, 0]

    async def synthesize(received: Any) -> Response:
        at_work[0] += 1
        at_work[1] = max(at_work)
        await asyncio.sleep(0.05 if "One" in received.json["input"] else 0)
        at_work[0] -= 1
        if "Two" in received.json["input"]:
            return Response("broken voice", status_code=500)
        return Response(tone_wav(0.1 if "One" in received.json["input"] else 0.2))

    stage.tts.answer(synthesize)

    async def answer(_query: Query) -> AsyncIterator[str]:
        async def pieces() -> AsyncIterator[str]:
            for piece in ("One", ". Two. Th", "ree. Four. Five"):
                yield piece

        return pieces()

    alice.brain.answer = answer
    alice.session.submit(Query("count"))
    await eventually(lambda: "bot stops" in alice.brain.events)
    assert sorted(stage.spoken_texts()) == ["Five", "Four.", "One.", "Three.", "Two."]
    assert at_work[1] <= 2
    # Sentence one is slower to make than three to five, and still comes first: its chunks are 0.1 s together.
    assert [chunk.samples for chunk in stage.heard["alice"][:3]] == [320, 320, 160]


async def test_leaving_ends_the_pipeline_and_its_request(stage: Any) -> None:
    alice = await stage.join("alice")

    async def answer(_query: Query) -> None:
        await asyncio.Event().wait()

    alice.brain.answer = answer
    alice.session.submit(Query("something long"))
    await eventually(lambda: alice.brain.queries)
    async with asyncio.timeout(30):
        await alice.session.close()
    assert alice.brain.events[-1] == "cancelled something long"
    others = [task for task in asyncio.all_tasks() if "alice" in task.get_name()]
    assert others == []
