"""Checks what Arize Phoenix shows of the traces of the program `traces`. Prints one line per check.

The spans are read from its REST API, with the attributes that Phoenix derives from `gen_ai.*`. The totals of the project are
read from GraphQL, as its pages read them.
"""

import json
import os
import sys
import time
import urllib.request

URL = os.environ["PHOENIX_URL"]
TRACES = int(os.environ["TRACES"])
SPANS = 8

failed = []
count = 0


def get(path):
    with urllib.request.urlopen(URL + path, timeout=30) as response:
        return json.load(response)


def graphql(query):
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(URL + "/graphql", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["data"]


def check(name, found, expected):
    global count
    count += 1
    if found == expected:
        print(f"ok     {name}", flush=True)
    else:
        failed.append(name)
        print(f"FAILED {name}: expected {expected!r}, found {found!r}", flush=True)


def spans():
    """Waits until all spans are stored, which happens after Phoenix has answered, and returns them."""
    deadline = time.monotonic() + 60
    while True:
        found = get(f"/v1/projects/default/spans?limit={TRACES * SPANS + 1}")["data"]
        if len(found) >= TRACES * SPANS or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


found = spans()
check("every span is stored once", len({span["context"]["span_id"] for span in found}), TRACES * SPANS)
check("no span is stored twice", len(found), TRACES * SPANS)

traces = {}
for span in found:
    traces.setdefault(span["context"]["trace_id"], {})[span["name"]] = span
check("there are as many traces as calls", len(traces), TRACES)

trace = next(iter(traces.values()))
identity = lambda name: trace[name]["context"]["span_id"]  # noqa: E731
check("the outermost function has no parent", trace["handle"]["parent_id"], None)
check("the agent is inside it", trace["weather_agent"]["parent_id"], identity("handle"))
for name in ["embed", "search", "choose_tool", "Tool: weather", "answer", "refused"]:
    check(f"{name} is inside the agent", trace[name]["parent_id"], identity("weather_agent"))

for name, kind in [
    ("weather_agent", "AGENT"),
    ("embed", "EMBEDDING"),
    ("search", "RETRIEVER"),
    ("choose_tool", "LLM"),
    ("Tool: weather", "TOOL"),
    ("answer", "LLM"),
    ("refused", "LLM"),
]:
    check(f"{name} is of the kind {kind}", trace[name]["span_kind"], kind)

SYSTEM = ("system", "You know the weather.")
USER = ("user", "How is it in Oslo? 🌦")


def messages(span, direction):
    """Returns the roles and texts of the messages that Phoenix shows."""
    attributes = span["attributes"]
    found = []
    while (key := f"llm.{direction}_messages.{len(found)}.message") + ".role" in attributes:
        found.append((attributes[f"{key}.role"], attributes.get(f"{key}.content")))
    return found


def parsed(span, name):
    """Returns the JSON in an attribute, or an empty object."""
    return json.loads(span["attributes"].get(name, "{}"))


def values(span, names):
    return {name: span["attributes"].get(name) for name in names}


chosen, answered, refused = trace["choose_tool"], trace["answer"], trace["refused"]
for span in [chosen, answered, refused]:
    name = span["name"]
    check(f"{name}: input messages", messages(span, "input"), [SYSTEM, USER])
    check(f"{name}: model", span["attributes"].get("llm.model_name"), "gpt-5")
    check(f"{name}: provider", span["attributes"].get("llm.provider"), "openai")
    check(f"{name}: parameters", parsed(span, "llm.invocation_parameters"), {"temperature": 0.5, "max_tokens": 100})
    tool = parsed(span, "llm.tools.0.tool.json_schema").get("function", {})
    check(f"{name}: tool that it may call", (tool.get("name"), list(tool.get("parameters", {}))), ("weather", ["type", "properties"]))

check("answer: output messages", messages(answered, "output"), [("assistant", "Sunny in Oslo.")])
check("answer: finish reason", answered["attributes"].get("llm.finish_reason"), "stop")
counts = ["llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total"]
check("answer: tokens", values(answered, counts), dict(zip(counts, [50, 4, 54])))
check("answer: time to the first chunk", answered["attributes"].get("gen_ai.response.time_to_first_chunk", 0) > 0, True)

call = "llm.output_messages.0.message.tool_calls.0.tool_call"
check("choose_tool: name of the tool", chosen["attributes"].get(f"{call}.function.name"), "weather")
check("choose_tool: arguments", parsed(chosen, f"{call}.function.arguments"), {"city": "Oslo"})
check("choose_tool: id of the tool call", chosen["attributes"].get(f"{call}.id"), "call_1")
check("choose_tool: finish reason", chosen["attributes"].get("llm.finish_reason"), "tool_calls")
check("choose_tool: tokens", values(chosen, counts), dict(zip(counts, [120, 30, 150])))
check("choose_tool: cached tokens", chosen["attributes"].get("llm.token_count.prompt_details.cache_read"), 100)
check("choose_tool: tags", chosen["attributes"].get("promptlayer.tags"), ["traces", "first"])

check("refused: status", (refused["status_code"], refused["status_message"]), ("ERROR", "the provider refuses"))
check("refused: no output", messages(refused, "output"), [])
check("answer: status", answered["status_code"], "OK")

embedded = trace["embed"]["attributes"]
check("embed: model", embedded.get("embedding.model_name"), "text-embedding-3-small")
check("embed: tokens", embedded.get("llm.token_count.prompt"), 8)

project = next(
    edge["node"]
    for edge in graphql("{ projects { edges { node { name traceCount recordCount tokenCountTotal } } } }")["projects"]["edges"]
    if edge["node"]["name"] == "default"
)
check("project: traces", project["traceCount"], TRACES)
check("project: spans", project["recordCount"], TRACES * SPANS)
check("project: tokens of model calls", project["tokenCountTotal"], TRACES * (150 + 54))

print(f"phoenix: {count - len(failed)} of {count} checks hold", flush=True)
sys.exit(1 if failed else 0)
