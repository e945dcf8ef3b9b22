"""Writes the part of PromptLayer's API document that promptlayer-local serves, for `run`.

Arguments: the document, and the base URL of a running server. The key of the server is in PROMPTLAYER_API_KEY.
The server lists what it serves in its response to an unknown path.
"""

import json
import os
import sys
import urllib.error
import urllib.request

METHODS = {"get", "put", "post", "delete", "patch"}


def served(base):
    """Returns the methods and paths that the server lists."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"X-API-KEY": os.environ["PROMPTLAYER_API_KEY"]}
    try:
        opener.open(urllib.request.Request(base + "/no-such-path", headers=headers))
    except urllib.error.HTTPError as answer:
        pairs = (line.split(" ", 1) for line in json.load(answer)["served"])
        return {(method.lower(), path) for method, path in pairs}
    raise SystemExit("the server answered an unknown path with success")


def keep_served(document, pairs):
    """Removes the operations that are not served. Returns the number of the others."""
    count = 0
    for path, item in list(document["paths"].items()):
        for method in METHODS & item.keys():
            if (method, path) in pairs:
                count += 1
            else:
                del item[method]
        if not METHODS & item.keys():
            del document["paths"][path]
    return count


def operations(document):
    for item in document["paths"].values():
        for method in METHODS & item.keys():
            yield item[method]


def objects(value):
    """Returns all JSON objects in a value, the inner ones first."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from objects(child)
    if isinstance(value, dict):
        yield value


def allow_null(document):
    for schema in objects(document):
        if schema.get("nullable") is True:
            inner = {name: value for name, value in schema.items() if name != "nullable"}
            schema.clear()
            schema["anyOf"] = [inner, {"type": "null"}]


def details_of_422(document):
    content = document["components"]["responses"]["ValidationError"]["content"]
    content["application/json"]["schema"] = {"$ref": "#/components/schemas/HTTPValidationError"}


def no_body_of_204(document):
    for operation in operations(document):
        operation["responses"].get("204", {}).pop("content", None)


def common_statuses(document):
    for operation in operations(document):
        for status in ("404", "405", "413"):
            operation["responses"].setdefault(status, {"description": "Undocumented"})


def any_variables(document):
    fields = document["components"]["schemas"]["GetPromptTemplate"]["properties"]
    fields["provider"] = {"type": ["string", "null"]}
    fields["input_variables"] = {"type": ["object", "null"]}


def no_content_type_parameter(document):
    for operation in operations(document):
        parameters = operation.get("parameters", [])
        operation["parameters"] = [one for one in parameters if one.get("name") != "Content-Type"]


def times_as_numbers(document):
    for schema in objects(document):
        fields = schema.get("properties")
        if isinstance(fields, dict) and "provider" in fields:
            for name in ("request_start_time", "request_end_time"):
                if isinstance(fields.get(name), dict):
                    fields[name] = {"anyOf": [fields[name], {"type": "number"}]}


# Where the document contradicts itself, HTTP, or the requests of PromptLayer's own clients: the reason, and the change.
EXCEPTIONS = [
    ("the document is OpenAPI 3.1, which has no `nullable`, and uses it", allow_null),
    ("OpenAPI ignores a parameter `Content-Type`: the media type of the body says it", no_content_type_parameter),
    ("every error matches both schemas of the `oneOf` of 422", details_of_422),
    ("204 has a body in the document, which HTTP does not allow", no_body_of_204),
    ("missing objects, other paths (from an empty id) and bodies over the limit are not all documented", common_statuses),
    ("clients send any provider, and variables that are no strings", any_variables),
    ("clients send times as seconds since 1970", times_as_numbers),
]


# What later requests of a sequence take from an earlier one: the operation, what its response or its request tells, and the
# operations that use it, in their path or in their body.
REQUEST = {"request_id": "$response.body#/id"}
TEMPLATE = {"identifier": "$response.body#/prompt_name"}
TEMPLATE_ID = {"prompt_template_id": "$response.body#/id"}
TRACE = {"trace_id": "$request.body#/spans/0/context/trace_id"}
LABEL = {"prompt_label_id": "$response.body#/id"}
EXTERNAL_ID = {
    "prompt_template_id": "$request.path.prompt_template_id",
    "source": "$request.body#/source",
    "external_id": "$request.body#/external_id",
}
LINKS = [
    ("post /log-request", REQUEST, "path", ["get /api/public/v2/requests/{request_id}"]),
    (
        "post /log-request",
        REQUEST,
        "body",
        ["post /rest/track-score", "post /rest/track-metadata", "post /rest/track-prompt", "post /rest/track-group"],
    ),
    (
        "post /rest/prompt-templates",
        TEMPLATE,
        "path",
        [
            "get /prompt-templates/{identifier}",
            "post /prompt-templates/{identifier}",
            "get /prompt-templates/{identifier}/labels",
            "get /prompt-templates/{identifier}/snippet-usage",
            "patch /rest/prompt-templates/{identifier}",
        ],
    ),
    (
        "post /rest/prompt-templates",
        TEMPLATE_ID,
        "path",
        [
            "get /prompt-templates/{prompt_template_id}/external-ids",
            "post /prompt-templates/{prompt_template_id}/external-ids",
        ],
    ),
    ("post /rest/prompt-templates", {"prompt_id": "$response.body#/id"}, "path", ["post /prompts/{prompt_id}/label"]),
    (
        "post /prompts/{prompt_id}/label",
        LABEL,
        "path",
        ["patch /prompt-labels/{prompt_label_id}", "delete /prompt-labels/{prompt_label_id}"],
    ),
    (
        "post /prompt-templates/{prompt_template_id}/external-ids",
        EXTERNAL_ID,
        "path",
        ["delete /prompt-templates/{prompt_template_id}/external-ids/{source}/{external_id}"],
    ),
    (
        "post /spans-bulk",
        TRACE,
        "path",
        ["get /api/public/v2/traces/{trace_id}", "post /api/public/v2/traces/{trace_id}/close"],
    ),
]


def add_links(document):
    """Adds the links to the success responses."""
    for source, values, place, targets in LINKS:
        method, path = source.split(" ")
        responses = document["paths"][path][method]["responses"]
        status = next(status for status in responses if status.startswith("2"))
        links = responses[status].setdefault("links", {})
        for target in targets:
            method, path = target.split(" ")
            if method not in document["paths"][path]:
                raise SystemExit(f"the document has no {target}")
            pointer = path.replace("~", "~0").replace("/", "~1")
            link = {"operationRef": f"#/paths/{pointer}/{method}"}
            if place == "path":
                link["parameters"] = {f"path.{name}": value for name, value in values.items()}
            else:
                link["requestBody"] = values
            links[target] = link


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    count = keep_served(document, served(sys.argv[2]))
    for reason, change in EXCEPTIONS:
        change(document)
        print(f"exception: {reason}", file=sys.stderr)
    add_links(document)
    print(f"{count} operations are served", file=sys.stderr)
    json.dump(document, sys.stdout)


main()
