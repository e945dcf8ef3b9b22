"""Calls everything of the current `promptlayer` package for logging, tracking, templates and runs."""

import anthropic
import openai
from checks import ANSWER, call, equal, expect, finish, logged, newest
from promptlayer import AsyncPromptLayer, PromptLayer

pl = PromptLayer()
apl = AsyncPromptLayer()

QUESTION = "What comes after 1,2,3 ?"


def text(said):
    return [{"type": "text", "text": said}]


def chat(*messages):
    return {"type": "chat", "messages": [{"role": role, "content": text(said)} for role, said in messages]}


def said_by(message):
    return "".join(block["text"] for block in message["content"])


# Logging

INPUT, OUTPUT = chat(("user", QUESTION)), chat(("assistant", ANSWER))


def log_minimal():
    log = pl.log_request(
        provider="openai", model="gpt-4o", input=INPUT, output=OUTPUT, request_start_time=1.5, request_end_time=2.5
    )
    logged(log["id"], QUESTION, provider="openai", model="gpt-4o", latency_ms=1000.0)
    return log["id"]


def log_everything():
    log = pl.log_request(
        provider="openai",
        model="gpt-4o",
        input=INPUT,
        output=OUTPUT,
        request_start_time="2024-01-15T10:30:00Z",
        request_end_time="2024-01-15T10:30:05Z",
        parameters={"temperature": 0.2},
        tags=["a"],
        metadata={"k": "v"},
        prompt_name="unknown",
        prompt_version_number=1,
        prompt_input_variables={"list": [1], "text": "x"},
        input_tokens=5,
        output_tokens=6,
        price=0.5,
        function_name="f",
        score=80,
        score_name="tone",
        api_type="chat-completions",
    )
    logged(
        log["id"], QUESTION, tags=["a"], metadata={"k": "v"}, tokens=11, price=0.5, scores={"tone": 80}, latency_ms=5e3
    )


def log_error():
    log = pl.log_request(
        provider="openai",
        model="gpt-4o",
        input=INPUT,
        output={"type": "chat", "messages": []},
        request_start_time=1.0,
        request_end_time=2.0,
        status="ERROR",
        error_type="PROVIDER_TIMEOUT",
        error_message="no answer",
    )
    logged(log["id"], QUESTION, answer=None, status="ERROR", error_type="PROVIDER_TIMEOUT", error_message="no answer")


async def log_async():
    log = await apl.log_request(
        provider="openai", model="gpt-4o", input=INPUT, output=OUTPUT, request_start_time=1.0, request_end_time=2.0
    )
    logged(log["id"], QUESTION)


ID = call("log_request, required arguments", log_minimal)
call("log_request, all arguments", log_everything)
call("log_request, error", log_error)
call("async log_request", log_async)

# Groups and tracking

GROUP = call("group.create", lambda: pl.group.create())


def tracked(result, **fields):
    expect(result is True, f"returned {result!r}")
    logged(ID, **fields)


# Templates


def publish(name, prompt, **more):
    return pl.templates.publish({"prompt_name": name, "prompt_template": prompt, **more})


OPENAI = {"model": {"provider": "openai", "name": "gpt-4o", "parameters": {"temperature": 0.5}}}
CLAUDE = {"model": {"provider": "anthropic", "name": "claude-x", "parameters": {"max_tokens": 50}}}


def publish_first():
    prompt = chat(("system", "Be brief."), ("user", "What comes after {numbers} ?"))
    published = publish("example", prompt, metadata=OPENAI, tags=["t"], commit_message="one", release_labels=["prod"])
    equal(published["prompt_name"], "example")


