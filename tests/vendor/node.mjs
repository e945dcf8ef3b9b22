// Calls everything of the `promptlayer` package of npm for logging, tracking, templates and runs.

import { createRequire } from "node:module";

// The packages are in the folder from which this script is started.
const require = createRequire(`${process.cwd()}/package.json`);
const { PromptLayer } = require("promptlayer");
const { version } = require("./node_modules/promptlayer/package.json");

const { PROMPTLAYER_BASE_URL: URL_, PROMPTLAYER_API_KEY: KEY } = process.env;
const ANSWER = "Four, as every toaster knows.";
const QUESTION = "What comes after 1,2,3 ?";
const pl = new PromptLayer({ apiKey: KEY, baseURL: URL_ });

let count = 0;
let failures = 0;

async function call(name, run) {
  count += 1;
  try {
    const value = await run();
    console.log(`ok     ${name}`);
    return value;
  } catch (error) {
    failures += 1;
    console.log(`FAILED ${name}: ${error.message}`);
  }
}

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

const sorted = (value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort().map(([key, inner]) => [key, sorted(inner)]))
    : Array.isArray(value)
      ? value.map(sorted)
      : value;

function equal(found, expected, what = "") {
  const [one, other] = [JSON.stringify(sorted(found)), JSON.stringify(sorted(expected))];
  expect(one === other, `${what}: expected ${other}, found ${one}`);
}

async function get(path, headers = {}) {
  const response = await fetch(URL_ + path, { headers: { "X-API-KEY": KEY, ...headers } });
  expect(response.ok, `${path} answered ${response.status}`);
  return headers.Accept ? response.text() : response.json();
}

/** Checks a request log through the API and on its page. */
async function logged(id, { said = QUESTION, answer = ANSWER, ...fields } = {}) {
  expect(Number.isInteger(id), `no request id, but ${id}`);
  const log = await get(`/api/public/v2/requests/${id}`);
  for (const [name, value] of Object.entries(fields)) equal(log[name], value, name);
  const html = await get(`/requests/${id}`, { Accept: "text/html" });
  for (const [place, text] of [["input", said], ["output", answer]]) {
    if (!text) continue;
    expect(JSON.stringify(log[place]).includes(text), `${text} is not in the ${place}`);
    expect(html.includes(text.split(",")[0]), `${text} is not on the page`);
  }
  return log;
}

const text = (said) => [{ type: "text", text: said }];
const chat = (...messages) => ({
  type: "chat",
  messages: messages.map(([role, said]) => ({ role, content: text(said) })),
});
const said = (message) => message.content.map((block) => block.text).join("");

// Logging

const log = (fields) =>
  pl.logRequest({
    provider: "openai",
    model: "gpt-4o",
    input: chat(["user", QUESTION]),
    output: chat(["assistant", ANSWER]),
    request_start_time: 1700000000,
    request_end_time: 1700000001.5,
    ...fields,
  });

const id = await call("logRequest, seconds", async () => {
  const { id } = await log({});
  await logged(id, { provider: "openai", model: "gpt-4o", latency_ms: 1500 });
  return id;
});
await call("logRequest, milliseconds", async () => {
  const { id } = await log({ request_start_time: Date.now() - 250, request_end_time: Date.now() });
  const { latency_ms } = await logged(id);
  expect(latency_ms >= 250 && latency_ms < 10_000, `latency ${latency_ms}`);
});
await call("logRequest, all arguments", async () => {
  const { id } = await log({
    request_start_time: new Date(1700000000000).toISOString(),
    request_end_time: new Date(1700000002000).toISOString(),
    parameters: { temperature: 0.2 },
    tags: ["a"],
    metadata: { k: "v" },
    prompt_name: "unknown",
    prompt_version_number: 1,
    prompt_input_variables: { list: [1] },
    input_tokens: 5,
    output_tokens: 6,
    price: 0.5,
    function_name: "f",
    score: 80,
    score_name: "tone",
    api_type: "chat-completions",
  });
  await logged(id, { tags: ["a"], metadata: { k: "v" }, tokens: 11, scores: { tone: 80 }, latency_ms: 2000 });
});
await call("logRequest, error", async () => {
  const { id } = await log({ status: "ERROR", error_type: "PROVIDER_ERROR", error_message: "no answer" });
  await logged(id, { status: "ERROR", error_message: "no answer" });
});

