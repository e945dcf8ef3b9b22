"""Calls what the current `promptlayer` package traces: runs, proxies and functions, sent to `/v1/traces`."""

from checks import ANSWER, call, equal, expect, finish, get, logged
from opentelemetry import trace
from promptlayer import PromptLayer

pl = PromptLayer(enable_tracing=True)

QUESTION = "What comes after 1,2,3 ?"
MESSAGES = [{"role": "user", "content": QUESTION}]
TRACES = {}


def current_trace():
    return format(trace.get_current_span().get_span_context().trace_id, "032x")


def spans_of(trace_id):
    expect(pl.tracer_provider.force_flush(), "the spans were not sent")
    return get(f"/api/public/v2/traces/{trace_id}")["spans"]


def named(spans, name):
    found = [span for span in spans if span["name"] == name]
    equal(len(found), 1, f"spans named {name!r} of {[span['name'] for span in spans]}")
    return found[0]


def prepare():
    prompt = {"type": "chat", "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]}
    model = {"provider": "openai", "name": "gpt-4o", "parameters": {}}
    pl.templates.publish({"prompt_name": "example", "prompt_template": prompt, "metadata": {"model": model}})


def traced_function():
    @pl.traceable(name="outer", attributes={"mine": "1"})
    def outer(question):
        TRACES["outer"] = current_trace()
        return inner(question)

    @pl.traceable()
    def inner(question):
        return ANSWER

    equal(outer(QUESTION), ANSWER)
    spans = spans_of(TRACES["outer"])
    outer, inner = named(spans, "outer"), named(spans, "inner")
    equal((inner["parent_id"], outer["attributes"]["mine"]), (outer["span_id"], "1"))
    equal(inner["attributes"]["function_output"], ANSWER)


def traced_tool():
    @pl.traceTool(name="weather")
    def weather(city):
        TRACES["tool"] = current_trace()
        return "sunny"

    equal(weather("Oslo"), "sunny")
    equal(named(spans_of(TRACES["tool"]), "Tool: weather")["attributes"]["tool.name"], "weather")


def traced_run():
    @pl.traceable()
    def workflow():
        TRACES["run"] = current_trace()
        return pl.run("example")

    result = workflow()
    spans = spans_of(TRACES["run"])
    logged(result["request_id"], QUESTION, provider="openai", model="gpt-4o", trace_id=TRACES["run"])
    equal(named(spans, "PromptLayer Run")["request_log_id"], result["request_id"])
    named(spans, "Prompt template fetch")
    logs = [span["request_log_id"] for span in spans if span.get("request_log_id")]
    equal(logs, [result["request_id"]], "a call is one request log")


def traced_proxy():
    @pl.traceable()
    def ask():
        TRACES["proxy"] = current_trace()
        return pl.openai.OpenAI().chat.completions.create(model="gpt-4o", messages=MESSAGES, return_pl_id=True)

    _, request_id = ask()
    spans = spans_of(TRACES["proxy"])
    logged(request_id, QUESTION, trace_id=TRACES["proxy"])
    logs = [span["request_log_id"] for span in spans if span.get("request_log_id")]
    equal(logs, [request_id], "a call is one request log")


def library_without_proxy():
    import openai

    @pl.traceable()
    def ask():
        TRACES["library"] = current_trace()
        return openai.OpenAI().chat.completions.create(model="gpt-4o", messages=MESSAGES)

    ask()
    logs = [span["request_log_id"] for span in spans_of(TRACES["library"]) if span.get("request_log_id")]
    equal(len(logs), 1, "request logs of the span that the instrumentation made")
    logged(logs[0], QUESTION, provider="openai", model="gpt-4o", input_tokens=11, output_tokens=7)


call("templates.publish", prepare)
call("traceable, nested", traced_function)
call("traceTool", traced_tool)
call("run in a traced function", traced_run)
call("pl.openai in a traced function", traced_proxy)
call("openai in a traced function", library_without_proxy)

finish("promptlayer, traced")
