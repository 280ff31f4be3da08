// Model Context Protocol at /api/mcp, so that assistants can ask for traces: JSON-RPC 2.0 over POST
// ("streamable HTTP" without sessions and streams of its own). One message or a batch of at most kBatchMax;
// answers are JSON; notifications have none (202). What a tool cannot do is a result with isError, as the
// protocol wants it.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "api/tempo/mcp_tools.h"
#include "api/tempo/tempo_handlers.h"
#include "base/json_writer.h"

namespace obelisk::tempo {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kBatchMax = 50;
constexpr std::string_view kVersions[] = {"2025-06-18", "2025-03-26", "2024-11-05"};  // newest first

constexpr int kParseError = -32700;
constexpr int kInvalidRequest = -32600;
constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;

struct RpcError {
  int code = 0;
  std::string message;
};

// Writes the result of a method, or says what is wrong.
using Outcome = std::optional<RpcError>;

std::string_view text_or(const element& of, std::string_view key, std::string_view fallback) {
  std::string_view text;
  return of.at_key(key).get(text) == simdjson::SUCCESS ? text : fallback;
}

Outcome initialize(const ApiContext& api, const element& params, JsonWriter& out) {
  std::string_view asked = text_or(params, "protocolVersion", "");
  bool known = std::find(std::begin(kVersions), std::end(kVersions), asked) != std::end(kVersions);
  out.begin_object().field("protocolVersion", known ? asked : kVersions[0]);
  out.key("capabilities").begin_object().key("tools").begin_object().field("listChanged", false);
  out.end_object().end_object();
  out.key("serverInfo").begin_object().field("name", "obelisk").field("version", api.version).end_object();
  out.field("instructions",
            "Traces of this server, in TraceQL. Read docs-traceql first; attributes are listed by "
            "get-attribute-names and get-attribute-values.");
  out.end_object();
  return {};
}

void list_tools(JsonWriter& out) {
  out.begin_object().key("tools").begin_array();
  for (const McpTool& tool : mcp_tools()) {
    out.begin_object().field("name", tool.name).field("description", tool.description);
    out.key("inputSchema").begin_object().field("type", "object").key("properties").begin_object();
    for (const McpArgument& argument : tool.arguments) {
      out.key(argument.name).begin_object().field("type", "string");
      out.field("description", argument.description).end_object();
    }
    out.end_object().key("required").begin_array();
    for (const McpArgument& argument : tool.arguments) {
      if (argument.required) out.value(argument.name);
    }
    out.end_array().end_object();
    out.key("annotations").begin_object().field("readOnlyHint", true).end_object().end_object();
  }
  out.end_array().end_object();
}

// Arguments that are numbers or switches count as their text.
std::optional<std::string> text_of(const element& value) {
  if (std::string_view text; value.get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.is_number() || value.is_bool()) return simdjson::minify(value);
  return std::nullopt;
}

Outcome read_arguments(const McpTool& tool, const element& params, Parameters& parameters) {
  object arguments;
  if (params.at_key("arguments").get(arguments) == simdjson::SUCCESS) {
    for (auto [name, value] : arguments) {
      bool known = std::any_of(tool.arguments.begin(), tool.arguments.end(),
                               [&, wanted = std::string_view(name)](const McpArgument& argument) {
                                 return argument.name == wanted;
                               });
      if (!known) return RpcError{kInvalidParams, fmt::format("{} has no argument \"{}\"", tool.name, name)};
      std::optional<std::string> text = text_of(value);
      if (!text) return RpcError{kInvalidParams, fmt::format("the argument \"{}\" must be a text", name)};
      parameters.add(std::string(name), std::move(*text));
    }
  }
  for (const McpArgument& argument : tool.arguments) {
    if (argument.required && parameters.get_or(argument.name, "").empty())
      return RpcError{kInvalidParams, fmt::format("the argument \"{}\" is missing", argument.name)};
  }
  return {};
}

Outcome call_tool(TempoCall& call, const element& params, JsonWriter& out) {
  std::string_view name = text_or(params, "name", "");
  auto tools = mcp_tools();
  auto tool = std::find_if(tools.begin(), tools.end(), [&](const McpTool& one) { return one.name == name; });
  if (tool == tools.end()) return RpcError{kInvalidParams, fmt::format("unknown tool: \"{}\"", name)};
  call.parameters = {};
  if (Outcome wrong = read_arguments(*tool, params, call.parameters)) return wrong;
  Result<std::string> answer = tool->answer(call);
  out.begin_object().key("content").begin_array().begin_object().field("type", "text");
  out.field("text", answer.ok() ? *answer : answer.error().message).end_object().end_array();
  out.field("isError", !answer.ok()).end_object();
  return {};
}

Outcome run(TempoCall& call, std::string_view method, const element& params, JsonWriter& out) {
  if (method == "initialize") return initialize(call.api, params, out);
  if (method == "tools/call") return call_tool(call, params, out);
  if (method == "tools/list") {
    list_tools(out);
  } else if (method == "ping") {
    out.begin_object().end_object();
  } else {
    return RpcError{kMethodNotFound, fmt::format("unknown method: \"{}\"", method)};
  }
  return {};
}

std::string error_message(std::string_view id, const RpcError& error) {
  JsonWriter out;
  out.begin_object().field("jsonrpc", "2.0").key("id").raw(id);
  out.key("error").begin_object().field("code", error.code).field("message", error.message).end_object();
  out.end_object();
  return out.take();
}

// The answer to one message; empty for a notification.
std::string answer_message(TempoCall& call, const element& message) {
  object fields;
  std::string_view method;
  if (message.get(fields) != simdjson::SUCCESS || text_or(message, "jsonrpc", "") != "2.0")
    return error_message("null", {kInvalidRequest, "not a message of JSON-RPC 2.0"});
  element id;
  bool expects_answer = fields["id"].get(id) == simdjson::SUCCESS && !id.is_null();
  std::string id_text = expects_answer ? simdjson::minify(id) : "null";
  if (expects_answer && !id.is_string() && !id.is_number())
    return error_message("null", {kInvalidRequest, "an id is a text or a number"});
  if (fields["method"].get(method) != simdjson::SUCCESS) {
    // What a client answers to requests of ours, of which there are none.
    bool is_answer =
        fields["result"].error() == simdjson::SUCCESS || fields["error"].error() == simdjson::SUCCESS;
    return is_answer ? "" : error_message(id_text, {kInvalidRequest, "the method is missing"});
  }
  if (!expects_answer) return "";
  simdjson::dom::parser none;
  element params = fields["params"].error() == simdjson::SUCCESS ? fields["params"].value_unsafe()
                                                                 : none.parse("{}", 2).value_unsafe();
  JsonWriter result;
  if (Outcome wrong = run(call, method, params, result)) return error_message(id_text, *wrong);
  JsonWriter out;
  out.begin_object().field("jsonrpc", "2.0").key("id").raw(id_text);
  out.key("result").raw(result.take()).end_object();
  return out.take();
}

Result<HttpResponse> mcp(TempoCall& call, const PathParameters&) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(call.exchange->request().body).get(root) != simdjson::SUCCESS) {
    HttpResponse response = json_response(error_message("null", {kParseError, "the body is not JSON"}));
    response.status = 400;
    return response;
  }
  simdjson::dom::array batch;
  std::string body;
  if (root.get(batch) != simdjson::SUCCESS) {
    body = answer_message(call, root);
  } else if (batch.size() == 0 || batch.size() > kBatchMax) {
    body = error_message("null", {kInvalidRequest, fmt::format("a batch has 1 to {} messages", kBatchMax)});
  } else {
    for (const element& message : batch) {
      std::string one = answer_message(call, message);
      if (!one.empty()) body += (body.empty() ? "[" : ",") + one;
    }
    if (!body.empty()) body += "]";
  }
  if (!body.empty()) return json_response(std::move(body));
  HttpResponse accepted;
  accepted.status = 202;
  return accepted;
}

}  // namespace

void register_mcp(Router& router, ApiContext& context) {
  router.add("POST", "/api/mcp", handler_of(context, mcp));
}

}  // namespace obelisk::tempo