// Templates

const OPENAI = {
  model: { provider: "openai", name: "gpt-4o", api_type: "chat-completions", parameters: { temperature: 0.5 } },
};
const CLAUDE = { model: { provider: "anthropic", name: "claude-x", parameters: { max_tokens: 50 } } };

const publish = (prompt_name, prompt_template, more = {}) =>
  pl.templates.publish({ prompt_name, prompt_template, ...more });

await call("templates.publish", async () => {
  const prompt = chat(["system", "Be brief."], ["user", "What comes after {numbers} ?"]);
  await publish("node", prompt, { metadata: OPENAI, tags: ["t"], commit_message: "one", release_labels: ["prod"] });
  await publish("node", chat(["user", "Second: {numbers}"]), { metadata: OPENAI });
  await publish("node-claude", prompt, { metadata: CLAUDE });
  const responses = { model: { ...OPENAI.model, api_type: "responses" } };
  await publish("node-responses", chat(["user", "{numbers}"]), { metadata: responses });
  const completion = { type: "completion", content: text("Once upon a {noun}") };
  const instruct = { model: { provider: "openai", name: "instruct", api_type: "chat-completions", parameters: {} } };
  await publish("node-story", completion, { metadata: instruct });
});
await call("templates.get, latest, version, label", async () => {
  equal((await pl.templates.get("node")).version, 2);
  equal((await pl.templates.get("node", { version: 1 })).version, 1);
  equal((await pl.templates.get("node", { label: "prod" })).version, 1);
});
await call("templates.get, input_variables of any type", async () => {
  for (const [numbers, expected] of [["1,2,3", QUESTION], [[1, 2], "What comes after [1, 2] ?"]]) {
    const found = await pl.templates.get("node", { version: 1, input_variables: { numbers } });
    equal(said(found.prompt_template.messages[1]), expected);
    equal(found.llm_kwargs.messages[1].content, expected);
  }
});
await call("templates.get, provider, model, overrides, metadata filters", async () => {
  const found = await pl.templates.get("node", {
    version: 1,
    provider: "anthropic",
    model: "claude-x",
    model_parameter_overrides: { temperature: 0.9 },
    metadata_filters: { a: "b" },
  });
  equal(found.llm_kwargs.system, text("Be brief."));
  equal([found.llm_kwargs.model, found.llm_kwargs.temperature], ["claude-x", 0.9]);
});
await call("templates.get, cache", async () => {
  const cached = new PromptLayer({ apiKey: KEY, baseURL: URL_, cacheTtlSeconds: 60 });
  for (let i = 0; i < 2; i += 1) {
    const found = await cached.templates.get("node", { version: 1, input_variables: { numbers: "1,2,3" } });
    equal(said(found.prompt_template.messages[1]), QUESTION);
  }
  cached.invalidate("node");
});
await call("templates.all", async () => {
  const names = (await pl.templates.all()).map((item) => item.prompt_name);
  expect(names.includes("node"), names);
  expect((await pl.templates.all({ label: "prod" })).length >= 1, "no template with the label");
});

// Tracking