def publish_second():
    publish("example", chat(("user", "Second: {numbers}")), metadata=OPENAI)
    publish("folder/claude", chat(("system", "Be brief."), ("user", "What comes after {numbers} ?")), metadata=CLAUDE)
    completion = {"type": "completion", "content": text("Once upon a {noun}")}
    publish("story", completion, metadata={"model": {"provider": "openai", "name": "instruct", "parameters": {}}})
    publish("responses", chat(("user", "{numbers}")), metadata={"model": {**OPENAI["model"], "api_type": "responses"}})
    publish("parent", chat(("user", "@@@story@@@ there was")))
    placeholder = {"role": "placeholder", "name": "history"}
    listed = chat(("system", "Be brief."), ("user", "{numbers} {n:>4}"))
    publish("listed", {**listed, "messages": [*listed["messages"], placeholder]}, metadata=OPENAI)


def template(name="example", params=None):
    return pl.templates.get(name, params)


def first_version(params):
    found = template(params=params)
    equal(found["version"], 1)
    equal(said_by(found["prompt_template"]["messages"][0]), "Be brief.")


def rendered():
    found = template(params={"version": 1, "input_variables": {"numbers": "1,2,3"}})
    equal(said_by(found["prompt_template"]["messages"][1]), QUESTION)
    equal(found["llm_kwargs"]["messages"][1]["content"], QUESTION)
    equal((found["llm_kwargs"]["model"], found["llm_kwargs"]["temperature"]), ("gpt-4o", 0.5))


def rendered_with_any_variables():
    history = [{"role": "user", "content": text("earlier")}, {"role": "assistant", "content": text("yes")}]
    found = template("listed", {"input_variables": {"numbers": [1, 2, 3], "n": 4, "history": history}})
    messages = found["prompt_template"]["messages"]
    equal([said_by(message) for message in messages[1:]], ["[1, 2, 3]    4", "earlier", "yes"])


def for_other_provider():
    found = template(params={"provider": "anthropic", "model": "claude-x", "version": 1})
    equal(found["metadata"]["model"]["provider"], "anthropic")
    equal(found["llm_kwargs"]["system"], text("Be brief."))
    equal(found["llm_kwargs"]["model"], "claude-x")


def with_overrides():
    params = {"model_parameter_overrides": {"temperature": 0.9, "maxOutputTokens": 5}, "metadata_filters": {"a": "b"}}
    kwargs = template(params=params)["llm_kwargs"]
    equal((kwargs["temperature"], kwargs["max_completion_tokens"]), (0.9, 5))


def cached():
    client = PromptLayer(cache_ttl_seconds=60)
    for _ in range(2):
        found = client.templates.get("example", {"version": 1, "input_variables": {"numbers": "1,2,3"}})
        equal(said_by(found["prompt_template"]["messages"][1]), QUESTION)
    client.invalidate("example")


def with_snippet():
    found = template("parent", {"input_variables": {"noun": "toaster"}})
    equal(said_by(found["prompt_template"]["messages"][0]), "Once upon a toaster there was")


def all_templates():
    expect("example" in [item["prompt_name"] for item in pl.templates.all()], "not in the list")
    equal([item["version"] for item in pl.templates.all(label="prod")], [1])
    equal(len(pl.templates.all(page=2, per_page=1)), 1)


call("templates.publish", publish_first)
call("templates.publish, more", publish_second)
call("templates.get, latest", lambda: equal(template()["version"], 2))
call("templates.get, version", lambda: first_version({"version": 1}))
call("templates.get, label", lambda: first_version({"label": "prod"}))
call("templates.get, name with a slash", lambda: equal(template("folder/claude")["prompt_name"], "folder/claude"))
call("templates.get, input_variables", rendered)
call("templates.get, variables of any type", rendered_with_any_variables)
call("templates.get, provider and model", for_other_provider)
call("templates.get, overrides and metadata filters", with_overrides)
call("templates.get, cache", cached)
call("templates.get, snippet", with_snippet)
call("templates.all", all_templates)


async def async_templates():
    equal((await apl.templates.get("example", {"label": "prod"}))["version"], 1)
    expect(len(await apl.templates.all()) > 1, "the list is empty")


call("async templates.get and all", async_templates)

