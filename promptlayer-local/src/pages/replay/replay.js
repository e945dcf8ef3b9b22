// Shows the response of a model as it arrives. Without this script, the form leads to the new request.
"use strict";

(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  let token = null;
  let isRunning = false;

  // Each event has a name and JSON.
  const events = async function* (body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      const whole = text.split("\n\n");
      text = whole.pop();
      for (const event of whole) {
        const [, name, data] = event.match(/^event: (.*)\ndata: (.*)$/) || [];
        if (name) yield [name, JSON.parse(data)];
      }
    }
  };

  const link = (href, text) => Object.assign(document.createElement("a"), { href, textContent: text });
  const show = (answer, name, data) => {
    const status = find("[data-status]", answer);
    if (name === "call") token = data;
    if (name === "text") find("[data-text]", answer).append(data);
    if (name === "thinking") {
      const thinking = find("[data-thinking]", answer);
      thinking.hidden = false;
      find(".text", thinking).append(data);
    }
    if (name === "tool") {
      const calls = find("[data-calls]", answer);
      if (data[0]) calls.append(Object.assign(document.createElement("pre"), { textContent: `${data[0]} ` }));
      if (data[1] && data[1] !== "{}") (calls.lastElementChild || calls).append(data[1]);
    }
    if (name !== "end") return;
    isRunning = false;
    status.className = `pill ${data.class}`;
    status.textContent = data.status;
    find("[data-stop]", answer).hidden = true;
    const problem = find("[data-problem]", answer);
    problem.hidden = !data.message && !data.kind;
    problem.textContent = [data.kind, data.message].filter(Boolean).join(": ");
    const links = find("[data-links]", answer);
    if (data.request) links.append(link(data.request, "Open the new request"));
    if (data.compare) links.append(" · ", link(data.compare, "Compare with the original"));
  };

  const begin = (answer) => {
    token = null;
    answer.hidden = false;
    for (const part of answer.querySelectorAll(".text, [data-calls], [data-links], [data-problem]")) part.textContent = "";
    find("[data-thinking]", answer).hidden = true;
    find("[data-problem]", answer).hidden = true;
    find("[data-stop]", answer).hidden = false;
    Object.assign(find("[data-status]", answer), { className: "pill", textContent: "running" });
    answer.scrollIntoView({ block: "nearest" });
  };

  const send = async (form) => {
    const answer = find("[data-answer]");
    const body = new URLSearchParams(new FormData(form));
    begin(answer);
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { accept: "text/event-stream" } });
      if ((response.headers.get("content-type") || "").startsWith("text/event-stream")) {
        for await (const [name, data] of events(response.body)) show(answer, name, data);
        if (isRunning) throw new Error("the server ended the connection");
        return;
      }
      // The form with its problems, or another page.
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      find("main").replaceWith(find("main", page));
      (find("[aria-invalid]") || find("[role=alert]"))?.scrollIntoView({ block: "center" });
      find("[aria-invalid]")?.focus();
    } catch (error) {
      if (isRunning) show(answer, "end", { class: "error", status: "Error", message: `The connection broke: ${error.message}` });
    }
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-replay]");
    // The other buttons change the form, which the server does.
    if (!form || event.submitter?.value) return;
    event.preventDefault();
    if (isRunning) return;
    isRunning = true;
    await send(form);
    isRunning = false;
  });

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-stop]") || !token) return;
    const form = find("[data-replay]");
    fetch(form.action, { method: "POST", body: new URLSearchParams({ do: "stop", call: token }) });
  });
})();
