"""The clients against a real ashd with simulated sandboxes, which is killed and started again."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import httpx
from ash_client import Ash, AshConnectionError, AshError, AsyncAsh, WebhookError, verify_webhook

KEY = "ash_client-test-key"
START_SECONDS = 60  # a start within this, also on a busy machine
HERE = Path(__file__).parent
FRAGILE = "[[chunks:40:20]][[say:a text that comes in very many small pieces of a few letters each]]"


class Webhooks(unittest.TestCase):
    """The example of Standard Webhooks: what ashd signs, and every library of it verifies."""

    SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    BODY = b'{"test": 2432232314}'
    NOW = 1614265330
    HEADERS = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    def test_what_is_signed_is_verified(self):
        event = verify_webhook(self.SECRET, self.HEADERS, self.BODY, now=self.NOW + 299)
        self.assertEqual(event, {"test": 2432232314})

    def test_what_is_not_is_refused(self):
        for secret, headers, body, now in [
            ("whsec_AAAA", self.HEADERS, self.BODY, self.NOW),
            ("whsec_?", self.HEADERS, self.BODY, self.NOW),
            (self.SECRET, self.HEADERS, self.BODY + b" ", self.NOW),
            (self.SECRET, {**self.HEADERS, "Webhook-Id": "another"}, self.BODY, self.NOW),
            (self.SECRET, {**self.HEADERS, "webhook-signature": ""}, self.BODY, self.NOW),
            (self.SECRET, {**self.HEADERS, "webhook-timestamp": "now"}, self.BODY, self.NOW),
            (self.SECRET, {}, self.BODY, self.NOW),
            (self.SECRET, self.HEADERS, self.BODY, self.NOW + 301),
        ]:
            with self.assertRaises(WebhookError):
                verify_webhook(secret, headers, body, now=now)


class Traces(unittest.TestCase):
    """What a request is a part of is named in it."""

    def test_each_request_names_the_current_span_and_a_message_may_name_its_own(self):
        seen, spans = [], iter(["00-one", None, "00-three"])

        def answer(request):
            seen.append(request.headers.get("traceparent"))
            done = 'id: 1\nevent: done\ndata: {"sessionId":"s"}\n\n'
            stream = request.url.path.endswith("/messages")
            return httpx.Response(200, text=done) if stream else httpx.Response(200, json={"agents": []})

        transport = httpx.MockTransport(answer)
        with Ash("http://ash", KEY, traceparent=lambda: next(spans), transport=transport) as ash:
            ash.agents()
            ash.agents()
            list(ash.session("s").send("hi", traceparent="00-own"))
        self.assertEqual(seen, ["00-one", None, "00-own"])


class Daemon:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ash-python.", dir="/tmp")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.serve()

    def serve(self):
        environment = {
            "ASH_DATA_DIR": f"{self.folder.name}/data",
            "ASH_RUNTIME_DIR": f"{self.folder.name}/run",
            "ASH_PORT": str(self.port),
            "ASH_API_KEY": KEY,
        }
        command = [f"{os.environ['ASH_TEST_BIN']}/ashd", "--config", "/dev/null", "--simulate"]
        self.program = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.program.poll() is None:
            try:
                if httpx.get(f"{self.url}/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise RuntimeError("ashd did not start")

    def kill(self):
        self.program.kill()
        self.program.wait()

    def restart_soon(self):
        """Killed now, and there again while the client already looks for it."""
        self.kill()
        later = threading.Timer(0.3, self.serve)
        later.start()
        return later


class Breaking(httpx.BaseTransport):
    """A network on which streams break a few times."""

    def __init__(self):
        self.inner = httpx.HTTPTransport()
        self.broken = 0

    def handle_request(self, request):
        response = self.inner.handle_request(request)
        if response.headers.get("content-type") != "text/event-stream" or self.broken == 5:
            return response
        self.broken += 1
        return httpx.Response(response.status_code, headers=response.headers, stream=Cut(response.stream))

    def close(self):
        self.inner.close()


class Cut(httpx.SyncByteStream):
    def __init__(self, stream):
        self.stream = stream

    def __iter__(self):
        for number, chunk in enumerate(self.stream):
            yield chunk
            if number == 1:
                raise httpx.ReadError("the connection broke")

    def close(self):
        self.stream.close()


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.ash = Ash(cls.daemon.url, KEY)
        cls.ash.deploy("tester", {"CLAUDE.md": "You are a test. \U0001f600"})

    @classmethod
    def tearDownClass(cls):
        cls.ash.close()
        cls.daemon.kill()
        cls.daemon.folder.cleanup()

    def log(self, session):
        """What the server has of the first turn."""
        events = session.watch(after=0, until="done", includePartialMessages=True)
        return [event for event in events if event.event != "user_message"]

    def assert_once(self, events, session):
        ids = [event.id for event in events]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(events, self.log(session))
        self.assertEqual(events[-1].event, "done")

    def test_a_session_is_created_spoken_with_and_ended(self):
        session = self.ash.create_session("tester", model="opus")
        self.assertEqual(session.say("[[say:hello]]"), "hello")
        self.assertEqual(session.get()["model"], "opus")
        session.write_file("notes/a b.txt", b"text")
        self.assertEqual(session.read_file("notes/a b.txt"), b"text")
        self.assertEqual(session.end()["status"], "ended")

    def test_deltas_make_the_text_and_tools_come_with_their_results(self):
        session = self.ash.create_session("tester")
        turn = session.send("[[chunks:4:5]][[say:one two three four]]", includePartialMessages=True)
        self.assertEqual("".join(turn.deltas()), "one two three four")
        (use,) = session.send('[[tool:Bash:{"command":"true"}]][[say:done]]').tools()
        self.assertEqual((use.name, use.input), ("Bash", {"command": "true"}))

    def test_an_error_has_its_code_its_field_and_its_hint(self):
        with self.assertRaises(AshError) as refused:
            self.ash.create_session("nobody")
        error = refused.exception
        self.assertEqual((error.status, error.code, error.field), (404, "agent_not_found", "agent"))
        self.assertTrue(error.hint)
        session = self.ash.create_session("tester")
        session.end()
        with self.assertRaises(AshError) as refused:
            session.say("x")
        self.assertEqual(refused.exception.code, "session_state")

    def test_a_server_that_is_not_there_is_told_after_the_patience(self):
        with Ash("http://127.0.0.1:1", KEY, patience=0.5) as nobody, self.assertRaises(AshConnectionError):
            nobody.agents()

    def test_a_connection_that_breaks_is_taken_up_again(self):
        network = Breaking()
        with Ash(self.daemon.url, KEY, transport=network) as fragile:
            session = fragile.create_session("tester")
            events = list(session.send(FRAGILE, includePartialMessages=True))
        self.assertEqual(network.broken, 5)
        self.assert_once(events, self.ash.session(session.id))

    def test_a_killed_and_restarted_ashd_ends_the_turn_once_and_the_session_goes_on(self):
        session = self.ash.create_session("tester")
        events, restart = [], None
        for event in session.send("[[say:before]][[hang]]", includePartialMessages=True):
            events.append(event)
            if event.event == "text_delta" and not restart:
                restart = self.daemon.restart_soon()
        self.assert_once(events, session)
        self.assertEqual([e.data["code"] for e in events if e.event == "error"], ["interrupted"])
        self.assertEqual(session.say("[[say:after]]"), "after")

    def test_a_creation_waits_for_a_server_that_restarts_and_is_done_once(self):
        before = len(list(self.ash.sessions()))
        self.daemon.restart_soon()
        session = self.ash.create_session("tester")
        self.assertEqual(session.say("[[say:there]]"), "there")
        self.assertEqual(len(list(self.ash.sessions())), before + 1)

    def test_the_asynchronous_client_does_the_same(self):
        async def talk():
            async with AsyncAsh(self.daemon.url, KEY) as ash:
                session = await ash.create_session("tester")
                events, restart = [], None
                async for event in session.send("[[say:before]][[hang]]", includePartialMessages=True):
                    events.append(event)
                    if event.event == "text_delta" and not restart:
                        restart = self.daemon.restart_soon()
                answers = [await session.say("[[say:one]]")]
                answers += await asyncio.gather(*(session.say("[[say:two]]") for _ in range(3)))
                listed = [one["id"] async for one in ash.sessions(agent="tester")]
                return session.id, events, answers, listed

        id, events, answers, listed = asyncio.run(talk())
        self.assert_once(events, self.ash.session(id))
        self.assertEqual(answers, ["one", "two", "two", "two"])
        self.assertIn(id, listed)

    def test_the_examples_run(self):
        environment = {**os.environ, "ASH_URL": self.daemon.url, "ASH_API_KEY": KEY}
        for example in sorted((HERE / "../examples").glob("*.py")):
            done = subprocess.run([sys.executable, example], env=environment, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.strip(), example)


if __name__ == "__main__":
    unittest.main()