call("track.score", lambda: tracked(pl.track.score(request_id=ID, score=90), scores={"default": 90}))
call(
    "track.score, named",
    lambda: tracked(
        pl.track.score(request_id=ID, score=7, score_name="accuracy"), scores={"default": 90, "accuracy": 7}
    ),
)
call("track.metadata", lambda: tracked(pl.track.metadata(request_id=ID, metadata={"k": "v"}), metadata={"k": "v"}))
call(
    "track.prompt, version",
    lambda: tracked(
        pl.track.prompt(request_id=ID, prompt_name="example", prompt_input_variables={"numbers": [1, 2]}, version=2),
        prompt_name="example",
        prompt_version_number=2,
        prompt_input_variables={"numbers": [1, 2]},
    ),
)
call(
    "track.prompt, label",
    lambda: tracked(
        pl.track.prompt(request_id=ID, prompt_name="example", prompt_input_variables={}, label="prod"),
        prompt_version_number=1,
    ),
)
call("track.group", lambda: tracked(pl.track.group(request_id=ID, group_id=GROUP), group_ids=[GROUP]))


async def async_tracking():
    group = await apl.group.create()
    expect(await apl.track.score(request_id=ID, score=50), "score")
    expect(await apl.track.metadata(request_id=ID, metadata={"async": "yes"}), "metadata")
    expect(await apl.track.group(request_id=ID, group_id=group), "group")
    logged(ID, scores={"default": 50, "accuracy": 7}, metadata={"k": "v", "async": "yes"}, group_ids=[GROUP, group])


call("async track.score, metadata, group", async_tracking)

# Runs


def run(name="example", **arguments):
    arguments.setdefault("input_variables", {"numbers": "1,2,3"})
    return pl.run(name, **arguments)


def checked_run(result, said=QUESTION, **fields):
    fields = {"provider": "openai", "model": "gpt-4o", "input_tokens": 11, "output_tokens": 7, **fields}
    blueprint = result["prompt_blueprint"]["prompt_template"]
    expect(ANSWER in str(blueprint), f"no answer in the blueprint: {blueprint}")
    return logged(result["request_id"], said, **fields)


def run_plain():
    result = run(prompt_version=1)
    equal(result["raw_response"].choices[0].message.content, ANSWER)
    checked_run(
        result, prompt_name="example", prompt_version_number=1, function_name="openai.chat.completions.create"
    )


def run_everything():
    group = pl.group.create()
    result = run(
        prompt_release_label="prod",
        tags=["run"],
        metadata={"user": "1"},
        group_id=group,
        model_parameter_overrides={"temperature": 0.9},
    )
    log = checked_run(result, tags=["run"], group_ids=[group], prompt_version_number=1)
    equal((log["metadata"]["user"], log["parameters"]["temperature"]), ("1", 0.9))


def run_stream(name="example", **fields):
    last = None
    for chunk in run(name, stream=True, **({"prompt_version": 1} if name == "example" else {})):
        last = chunk
    return logged(last["request_id"], **fields)


def run_failing():
    before = newest()
    try:
        run(prompt_version=1, model="broken")
        raise AssertionError("it returned")
    except openai.BadRequestError:
        pass
    logged(before + 1, QUESTION, answer=None, status="ERROR", model="broken")


def run_completion():
    result = run("story", input_variables={"noun": "toaster"})
    checked_run(result, "Once upon a toaster", model="instruct")


async def run_async():
    checked_run(await apl.run("example", prompt_version=1, input_variables={"numbers": "1,2,3"}))


