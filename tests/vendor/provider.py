"""A scripted model provider on loopback: OpenAI's and Anthropic's APIs with fixed answers.

Prints its port and serves until its standard input ends.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "Four, as every toaster knows."
WORDS = ["Four, ", "as every ", "toaster knows."]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def chat(body):
    if body.get("tools"):
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        finish = "tool_calls"
    else:
        message, finish = {"role": "assistant", "content": ANSWER}, "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": USAGE,
    }


def chat_events(body):
    def event(delta, finish=None, **more):
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        return None, {**base, "choices": choices, **more}

    yield event({"role": "assistant", "content": ""})
    for word in WORDS:
        yield event({"content": word})
    yield event({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield event({}, choices=[], usage=USAGE)


def completion(body):
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "text": ANSWER, "finish_reason": "stop", "logprobs": None}],
        "usage": USAGE,
    }


def embeddings(body):
    return {
        "object": "list",
        "model": body["model"],
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5, 0.75]}],
        "usage": {"prompt_tokens": 11, "total_tokens": 11},
    }


def response(body, status="completed"):
    text = {"type": "output_text", "text": ANSWER, "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [text]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": status,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 18,
        },
    }


def response_events(body):
    whole = response(body)
    yield "response.created", {
        "type": "response.created",
        "sequence_number": 0,
        "response": {**whole, "status": "in_progress", "output": []},
    }
    item = {**whole["output"][0], "content": [], "status": "in_progress"}
    yield "response.output_item.added", {
        "type": "response.output_item.added",
        "sequence_number": 1,
        "output_index": 0,
        "item": item,
    }
    yield "response.content_part.added", {
        "type": "response.content_part.added",
        "sequence_number": 2,
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "part": {"type": "output_text", "text": "", "annotations": []},
    }
    for number, word in enumerate(WORDS):
        yield "response.output_text.delta", {
            "type": "response.output_text.delta",
            "sequence_number": 3 + number,
            "item_id": "msg_1",
            "output_index": 0,
            "content_index": 0,
            "delta": word,
            "logprobs": [],
        }
    yield "response.output_item.done", {
        "type": "response.output_item.done",
        "sequence_number": 7,
        "output_index": 0,
        "item": whole["output"][0],
    }
    yield "response.completed", {"type": "response.completed", "sequence_number": 8, "response": whole}


def message(body):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def message_events(body):
    begun = {**message(body), "content": [], "stop_reason": None}
    yield "message_start", {"type": "message_start", "message": begun}
    block = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    for word in WORDS:
        delta = {"type": "text_delta", "text": word}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}
    yield "message_stop", {"type": "message_stop"}


# The end of the path, the whole answer, and the events of a streamed answer.
ROUTES = [
    ("/chat/completions", chat, chat_events),
    ("/completions", completion, None),
    ("/embeddings", embeddings, None),
    ("/responses", response, response_events),
    ("/messages", message, message_events),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("model") == "broken":
            error = {"type": "invalid_request_error", "message": "the model is broken", "code": "broken"}
            return self.answer(400, {"type": "error", "error": error})
        for end, whole, events in ROUTES:
            if self.path.split("?")[0].endswith(end):
                if body.get("stream") and events:
                    return self.stream(events(body))
                return self.answer(200, whole(body))
        self.answer(404, {"error": {"message": f"no such path: {self.path}"}})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for name, event in events:
            if name:
                self.wfile.write(f"event: {name}\n".encode())
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        if not name:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
