"""The published Python client `ash-ai-sdk`, unchanged, against a running ashd.

Each test runs twice: with simulated sandboxes (`ashd --simulate`), and with the real Claude Code
CLI behind the stand-in Messages API. With `ASH_TEST_URL` and `ASH_TEST_KEY` each runs once, against
the ashd that is there, whose sandboxes are real. Prints one line per test and the counts.
"""

import asyncio
import base64
import datetime
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import httpx
from ash_sdk import AshClient
from ash_sdk.api.agents import post_api_agents
from ash_sdk.api.sessions import get_api_sessions_id_events, get_api_sessions_id_files, get_api_sessions_id_messages
from ash_sdk.api.usage import get_api_usage, get_api_usage_stats
from ash_sdk.api.attachments import delete_api_attachments_id, get_api_attachments_id
from ash_sdk.api.credentials import delete_api_credentials_id, get_api_credentials, post_api_credentials
from ash_sdk.api.sessions import (
    get_api_sessions_id_attachments,
    get_api_sessions_id_events,
    get_api_sessions_id_files,
    get_api_sessions_id_messages,
    post_api_sessions_id_attachments,
)
from ash_sdk.client import AuthenticatedClient
from ash_sdk.models.api_error import ApiError
from ash_sdk.models.health_response import HealthResponse
from ash_sdk.models.post_api_agents_body import PostApiAgentsBody
from ash_sdk.models.post_api_agents_body_files_item import PostApiAgentsBodyFilesItem
from ash_sdk.models.post_api_credentials_body import PostApiCredentialsBody
from ash_sdk.models.post_api_sessions_id_attachments_body import PostApiSessionsIdAttachmentsBody
from ash_sdk.streaming import DoneEvent, ErrorEvent, MessageEvent, SessionStartEvent, TextDeltaEvent, TurnCompleteEvent

from functions import Functions

START_SECONDS = 30  # a start within this, also on a busy machine
STOP_SECONDS = 20  # as ashd's unit allows it
KEY = os.environ.get("ASH_TEST_KEY", "ash_client_test_key")
BIN = os.environ.get("ASH_TEST_BIN")


class Daemon:
    """An ashd of its own, with an API key, and the stand-in if the CLI is real."""

    def __init__(self, simulate):
        self.simulate = simulate
        self.folder = tempfile.TemporaryDirectory(prefix="ash-client.", dir="/tmp")
        self.programs = []
        self.url = None

    def __enter__(self):
        try:
            self.serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def serve(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder.name,
            "ASH_DATA_DIR": f"{self.folder.name}/data",
            "ASH_RUNTIME_DIR": f"{self.folder.name}/run",
            "ASH_PORT": str(port),
            "ASH_API_KEY": KEY,
        }
        arguments = [f"{BIN}/ashd", "--config", "/dev/null"]
        if self.simulate:
            arguments.append("--simulate")
        else:
            environment |= {
                "CLAUDE_CODE_EXECUTABLE": os.environ["CLAUDE_CODE_EXECUTABLE"],
                "ANTHROPIC_API_KEY": "sk-ant-stand-in",
                "ANTHROPIC_BASE_URL": self.start_messages_api(),
                # Started by hand, ashd has no control groups.
                "ASH_ALLOW_DEGRADED": "identity,memory,processes,cpu,disk",
            }
        self.start(arguments, environment, "ashd.log")
        self.wait(lambda: httpx.get(f"{self.url}/health", timeout=5).status_code == 200, "ashd.log")

    def start(self, arguments, environment, log):
        with open(f"{self.folder.name}/{log}", "wb") as output:
            program = subprocess.Popen(arguments, env=environment, stdout=output, stderr=subprocess.STDOUT)
        self.programs.append(program)

    def start_messages_api(self):
        self.start([f"{BIN}/ash-messages-api"], {}, "messages-api.log")
        log = "messages-api.log"
        return self.wait(lambda: re.search(r"listening on (http\S+)", self.log(log)), log)[1]

    def log(self, name):
        with open(f"{self.folder.name}/{name}", encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait(self, ready, log):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.programs[-1].poll() is None:
            try:
                if answer := ready():
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"it did not start: {self.log(log)}")

    def __exit__(self, *_failure):
        for program in reversed(self.programs):
            program.terminate()
            try:
                program.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.folder.cleanup()