const group = await call("group.create", async () => {
  const group = await pl.group.create();
  expect(Number.isInteger(group), `no group, but ${group}`);
  return group;
});
await call("track.score", async () => {
  await pl.track.score({ request_id: id, score: 90 });
  await pl.track.score({ request_id: id, score: 7, name: "accuracy" });
  await logged(id, { scores: { default: 90, accuracy: 7 } });
});
await call("track.metadata", async () => {
  await pl.track.metadata({ request_id: id, metadata: { k: "v" } });
  await logged(id, { metadata: { k: "v" } });
});
await call("track.prompt", async () => {
  const prompt_input_variables = { numbers: "1,2" };
  await pl.track.prompt({ request_id: id, prompt_name: "node", prompt_input_variables, version: 2 });
  await logged(id, { prompt_name: "node", prompt_version_number: 2, prompt_input_variables });
  await pl.track.prompt({ request_id: id, prompt_name: "node", prompt_input_variables: {}, label: "prod" });
  await logged(id, { prompt_version_number: 1 });
});
await call("track.group", async () => {
  await pl.track.group({ request_id: id, group_id: group });
  await logged(id, { group_ids: [group] });
});

// Runs

const run = (promptName, more = {}) => pl.run({ promptName, inputVariables: { numbers: "1,2,3" }, ...more });
const GPT = { provider: "openai", model: "gpt-4o", input_tokens: 11, output_tokens: 7 };
const CLAUDE_FIELDS = { provider: "anthropic", model: "claude-x", input_tokens: 11, output_tokens: 7 };

async function checkedRun(result, fields) {
  expect(JSON.stringify(result.prompt_blueprint).includes(ANSWER), "no answer in the blueprint");
  return logged(result.request_id, fields);
}

async function streamed(promptName, fields) {
  let last;
  const promptVersion = promptName === "node" ? 1 : undefined;
  for await (const chunk of await run(promptName, { promptVersion, stream: true })) last = chunk;
  return logged(last.request_id, fields);
}

await call("run", async () => {
  const result = await run("node", { promptVersion: 1 });
  equal(result.raw_response.choices[0].message.content, ANSWER);
  await checkedRun(result, { ...GPT, prompt_name: "node", prompt_version_number: 1 });
});
await call("run, label, tags, metadata, group, overrides", async () => {
  const result = await run("node", {
    promptReleaseLabel: "prod",
    tags: ["run"],
    metadata: { user: "1" },
    groupId: group,
    modelParameterOverrides: { temperature: 0.9 },
  });
  const log = await checkedRun(result, { ...GPT, tags: ["run"], group_ids: [group] });
  equal([log.metadata.user, log.parameters.temperature], ["1", 0.9]);
});
await call("run, stream", () => streamed("node", { provider: "openai", model: "gpt-4o" }));
await call("run, provider that fails", async () => {
  const before = (await run("node", { promptVersion: 1 })).request_id;
  const error = await run("node", { promptVersion: 1, model: "broken" }).catch((error) => error);
  expect(error instanceof Error && error.message.includes("broken"), `no error of the provider: ${error}`);
  await logged(before + 1, { answer: undefined, status: "ERROR", model: "broken", answer: "" });
});
await call("run, completion", async () => {
  const result = await run("node-story", { inputVariables: { noun: "toaster" } });
  await checkedRun(result, { ...GPT, said: "Once upon a toaster", model: "instruct" });
});
await call("run, Responses API", async () => {
  await checkedRun(await run("node-responses"), { ...GPT, said: "1,2,3", api_type: "responses" });
});
await call("run, Responses API, stream", () => streamed("node-responses", { said: "1,2,3", api_type: "responses" }));
await call("run, Anthropic", async () => checkedRun(await run("node-claude"), CLAUDE_FIELDS));
await call("run, Anthropic, stream", () => streamed("node-claude", { provider: "anthropic", model: "claude-x" }));
await call("run, other provider and model", async () => {
  const result = await run("node", { promptVersion: 1, provider: "anthropic", model: "claude-x" });
  await checkedRun(result, CLAUDE_FIELDS);
});

// Proxies

const messages = [{ role: "user", content: QUESTION }];

