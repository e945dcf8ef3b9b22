#!/usr/bin/env python3
"""Checks that the traces of PromptLayer's own clients arrive at a local server.

    python3 tracing_check.py http://127.0.0.1:7780 [--key KEY] [--npm FOLDER]

It needs the packages `promptlayer[otel-genai-instrumentation]` and `openai`. With `--npm`, it also runs PromptLayer's
npm package: the folder must have a `node_modules` with `promptlayer` and `@openai/agents`.

The clients talk to the server through a proxy in this script, which records the status of each request. The calls to
OpenAI go to a scripted provider. The script prints one line for each check, and exits with 1 if one failed.
"""

import argparse
import gzip
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import traceback
import urllib.error
import urllib.request

ANSWER = "Noon."


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Provider(Quiet):
    """Chat Completions of OpenAI. The model `broken` fails."""

    def do_POST(self):
        request = json.loads(self.body())
        model = request["model"]
        if model == "broken":
            error = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}
            return self.answer(429, "application/json", json.dumps(error).encode())
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
        base = {"id": "chatcmpl-1", "created": 1, "model": model}
        if request.get("stream"):
            delta = {"index": 0, "delta": {"role": "assistant", "content": ANSWER}, "finish_reason": None}
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            chunks = [{"choices": [delta]}, {"choices": [last]}, {"choices": [], "usage": usage}]
            base["object"] = "chat.completion.chunk"
            lines = [f"data: {json.dumps({**base, **chunk})}\n\n" for chunk in chunks]
            return self.answer(200, "text/event-stream", ("".join(lines) + "data: [DONE]\n\n").encode())
        message = {"role": "assistant", "content": ANSWER}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        return self.answer(200, "application/json", json.dumps(reply).encode())