class Installed:
    """An ashd that somebody else has started, and looks after."""

    simulate = False

    def __init__(self, url):
        self.url = url

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        pass

    def log(self, _name):
        return "it is where ashd runs"


class Published(Functions, unittest.TestCase):
    """What the published client does, as its documentation shows it."""

    daemon = None  # set by `main`

    def setUp(self):
        self.client = AshClient(self.daemon.url, token=KEY, timeout=60)
        self.plain = AuthenticatedClient(base_url=self.daemon.url, token=KEY, timeout=httpx.Timeout(60))
        self.agent = f"agent-{uuid.uuid4().hex[:8]}"
        deployed = self.deploy(PostApiAgentsBody(name=self.agent, system_prompt="You are a test."))
        self.assertEqual(deployed.status_code, 201)
        self.addCleanup(self.forget)

    def forget(self):
        if self.agent in [agent.name for agent in self.client.list_agents()]:
            self.client.delete_agent(self.agent)

    def deploy(self, body):
        return post_api_agents.sync_detailed(client=self.plain, body=body)

    def turn(self, session, text, **options):
        events = list(self.client.send_message_stream(session.id, text, **options))
        self.assertEqual([event.error for event in events if isinstance(event, ErrorEvent)], [])
        self.assertIsInstance(events[0], SessionStartEvent)
        self.assertIsInstance(events[-1], DoneEvent)
        self.assertEqual(sum(isinstance(event, DoneEvent) for event in events), 1)
        return events

    def result(self, events):
        return [event.result for event in events if isinstance(event, TurnCompleteEvent)][-1]

    def test_health_has_the_members_the_client_requires(self):
        health = HealthResponse.from_dict(self.client.health())
        self.assertEqual(health.status, "ok")
        self.assertEqual(health.to_dict()["simulated"], self.daemon.simulate)

    def test_without_a_key_nothing_is_told(self):
        for token in (None, "ash_wrong"):
            with self.assertRaises(httpx.HTTPStatusError) as refused:
                AshClient(self.daemon.url, token=token).list_agents()
            self.assertEqual(refused.exception.response.status_code, 401)
            self.assertTrue(ApiError.from_dict(refused.exception.response.json()).error)

    def test_an_agent_is_deployed_from_files_and_each_deploy_is_a_version(self):
        files = [
            PostApiAgentsBodyFilesItem(path="CLAUDE.md", content=base64.b64encode(b"# One\n").decode()),
            PostApiAgentsBodyFilesItem(path="notes/a.txt", content=base64.b64encode(b"\x00\xff").decode()),
        ]
        answer = self.deploy(PostApiAgentsBody(name=self.agent, files=files))
        self.assertEqual(answer.status_code, 201)
        agent = self.client.get_agent(self.agent)
        self.assertEqual((agent.name, agent.version), (self.agent, 2))
        self.assertIn(self.agent, [agent.name for agent in self.client.list_agents()])

    def test_a_folder_of_the_host_is_not_for_every_client_to_deploy(self):
        with self.assertRaises(httpx.HTTPStatusError) as refused:
            self.client.deploy_agent("thief", "/etc")
        self.assertIn(refused.exception.response.status_code, (400, 403))

    def test_an_agent_that_is_deleted_is_gone(self):
        self.client.delete_agent(self.agent)
        with self.assertRaises(httpx.HTTPStatusError) as missing:
            self.client.get_agent(self.agent)
        self.assertEqual(missing.exception.response.status_code, 404)

    def test_a_session_lives_from_create_to_end(self):
        session = self.client.create_session(self.agent)
        self.assertEqual((session.agent_name, session.status), (self.agent, "active"))
        self.assertEqual(self.client.get_session(session.id).id, session.id)
        self.assertEqual([one.id for one in self.client.list_sessions(agent=self.agent)], [session.id])
        self.assertEqual(self.client.end_session(session.id).status, "ended")
        self.assertEqual(self.client.get_session(session.id).status, "ended")
        with self.assertRaises(httpx.HTTPStatusError) as refused:
            list(self.client.send_message_stream(session.id, "hello?"))
        self.assertEqual(refused.exception.response.status_code, 400)

    def test_a_session_is_paused_stopped_and_resumed_and_remembers(self):
        session = self.client.create_session(self.agent)
        self.turn(session, "The word is heliotrope. [[say:I will remember.]]")
        for verb, status in ((self.client.pause_session, "paused"), (self.client.stop_session, "stopped")):
            self.assertEqual(verb(session.id).status, status)
            with self.assertRaises(httpx.HTTPStatusError) as refused:
                verb(session.id)
            self.assertEqual(refused.exception.response.status_code, 400)
            self.assertEqual(self.client.resume_session(session.id).status, "active")
            self.assertIn("heliotrope", self.result(self.turn(session, "Which word? [[recall]]")))
        self.client.end_session(session.id)
        with self.assertRaises(httpx.HTTPStatusError) as gone:
            self.client.resume_session(session.id)
        self.assertEqual(gone.exception.response.status_code, 410)

    def test_a_fork_remembers_and_goes_its_own_way(self):
        parent = self.client.create_session(self.agent)
        self.turn(parent, "The word is heliotrope. [[say:I will remember.]]")
        child = self.client.fork_session(parent.id)
        self.assertEqual((child.status, child.agent_name), ("paused", self.agent))
        self.assertIn("heliotrope", self.result(self.turn(child, "The second is plum. [[recall]]")))
        self.assertNotIn("plum", self.result(self.turn(parent, "[[recall]]")))
        for session in (parent, child):
            self.client.end_session(session.id)

    def test_a_session_of_an_unknown_agent_is_refused(self):
        with self.assertRaises(httpx.HTTPStatusError) as refused:
            self.client.create_session("nobody")
        self.assertEqual(refused.exception.response.status_code, 404)

    def test_a_turn_streams_and_the_next_one_remembers(self):
        session = self.client.create_session(self.agent)
        events = self.turn(session, "The word is heliotrope. [[say:I will remember.]]")
        self.assertIn("I will remember.", self.result(events))
        self.assertTrue(any(isinstance(event, MessageEvent) for event in events))
        self.assertIn("heliotrope", self.result(self.turn(session, "Which word? [[recall]]")))
        self.client.end_session(session.id)

    def test_the_deltas_are_the_text(self):
        session = self.client.create_session(self.agent)
        text = "z\u00fcrich \u26f5 abcdefghij"
        events = self.turn(session, f"[[say:{text}]][[chunks:5:1]]", include_partial_messages=True)
        deltas = [event.delta for event in events if isinstance(event, TextDeltaEvent)]
        self.assertGreater(len(deltas), 1)
        self.assertEqual("".join(deltas), text)
        self.client.end_session(session.id)

    def test_the_asynchronous_client_streams_as_well(self):
        session = self.client.create_session(self.agent)

        async def turn():
            return [event async for event in self.client.asend_message_stream(session.id, "[[say:async]]")]

        self.assertIn("async", self.result(asyncio.run(turn())))
        self.client.end_session(session.id)

    def test_what_turns_used_parses_and_adds_up(self):
        session = self.client.create_session(self.agent)
        self.turn(session, "[[say:this costs something]]")
        of_session = {"client": self.plain, "session_id": uuid.UUID(str(session.id))}
        a_year_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=365)
        events = get_api_usage.sync(**of_session, after=a_year_ago, limit=100).events
        told = {event.event_type: event.value for event in events}
        self.assertGreater(told["output_tokens"], 0)
        self.assertTrue(all(event.session_id == uuid.UUID(str(session.id)) for event in events))
        stats = get_api_usage_stats.sync(**of_session).stats
        self.assertEqual(stats.total_output_tokens, told["output_tokens"])
        self.assertEqual((stats.total_tool_calls, stats.total_messages), (0, told["message"]))
        self.assertGreater(stats["totalCostUsd"], 0)
        self.client.end_session(session.id)

    def test_history_timeline_and_files_parse(self):
        session = self.client.create_session(self.agent)
        self.turn(session, "[[say:for the record]]")
        messages = get_api_sessions_id_messages.sync(session.id, client=self.plain).messages
        self.assertEqual([message.sequence for message in messages], list(range(1, len(messages) + 1)))
        self.assertEqual(messages[0].role, "user")
        self.assertTrue(any("for the record" in message.content for message in messages if message.role == "assistant"))
        events = get_api_sessions_id_events.sync(session.id, client=self.plain).events
        self.assertIn("turn_complete", [event.type_ for event in events])
        if not self.daemon.simulate:
            files = get_api_sessions_id_files.sync(session.id, client=self.plain).files
            self.assertIn("CLAUDE.md", [file.path for file in files])
        self.client.end_session(session.id)

    def test_a_credential_is_made_listed_and_deleted_and_others_are_refused(self):
        body = PostApiCredentialsBody(type_="anthropic", key="sk-ant-of-the-client", label="ours")
        made = post_api_credentials.sync(client=self.plain, body=body).credential
        self.assertEqual((made.type_, made.label, made.active), ("anthropic", "ours", True))
        listed = get_api_credentials.sync(client=self.plain).credentials
        self.assertIn(str(made.id), [str(credential.id) for credential in listed])
        deleted = delete_api_credentials_id.sync_detailed(str(made.id), client=self.plain)
        self.assertEqual((deleted.status_code, deleted.parsed), (200, None))
        again = delete_api_credentials_id.sync(str(made.id), client=self.plain)
        self.assertEqual(again.error, "Credential not found")
        refused = post_api_credentials.sync_detailed(client=self.plain, body=PostApiCredentialsBody("openai", "sk-x"))
        self.assertEqual(refused.status_code, 400)

    def test_a_file_is_attached_listed_read_and_removed(self):
        session = self.client.create_session(self.agent)
        content = b"\x00" * (2 << 20)
        body = PostApiSessionsIdAttachmentsBody(filename="a.bin", content=base64.b64encode(content).decode())
        made = post_api_sessions_id_attachments.sync(session.id, client=self.plain, body=body).attachment
        self.assertEqual((made.filename, made.size, made.session_id), ("a.bin", len(content), session.id))
        listed = get_api_sessions_id_attachments.sync(session.id, client=self.plain).attachments
        self.assertEqual([attachment.id for attachment in listed], [made.id])
        read = get_api_attachments_id.sync_detailed(made.id, client=self.plain)
        self.assertEqual((read.status_code, read.content), (200, content))
        removed = delete_api_attachments_id.sync_detailed(made.id, client=self.plain)
        self.assertEqual(removed.status_code, 200)
        self.assertEqual(get_api_attachments_id.sync_detailed(made.id, client=self.plain).status_code, 404)
        self.client.end_session(session.id)


