"""Calls promptlayer 0.5.6, and LangChain's `PromptLayerCallbackHandler`, which works with no later version."""

import promptlayer
from checks import ANSWER, KEY, call, equal, expect, finish, get, logged
from langchain_community.callbacks import PromptLayerCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAI

promptlayer.api_key = KEY

QUESTION = "What comes after 1,2,3 ?"
ids = []


def handler(*tags):
    return PromptLayerCallbackHandler(pl_id_callback=ids.append, pl_tags=list(tags))


def checked(count=1, **fields):
    """Checks the requests whose ids the callback received."""
    received, ids[:] = ids[:], []
    equal(len(received), count, "ids")
    return [logged(request_id, **fields) for request_id in received]


# Templates, in LangChain's form


def publish(name, template, **more):
    promptlayer.prompts.publish(name, prompt_template=template, **more)


def publish_text():
    from langchain.prompts import PromptTemplate

    template = PromptTemplate.from_template("What is a good name for a company that makes {product}?")
    publish("example", template, tags=["t"], commit_message="one", metadata={"mine": "1"})


def publish_chat():
    from langchain.prompts import ChatPromptTemplate

    publish("chat", ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")]))


def get_text():
    template, metadata = promptlayer.prompts.get("example", langchain=True, version=1, include_metadata=True)
    equal(template.format(product="toasters"), "What is a good name for a company that makes toasters?")
    equal(metadata["mine"], "1")


def get_dictionary():
    template = promptlayer.prompts.get("example")
    equal(template["template"], "What is a good name for a company that makes {product}?")
    equal(template["input_variables"], ["product"])


def get_chat():
    template = promptlayer.prompts.get("chat", langchain=True)
    equal([message.content for message in template.format_messages(question=QUESTION)], ["Be brief.", QUESTION])
    found = get("/prompt-templates/chat")["prompt_template"]
    equal([message["role"] for message in found["messages"]], ["system", "user"])


def all_templates():
    names = [item["prompt_name"] for item in promptlayer.prompts.all()]
    expect({"example", "chat"} <= set(names), names)


def current_templates():
    body = {
        "prompt_name": "current",
        "prompt_template": {
            "type": "chat",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "{question}"}]}],
        },
        "release_labels": ["prod"],
    }
    equal(promptlayer.templates.publish(body)["version_number"], 1)
    found = promptlayer.templates.get("current", {"label": "prod", "input_variables": {"question": QUESTION}})
    equal(found["prompt_template"]["messages"][0]["content"][0]["text"], QUESTION)
    expect("current" in [item["prompt_name"] for item in promptlayer.templates.all()], "not in the list")


call("prompts.publish, text", publish_text)
call("prompts.publish, chat", publish_chat)
call("prompts.get, langchain, version, metadata", get_text)
call("prompts.get, dictionary", get_dictionary)
call("prompts.get, chat", get_chat)
call("prompts.all", all_templates)
call("templates.publish, get and all", current_templates)

# LangChain's handler


def chat_model():
    model = ChatOpenAI(model="gpt-4o", temperature=0, callbacks=[handler("chatopenai")])
    equal(model.invoke([HumanMessage(QUESTION), HumanMessage("Tell me another joke?")]).content, ANSWER)
    (log,) = checked(said=QUESTION, provider="openai", model="gpt-4o", tags=["chatopenai"])
    equal([message["role"] for message in log["input"]["messages"]], ["user", "user"])
    expect("_langchain_run_id" in log["metadata"], log["metadata"])


def conversation():
    model = ChatOpenAI(model="gpt-4o", callbacks=[handler()])
    model.invoke([SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hi"), HumanMessage(QUESTION)])
    (log,) = checked(said=QUESTION)
    equal([message["role"] for message in log["input"]["messages"]], ["system", "user", "assistant", "user"])


def content_blocks():
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    model = ChatOpenAI(model="gpt-4o", callbacks=[handler()])
    model.invoke([HumanMessage([{"type": "text", "text": QUESTION}, image])])
    (log,) = checked(said=QUESTION)
    equal(log["input"]["messages"][0]["content"][1]["image_url"]["url"], "https://example.org/a.png")


def chat_stream():
    model = ChatOpenAI(model="gpt-4o", callbacks=[handler("stream")])
    equal("".join(chunk.content for chunk in model.stream([HumanMessage(QUESTION)])), ANSWER)
    checked(said=QUESTION, model="gpt-4o", tags=["stream"])


def completion():
    model = OpenAI(model="gpt-3.5-turbo-instruct", callbacks=[handler("langchain", "openai")])
    equal(model.invoke(QUESTION), ANSWER)
    (log,) = checked(
        said=QUESTION,
        provider="openai",
        model="gpt-3.5-turbo-instruct",
        tags=["langchain", "openai"],
        input_tokens=11,
        output_tokens=7,
    )
    equal(log["input"]["type"], "completion")


def without_ids():
    model = ChatOpenAI(model="gpt-4o", callbacks=[PromptLayerCallbackHandler(pl_tags=["no id"])])
    equal(model.invoke(QUESTION).content, ANSWER)
    ids.append(last_id + 1)
    checked(said=QUESTION, tags=["no id"])


def full_featured():
    group = promptlayer.group.create()

    def on_id(request_id):
        expect(promptlayer.track.score(request_id=request_id, score=100), "score")
        expect(promptlayer.track.metadata(request_id=request_id, metadata={"foo": "bar"}), "metadata")
        variables = {"product": "toasters"}
        expect(
            promptlayer.track.prompt(
                request_id=request_id, prompt_name="example", prompt_input_variables=variables, version=1
            ),
            "prompt",
        )
        # Returns None, or False after an error.
        expect(promptlayer.track.group(request_id=request_id, group_id=group) is not False, "group")
        ids.append(request_id)

    callback = PromptLayerCallbackHandler(pl_id_callback=on_id, pl_tags=["full"])
    template = promptlayer.prompts.get("example", version=1, langchain=True)
    said = template.format(product="toasters")
    OpenAI(model="gpt-3.5-turbo-instruct", callbacks=[callback]).invoke(said)
    global last_id
    (log,) = checked(
        said=said,
        scores={"default": 100},
        prompt_name="example",
        prompt_version_number=1,
        prompt_input_variables={"product": "toasters"},
        group_ids=[group],
    )
    equal(log["metadata"]["foo"], "bar")
    last_id = log["request_id"]


call("PromptLayerCallbackHandler, ChatOpenAI", chat_model)
call("PromptLayerCallbackHandler, every role", conversation)
call("PromptLayerCallbackHandler, content blocks", content_blocks)
call("PromptLayerCallbackHandler, stream", chat_stream)
call("PromptLayerCallbackHandler, completion", completion)
call("full featured: track.score, metadata, prompt, group", full_featured)
call("PromptLayerCallbackHandler, without pl_id_callback", without_ids)


# The proxy of 0.5.6


def proxy():
    response, request_id = promptlayer.openai.OpenAI().chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": QUESTION}], pl_tags=["proxy"], return_pl_id=True
    )
    equal(response.choices[0].message.content, ANSWER)
    logged(request_id, QUESTION, provider="openai", model="gpt-4o", tags=["proxy"], tokens=18)


call("promptlayer.openai", proxy)

finish("promptlayer 0.5.6 with LangChain")
