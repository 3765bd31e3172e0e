"""Writes src/ash_client/models.py and operations.py from docs/openapi.json, and _sync.py from _async.py.

With --check it compares and writes nothing.
"""

import json
import keyword
import sys
from pathlib import Path

HERE = Path(__file__).parent
NOTE = '"""Made from docs/openapi.json by `python generate.py`. Do not change it here."""\n'
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def annotation(schema):
    """The Python type of a schema."""
    if schema is True or not schema:
        return "Any"
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    for choice in ("anyOf", "oneOf"):
        if choice in schema and "properties" not in schema:
            return " | ".join(dict.fromkeys(annotation(one) for one in schema[choice]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    found = []
    for kind in kinds:
        if kind == "array":
            found.append(f"list[{annotation(schema.get('items'))}]")
        elif kind == "object":
            more = schema.get("additionalProperties", True)
            found.append(f"dict[str, {annotation(more) if isinstance(more, dict) else 'Any'}]")
        else:
            found.append(PLAIN[kind])
    return " | ".join(found) or "Any"


def model(name, schema):
    """A class for an object with members, an alias for anything else."""
    members = schema.get("properties", {})
    if schema.get("type") != "object" or not members:
        return f'{name}: TypeAlias = "{annotation(schema)}"\n'
    required = schema.get("required", [])
    plain = all(member.isidentifier() and not keyword.iskeyword(member) for member in members)
    types = {
        member: annotation(about) if member in required else f"NotRequired[{annotation(about)}]"
        for member, about in members.items()
    }
    if not plain:
        lines = "".join(f'        "{member}": "{kind}",\n' for member, kind in types.items())
        return f'{name} = TypedDict(\n    "{name}",\n    {{\n{lines}    }},\n)\n'
    lines = "".join(f"    {member}: {kind}\n" for member, kind in types.items())
    return f"class {name}(TypedDict):\n{lines}"


def synchronous(source):
    """The synchronous client, which is the asynchronous one without its waiting."""
    words = [
        ('"""The asynchronous client."""', '"""The client. Made from _async.py by `python generate.py`."""'),
        ("import asyncio", "import time"),
        ("await asyncio.sleep", "time.sleep"),
        ('(await self.call("listAgents"))', 'self.call("listAgents")'),
        ("async ", ""),
        ("await ", ""),
        ("__aenter__", "__enter__"),
        ("__aexit__", "__exit__"),
        ("__aiter__", "__iter__"),
        ("aclose", "close"),
        ("aread", "read"),
        ("aiter_lines", "iter_lines"),
        ("Async", ""),
    ]
    for word, other in words:
        source = source.replace(word, other)
    return source


def main():
    document = json.loads((HERE / "../../docs/openapi.json").read_text())
    models = [model(name, schema) for name, schema in document["components"]["schemas"].items()]
    head = "from __future__ import annotations\n\nfrom typing import Any, Literal, NotRequired, TypeAlias, TypedDict\n"
    table = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            about = (method.upper(), path, "Idempotency-Key" in names)
            table.append(f'    "{operation["operationId"]}": {about!r},\n')
    operations = (
        f"{NOTE}\n# Method, path, and whether it may be sent again with an `Idempotency-Key`.\n"
        f"OPERATIONS: dict[str, tuple[str, str, bool]] = {{\n{''.join(sorted(table))}}}\n"
    )
    files = {
        "models.py": NOTE + "\n" + head + "\n\n" + "\n\n".join(models),
        "operations.py": operations,
        "_sync.py": synchronous((HERE / "src/ash_client/_async.py").read_text()),
    }
    stale = False
    for name, text in files.items():
        file = HERE / "src/ash_client" / name
        if "--check" not in sys.argv:
            file.write_text(text)
        elif file.read_text() != text:
            print(f"clients/python/src/ash_client/{name} is stale: python generate.py, and commit it")
            stale = True
    sys.exit(stale)


main()