class Lines(unittest.TestResult):
    """Tells each test in the words of the test run."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def line(self, word, test, reason=""):
        name = test.id().rsplit(".", 1)[-1].removeprefix("test_").replace("_", " ")
        print(f"{word} client, {self.kind}: {name}{reason and f' ({reason})'}", flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("SKIP", test, reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.told(test, self.failures)

    def addError(self, test, error):
        super().addError(test, error)
        self.told(test, self.errors)

    def told(self, test, of):
        self.line("FAIL", test, of[-1][1].strip().splitlines()[-1])
        print(of[-1][1])


def main():
    passed = failed = skipped = 0
    if url := os.environ.get("ASH_TEST_URL"):
        daemons = [("installed", Installed(url))]
    else:
        daemons = [("simulated", Daemon(True)), ("real CLI", Daemon(False))]
    for kind, program in daemons:
        with program as daemon:
            Published.daemon = daemon
            result = Lines(kind)
            unittest.defaultTestLoader.loadTestsFromTestCase(Published).run(result)
            bad = len(result.failures) + len(result.errors)
            if bad:
                print("the end of the log of ashd:\n" + "\n".join(daemon.log("ashd.log").splitlines()[-40:]))
        passed += result.testsRun - bad - len(result.skipped)
        failed += bad
        skipped += len(result.skipped)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
