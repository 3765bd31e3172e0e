"""ashd with simulated sandboxes against its own OpenAPI document: no 500, and no answer that is not documented.

schemathesis makes the requests. Every operation of a session has a session of its own, so that
one that ends it does not hide the others. `ASH_SCHEMA_SECONDS` is how long it tries; by default 60.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY = "ash_schema-test-key"
START_SECONDS = 60  # a start within this, also on a busy machine
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
]
# Streams that have no end of their own; tests/api reads them.
ENDLESS = ["streamSession"]


def ask(url, body=None, method=None):
    request = urllib.request.Request(url, data=body and json.dumps(body).encode(), method=method)
    request.add_header("authorization", f"Bearer {KEY}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def start(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "ASH_DATA_DIR": f"{folder}/data",
        "ASH_RUNTIME_DIR": f"{folder}/run",
        "ASH_PORT": str(port),
        "ASH_API_KEY": KEY,
        # Sessions that are created by the thousand: those that rest give way.
        "ASH_MAX_SANDBOXES": "1000",
    }
    command = [f"{os.environ['ASH_TEST_BIN']}/ashd", "--config", "/dev/null", "--simulate"]
    with open(f"{folder}/ashd.log", "wb") as log:
        program = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    while time.monotonic() < end and program.poll() is None:
        try:
            if ask(f"{url}/health"):
                return program, url
        except urllib.error.URLError:
            time.sleep(0.05)
    raise RuntimeError(Path(f"{folder}/ashd.log").read_text())


def configuration(document, url):
    """Real names and ids for what is in paths."""
    ask(f"{url}/api/agents", {"name": "tester", "systemPrompt": "You are a test."})
    lines = []
    for path, item in document["paths"].items():
        for operation in item.values():
            parameters = {}
            if path.startswith("/api/sessions/{id}"):
                session = ask(f"{url}/api/sessions", {"agent": "tester"})["session"]["id"]
                ask(f"{url}/api/sessions/{session}/files/CLAUDE.md?format=json")
                parameters["path.id"] = session
            if "/files/{path}" in path:
                parameters["path.path"] = "CLAUDE.md"
            if path.startswith("/api/agents/{name}"):
                name = operation["operationId"]
                ask(f"{url}/api/agents", {"name": name, "systemPrompt": "You are a test."})
                parameters["path.name"] = name
            if parameters:
                lines.append(f'[[operations]]\ninclude-operation-id = "{operation["operationId"]}"')
                lines.append(f"parameters = {json.dumps(parameters).replace(chr(34) + ': ', chr(34) + ' = ')}\n")
    return "\n".join(lines)


def main():
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="ash-schema.") as folder:
        program, url = start(folder)
        try:
            document = ask(f"{url}/docs/openapi.json")
            settings = Path(folder, "schemathesis.toml")
            settings.write_text(configuration(document, url))
            command = [str(Path(sys.executable).with_name("st")), "--config-file", str(settings), "run"]
            command += [f"{url}/docs/openapi.json", "--header", f"Authorization: Bearer {KEY}"]
            command += ["--max-time", os.environ.get("ASH_SCHEMA_SECONDS", "60"), "--checks", ",".join(CHECKS)]
            command += ["--request-timeout", "30", "--continue-on-failure", "--no-color", "--warnings", "off"]
            command += ["--generation-database", "none"]
            for name in ENDLESS:
                command += ["--exclude-operation-id", name]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "serializers", "PYTHONPATH": str(here)}
            done = subprocess.run(command, env=environment, cwd=folder, check=False)
            lives = program.poll() is None
        finally:
            program.terminate()
            program.wait()
        if not lives:
            print(Path(folder, "ashd.log").read_text()[-5000:])
        sys.exit(done.returncode if lives else 1)


main()
