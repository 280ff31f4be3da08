// Whether a query would be accepted, by the very parsers that run it, and where it is wrong: for editors,
// while somebody types. Nothing is read from the store.
#include <fmt/format.h>

#include <algorithm>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "base/json_writer.h"
#include "query/logql/pipeline.h"
#include "query/promql/parser.h"
#include "query/traceql/validate.h"

namespace obelisk {
namespace {

constexpr size_t kQueryBytesMax = 128 << 10;  // Tempo's limit for an expression; nobody types more

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

// The end of the string literal at `begin`, or of the text where it is not closed.
size_t string_end(std::string_view text, size_t begin) {
  char quote = text[begin];
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote != '`') {
      ++i;
    } else if (text[i] == quote) {
      return i + 1;
    }
  }
  return text.size();
}

// Where what stands at `begin` ends: a word, a string literal, else one character with its UTF-8 tail.
size_t token_end(std::string_view text, size_t begin) {
  if (begin >= text.size()) return text.size();
  char first = text[begin];
  if (first == '"' || first == '\'' || first == '`') return string_end(text, begin);
  size_t end = begin + 1;
  if (is_word(first)) {
    while (end < text.size() && (is_word(text[end]) || text[end] == '.')) ++end;
  } else {
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  }
  return end;
}

template <typename T>
std::optional<Error> error_of(const Result<T>& result) {
  return result.ok() ? std::nullopt : std::optional<Error>(result.error());
}

Result<std::optional<Error>> check(std::string_view language, std::string_view query) {
  if (language == "promql") return error_of(promql::parse(query));
  if (language == "logql") return error_of(logql::parse_and_check(query));
  if (language == "traceql") return error_of(traceql::prepare(query));
  return make_error(ErrorCode::invalid_argument, "invalid language: promql, logql or traceql is one");
}

void write_error(JsonWriter& out, const Error& error, std::string_view query) {
  out.key("error").begin_object();
  out.field("code", error_code_name(error.code)).field("message", error.message);
  if (error.position) {
    size_t begin = std::min<size_t>(error.position->offset, query.size());
    out.field("begin", static_cast<uint64_t>(begin));
    out.field("end", static_cast<uint64_t>(token_end(query, begin)));
    out.field("line", error.position->line).field("column", error.position->column);
  }
  out.end_object();
}

Result<std::string> parse(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Tenant tenant, tenant_of(context, exchange->request()));
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  std::string_view query = parameters.get_or("query", "");
  if (query.size() > kQueryBytesMax) {
    return make_error(ErrorCode::too_large, fmt::format("the query is longer than {} bytes", kQueryBytesMax));
  }
  OBELISK_TRY(std::optional<Error> error, check(parameters.get_or("language", ""), query));
  JsonWriter out;
  out.begin_object().field("ok", !error.has_value());
  if (error) write_error(out, *error, query);
  out.end_object();
  return out.take();
}

}  // namespace

void register_parse_routes(Router& router, ApiContext& context) {
  for (const char* method : {"GET", "POST"}) {
    router.add(method, "/obelisk/api/v1/parse", [&context](HttpExchangePtr exchange, const PathParameters&) {
      respond_own(exchange, parse(context, exchange));
    });
  }
}

}  // namespace obelisk