CLAUDE_FIELDS = {"provider": "anthropic", "model": "claude-x"}
call("run", run_plain)
call("run, label, tags, metadata, group, overrides", run_everything)
call("run, stream", lambda: run_stream(said=QUESTION, provider="openai", model="gpt-4o"))
call("run, provider that fails", run_failing)
call("run, completion", run_completion)
call("run, Responses API", lambda: checked_run(run("responses"), "1,2,3", api_type="responses"))
call("run, Responses API, stream", lambda: run_stream("responses", api_type="responses"))
call("run, Anthropic", lambda: checked_run(run("folder/claude"), **CLAUDE_FIELDS))
call("run, Anthropic, stream", lambda: run_stream("folder/claude", **CLAUDE_FIELDS))
call(
    "run, other provider and model",
    lambda: checked_run(run(prompt_version=1, provider="anthropic", model="claude-x"), **CLAUDE_FIELDS),
)
call("async run", run_async)

# Proxies

MESSAGES = [{"role": "user", "content": QUESTION}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def proxy_openai():
    response, request_id = pl.openai.OpenAI().chat.completions.create(
        model="gpt-4o", messages=MESSAGES, temperature=0.3, pl_tags=["proxy"], return_pl_id=True
    )
    equal(response.choices[0].message.content, ANSWER)
    log = logged(request_id, QUESTION, provider="openai", model="gpt-4o", tags=["proxy"], tokens=18)
    equal(log["parameters"], {"temperature": 0.3})


def proxy_tools():
    _, request_id = pl.openai.OpenAI().chat.completions.create(
        model="gpt-4o", messages=MESSAGES, tools=[WEATHER], return_pl_id=True
    )
    log = logged(request_id, QUESTION, answer="Oslo")
    equal(log["output"]["messages"][0]["tool_calls"][0]["function"]["name"], "weather")


def proxy_stream():
    request_id = None
    stream = pl.openai.OpenAI().chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, return_pl_id=True
    )
    for chunk, pl_id in stream:
        request_id = pl_id or request_id
    logged(request_id, QUESTION, answer=None, provider="openai", model="gpt-4o")


def proxy_embeddings():
    _, request_id = pl.openai.OpenAI().embeddings.create(
        model="embed", input=QUESTION, encoding_format="float", return_pl_id=True
    )
    logged(request_id, QUESTION, answer=None, model="embed", input_tokens=11)


def proxy_responses():
    _, request_id = pl.openai.OpenAI().responses.create(model="gpt-4o", input=QUESTION, return_pl_id=True)
    logged(request_id, QUESTION, model="gpt-4o", tokens=18, api_type="responses")


def proxy_anthropic():
    _, request_id = pl.anthropic.Anthropic().messages.create(
        model="claude-x", max_tokens=50, system="Be brief.", messages=MESSAGES, return_pl_id=True
    )
    log = logged(request_id, QUESTION, tokens=18, **CLAUDE_FIELDS)
    equal(log["input"]["messages"][0]["role"], "system")


def proxy_anthropic_stream():
    request_id = None
    stream = pl.anthropic.Anthropic().messages.create(
        model="claude-x", max_tokens=50, messages=MESSAGES, stream=True, return_pl_id=True
    )
    for chunk, pl_id in stream:
        request_id = pl_id or request_id
    logged(request_id, QUESTION, **CLAUDE_FIELDS)


async def proxy_async():
    _, request_id = await pl.openai.AsyncOpenAI().chat.completions.create(
        model="gpt-4o", messages=MESSAGES, return_pl_id=True
    )
    logged(request_id, QUESTION, model="gpt-4o")


call("pl.openai, chat", proxy_openai)
call("pl.openai, tools", proxy_tools)
call("pl.openai, chat, stream", proxy_stream)
call("pl.openai, embeddings", proxy_embeddings)
call("pl.openai, responses", proxy_responses)
call("pl.openai, async", proxy_async)
call("pl.anthropic, messages", proxy_anthropic)
call("pl.anthropic, messages, stream", proxy_anthropic_stream)


@pl.traceable()
def traced(question):
    return run(prompt_version=1)


call("traceable without tracing", lambda: checked_run(traced(QUESTION)))

finish(f"promptlayer {__import__('promptlayer').__version__}, openai {openai.__version__}, anthropic {anthropic.__version__}")