class Server:
    """The server under test, and a proxy to it that records requests."""

    def __init__(self, url, key):
        self.url, self.key, self.seen = url.rstrip("/"), key, []
        outer = self

        class Proxy(Quiet):
            def forward(self):
                body = self.body()
                status, content_type, answer = outer.send(self.command, self.path, body, self.headers)
                outer.seen.append((self.command, self.path, status, dict(self.headers), body))
                self.answer(status, content_type, answer)

            do_GET = do_POST = do_PATCH = do_DELETE = forward

        _, self.proxy = serve(Proxy)

    def send(self, method, path, body=None, headers=()):
        names = ("x-api-key", "content-type", "content-encoding", "accept")
        kept = {name: value for name, value in dict(headers).items() if name.lower() in names}
        request = urllib.request.Request(self.url + path, data=body or None, headers=kept, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    def get(self, path):
        status, _, body = self.send("GET", path, headers={"X-API-KEY": self.key})
        assert status == 200, f"GET {path}: {status} {body[:300]!r}"
        return json.loads(body)

    def trace(self, trace_id):
        """Returns the spans of a trace by name."""
        return {span["name"]: span for span in self.get(f"/api/public/v2/traces/{trace_id}")["spans"]}

    def log_of(self, span):
        assert "request_log_id" in span, f"no request log: {json.dumps(span)[:600]}"
        return self.get(f"/api/public/v2/requests/{span['request_log_id']}")

    def traces_sent(self):
        return [seen for seen in self.seen if seen[1].startswith("/v1/traces")]


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def texts(prompt):
    return [
        (message["role"], "".join(block.get("text", "") for block in message["content"]))
        for message in prompt["messages"]
    ]


class Python:
    """PromptLayer's Python client with tracing, and an OpenAI client of the scripted provider."""

    def __init__(self, server, provider):
        import openai
        import promptlayer

        os.environ["PROMPTLAYER_API_KEY"] = server.key
        os.environ["OPENAI_API_KEY"] = "sk-test"
        os.environ["OPENAI_BASE_URL"] = provider
        self.client = promptlayer.PromptLayer(enable_tracing=True, base_url=server.proxy, tracing_providers=["openai"])
        self.openai = openai.OpenAI(base_url=provider, api_key="sk-test", max_retries=0)

    def run(self, function, name, **options):
        """Runs a function in a traced span, and returns the id of the trace."""
        from opentelemetry import trace

        found = []

        def inside():
            found.append(trace.get_current_span().get_span_context().trace_id)
            return function()

        try:
            self.client.traceable(name=name, **options)(inside)()
        except Exception as error:  # The traced function may fail on purpose.
            if not getattr(error, "expected", False) and type(error).__name__ != "RateLimitError":
                raise
        assert self.client.tracer_provider.force_flush(), "the spans were not flushed"
        return format(found[0], "032x")

    def ask(self, **options):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What time is it?"}]
        return self.openai.chat.completions.create(
            **{"model": "gpt-4o", "messages": messages, "temperature": 0.5, **options}
        )


@check
def traceable_functions_are_spans_of_one_trace(server, python):
    client = python.client

    @client.traceTool("clock")
    def clock(zone):
        return f"noon in {zone}"

    trace = server.trace(python.run(lambda: clock("Oslo"), "agent", attributes={"team": "billing", "n": 3}))
    agent, tool = trace["agent"], trace["Tool: clock"]
    assert tool["parent_id"] == agent["span_id"], (tool, agent)
    assert agent["attributes"]["team"] == "billing" and agent["attributes"]["n"] == 3, agent
    assert tool["attributes"]["node_type"] == "CODE_EXECUTION", tool
    assert tool["attributes"]["function_output"] == "noon in Oslo", tool
    assert not any("request_log_id" in span for span in trace.values()), trace


@check
def exception_is_an_event_of_a_failed_span(server, python):
    def fail():
        error = ValueError("bad thing")
        error.expected = True
        raise error

    span = server.trace(python.run(fail, "failing"))["failing"]
    assert span["status"]["status_code"] == "StatusCode.ERROR", span
    [event] = span["events"]
    assert event["attributes"]["exception.message"] == "bad thing", event


@check
def traced_openai_call_is_a_request_log(server, python):
    trace = server.trace(python.run(python.ask, "ask"))
    log = server.log_of(trace["chat gpt-4o"])
    assert trace["chat gpt-4o"]["parent_id"] == trace["ask"]["span_id"], trace
    assert (log["provider"], log["model"], log["api_type"]) == ("openai", "gpt-4o", "chat-completions"), log
    assert (log["input_tokens"], log["output_tokens"]) == (9, 2), log
    assert log["parameters"]["temperature"] == 0.5, log["parameters"]
    assert texts(log["input"]) == [("system", "Be brief."), ("user", "What time is it?")], log["input"]
    assert texts(log["output"]) == [("assistant", ANSWER)], log["output"]
    assert log["status"] == "SUCCESS", log


@check
def streamed_openai_call_is_a_request_log(server, python):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    trace = server.trace(python.run(lambda: list(python.ask(**options)), "stream"))
    log = server.log_of(trace["chat gpt-4o"])
    assert texts(log["output"]) == [("assistant", ANSWER)], log["output"]
    assert (log["input_tokens"], log["output_tokens"]) == (9, 2), log


@check
def failed_openai_call_is_a_failed_request_log(server, python):
    trace = server.trace(python.run(lambda: python.ask(model="broken"), "limited"))
    log = server.log_of(trace["chat broken"])
    assert (log["status"], log["error_type"]) == ("ERROR", "PROVIDER_RATE_LIMIT"), log
    assert "Rate limit reached" in log["error_message"], log


@check
def prompt_of_the_context_is_linked(server, python):
    from promptlayer.span_exporter import set_prompt_span_attributes

    def ask():
        set_prompt_span_attributes({"id": 7, "version": 3}, "greeting", label="prod")
        python.ask()

    log = server.log_of(server.trace(python.run(ask, "prompted"))["chat gpt-4o"])
    link = (log["prompt_name"], log["prompt_id"], log["prompt_version_number"])
    assert link == ("greeting", 7, 3), link


@check
def call_that_the_client_logs_itself_is_not_logged_again(server, python):
    from promptlayer.span_exporter import _mark_genai_request_span

    def ask():
        with _mark_genai_request_span(enabled=True, request_log_span_id="1" * 16):
            python.ask()

    span = server.trace(python.run(ask, "managed"))["chat gpt-4o"]
    assert span["attributes"]["promptlayer.request_log.managed"] is True, span
    assert span["attributes"]["promptlayer.request_log.span_id"] == "1" * 16, span
    assert "request_log_id" not in span, span


@check
def resent_batch_is_stored_once(server, python):
    trace_id = python.run(python.ask, "resent")
    _, path, _, headers, body = server.traces_sent()[-1]
    before = server.get(f"/api/public/v2/traces/{trace_id}")
    status, _, _ = server.send("POST", path, body, headers)
    assert status == 200, status
    headers = {**headers, "Content-Encoding": "gzip"}
    status, _, _ = server.send("POST", path, gzip.compress(body), headers)
    assert status == 200, status
    assert server.get(f"/api/public/v2/traces/{trace_id}") == before


NPM = """
const { instrumentOpenAIAgents } = require("promptlayer/openai-agents");
const { withTrace, withGenerationSpan, withFunctionSpan } = require("@openai/agents");
(async () => {
  const processor = await instrumentOpenAIAgents({ apiKey: process.env.KEY, baseURL: process.env.URL });
  await withTrace("npm workflow", async () => {
    await withGenerationSpan(async (span) => {
      span.spanData.output = [{ role: "assistant", content: "Noon." }];
      span.spanData.usage = { input_tokens: 9, output_tokens: 2 };
    }, { data: { model: "gpt-4o", input: [{ role: "user", content: "What time is it?" }] } });
    await withFunctionSpan(async (span) => { span.spanData.output = "noon"; }, { data: { name: "clock", input: "{}" } });
  });
  await processor.forceFlush();
})().catch((error) => { console.error(error); process.exit(1); });
"""


def npm_package_sends_json(server, folder):
    folder = pathlib.Path(folder)
    script = folder / "tracing_check.cjs"
    script.write_text(NPM)
    count = len(server.traces_sent())
    environment = {**os.environ, "KEY": server.key, "URL": server.proxy, "PROMPTLAYER_API_KEY": server.key}
    done = subprocess.run(["node", script.name], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    sent = server.traces_sent()[count:]
    assert sent, "the npm package sent nothing"
    [trace_id] = {
        span["traceId"]
        for seen in sent
        for resource in json.loads(seen[4])["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }
    spans = server.trace(trace_id)
    logged = [span for span in spans.values() if "request_log_id" in span]
    assert len(logged) == 1, list(spans)
    log = server.log_of(logged[0])
    assert (log["provider"], log["model"]) == ("openai", "gpt-4o"), log
    assert texts(log["input"]) == [("user", "What time is it?")], log["input"]
    assert texts(log["output"]) == [("assistant", ANSWER)], log["output"]
    assert (log["input_tokens"], log["output_tokens"]) == (9, 2), log


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--key", default="local")
    parser.add_argument("--npm", metavar="FOLDER", help="a folder with node_modules/promptlayer")
    arguments = parser.parse_args()
    server = Server(arguments.url, arguments.key)
    _, provider = serve(Provider)
    python = Python(server, provider + "/v1")
    checks = [(check.__name__, lambda check=check: check(server, python)) for check in CHECKS]
    if arguments.npm:
        checks.append((npm_package_sends_json.__name__, lambda: npm_package_sends_json(server, arguments.npm)))
    else:
        print("skipped  npm_package_sends_json: no --npm")
    failures = 0
    for name, run in checks:
        try:
            run()
            print(f"ok       {name}")
        except Exception:
            failures += 1
            print(f"FAILED   {name}\n{traceback.format_exc()}")
    refused = [(seen[0], seen[1], seen[2]) for seen in server.seen if seen[2] >= 400]
    if refused:
        failures += 1
        print(f"FAILED   refused requests: {refused}")
    print(f"{len(checks) - min(failures, len(checks))} of {len(checks)} checks passed, {len(server.seen)} requests")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