await call("OpenAI, chat", async () => {
  const openai = new pl.OpenAI();
  const [response, requestId] = await openai.chat.completions.create({
    model: "gpt-4o",
    messages,
    temperature: 0.3,
    pl_tags: ["proxy"],
    return_pl_id: true,
  });
  equal(response.choices[0].message.content, ANSWER);
  const log = await logged(requestId, { ...GPT, tags: ["proxy"] });
  equal(log.parameters, { temperature: 0.3 });
});
await call("OpenAI, chat, stream", async () => {
  const openai = new pl.OpenAI();
  const stream = await openai.chat.completions.create({ model: "gpt-4o", messages, stream: true, return_pl_id: true });
  let requestId;
  for await (const [, pl_id] of stream) requestId = pl_id ?? requestId;
  await logged(requestId, { provider: "openai", model: "gpt-4o" });
});
await call("OpenAI, embeddings", async () => {
  const openai = new pl.OpenAI();
  const [, requestId] = await openai.embeddings.create({
    model: "embed",
    input: QUESTION,
    encoding_format: "float",
    return_pl_id: true,
  });
  await logged(requestId, { answer: "", model: "embed", input_tokens: 11 });
});
await call("Anthropic, messages", async () => {
  const anthropic = new pl.Anthropic();
  const body = { model: "claude-x", max_tokens: 50, messages, return_pl_id: true };
  const [, requestId] = await anthropic.messages.create(body);
  await logged(requestId, CLAUDE_FIELDS);
});
await call("Anthropic, messages, stream", async () => {
  const anthropic = new pl.Anthropic();
  const body = { model: "claude-x", max_tokens: 50, messages, stream: true, return_pl_id: true };
  let requestId;
  for await (const [, pl_id] of await anthropic.messages.create(body)) requestId = pl_id ?? requestId;
  await logged(requestId, CLAUDE_FIELDS);
});

// Tracing, which this package sends to `/spans-bulk`

const traced = new PromptLayer({ apiKey: KEY, baseURL: URL_, enableTracing: true });

/** Returns the spans of a trace as soon as these are there: they are sent in the background. */
async function spansOf(trace, names) {
  for (let i = 0; i < 100; i += 1) {
    const spans = await get(`/api/public/v2/traces/${trace}`).then(({ spans }) => spans, () => []);
    if (names.every((name) => spans.some((span) => span.name === name))) return spans;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no spans ${names} in the trace ${trace}`);
}

await call("enableTracing: wrapWithSpan and run", async () => {
  const ask = (promptVersion) => traced.run({ promptName: "node", promptVersion, inputVariables: { numbers: "1,2,3" } });
  const outer = traced.wrapWithSpan("outer", ask, { mine: "1" });
  const result = await outer(1);
  await logged(result.request_id, GPT);
  let log;
  for (let i = 0; i < 100 && !log?.trace_id; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    log = await get(`/api/public/v2/requests/${result.request_id}`);
  }
  const spans = await spansOf(log.trace_id, ["outer", "PromptLayer Run"]);
  const [parent, inner] = ["outer", "PromptLayer Run"].map((name) => spans.find((span) => span.name === name));
  equal([inner.parent_id, inner.request_log_id], [parent.span_id, result.request_id]);
  equal([parent.attributes.mine, parent.status.status_code], ["1", "StatusCode.OK"]);
});
await call("enableTracing: a function that fails", async () => {
  const api = require("@opentelemetry/api");
  let trace;
  const fails = traced.wrapWithSpan("fails", async () => {
    trace = api.trace.getActiveSpan()?.spanContext().traceId;
    throw new Error("no luck");
  });
  await fails().catch(() => {});
  const [span] = await spansOf(trace, ["fails"]);
  equal([span.status.status_code, span.status.description], ["StatusCode.ERROR", "no luck"]);
});
await call("enableTracing: OpenAI", async () => {
  const openai = new traced.OpenAI();
  const [, requestId] = await openai.chat.completions.create({ model: "gpt-4o", messages, return_pl_id: true });
  let log;
  for (let i = 0; i < 100 && !log?.trace_id; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    log = await get(`/api/public/v2/requests/${requestId}`);
  }
  expect(log.trace_id, "the request is in no trace");
});

console.log(`promptlayer ${version} of npm: ${count - failures} of ${count} calls work`);
process.exit(failures ? 1 : 0);
