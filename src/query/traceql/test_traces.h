#pragma once
// Traces written down as text, for tests and scripts. What is malformed throws std::runtime_error.
//
//   trace 0a
//     a shop "POST /orders" 0ms 600ms server error span.http.status_code=502 resource.region="eu"
//       b shop charge 10ms 20ms client event:exception@5ms event.message="boom" link:0b/x link.kind="retry"
//
// A line is a span: id (up to eight characters), service (- for none), name, start, duration, then in any
// order a kind, a status, message="..." (of the status), scope=name@version, tracestate="...", parent=id
// (else the indentation says), and attributes span.x=, resource.x=, instrumentation.x= (names with blanks or
// = in quotes) with values "text" (\\, \" and \t are escapes), 12, 1.5, true, [1,2,"x"], or null (no value).
// Starts count from kTestEpoch.
#include <protozero/pbf_writer.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "plan/batch.h"
#include "query/traceql/value.h"
#include "wire/events_and_links.h"

namespace obelisk::traceql {

inline constexpr int64_t kTestEpoch = 1'700'000'040 * kNanosPerSecond;  // a whole minute

struct TestValue {
  ColumnType type = ColumnType::string;
  int64_t integer = 0;
  double number = 0;
  std::string text;  // any: the AnyValue message
};

struct TestAttribute {
  Scope scope = Scope::attribute;
  std::string name;
  TestValue value;
};

struct TestSpan {
  TraceId trace;
  uint64_t id = 0;
  uint64_t parent = 0;
  std::string service;
  std::string name;
  int64_t start = 0;  // after kTestEpoch
  int64_t duration = 0;
  int64_t kind = 0;
  int64_t status = 0;
  std::string message;
  std::string trace_state;
  std::string scope_name;
  std::string scope_version;
  std::vector<TestAttribute> attributes;
  std::vector<std::string> events;  // Span.Event messages
  std::vector<std::string> links;
};

inline uint64_t test_span_id(std::string_view text) {
  uint64_t id = 0;
  for (char c : text.substr(0, 8)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}
inline std::string test_span_name(uint64_t id) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) {
    char c = static_cast<char>(id >> shift & 0xFF);
    if (c != 0) text += c;
  }
  return text;
}

class TestTraceParser {
 public:
  static std::vector<TestSpan> parse(std::string_view text) {
    TestTraceParser parser;
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find('\n', start), text.size());
      parser.line(text.substr(start, end - start));
      start = end + 1;
    }
    return std::move(parser.spans_);
  }

 private:
  struct Open {
    size_t indent;
    uint64_t id;
  };

  static TestValue value_of(std::string_view text) {
    TestValue value;
    if (text.starts_with('"')) {
      value.text = unquoted(text);
    } else if (text == "null") {
      value.type = ColumnType::any;
    } else if (text == "true" || text == "false") {
      value.type = ColumnType::boolean;
      value.integer = text == "true";
    } else if (text.starts_with('[')) {
      value.type = ColumnType::any;
      value.text = array_of(text.substr(1, text.size() - 2));
    } else if (std::optional<int64_t> integer = parse_int64(text)) {
      value.type = ColumnType::int64;
      value.integer = *integer;
    } else {
      std::optional<double> number = parse_float(text);
      if (!number) throw std::runtime_error("no value: " + std::string(text));
      value.type = ColumnType::float64;
      value.number = *number;
    }
    return value;
  }

  static std::string any_of(const TestValue& value) {
    std::string message;
    protozero::pbf_writer writer(message);
    if (value.type == ColumnType::string) writer.add_string(1, value.text);
    if (value.type == ColumnType::boolean) writer.add_bool(2, value.integer != 0);
    if (value.type == ColumnType::int64) writer.add_int64(3, value.integer);
    if (value.type == ColumnType::float64) writer.add_double(4, value.number);
    return message;
  }

  static std::string array_of(std::string_view elements) {
    std::string array;
    while (!elements.empty()) {
      size_t end = std::min(elements.find(','), elements.size());
      protozero::pbf_writer(array).add_message(1, any_of(value_of(elements.substr(0, end))));
      elements.remove_prefix(std::min(end + 1, elements.size()));
    }
    std::string message;
    protozero::pbf_writer(message).add_message(5, array);
    return message;
  }

  static std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    size_t at = 0;
    while (at < text.size()) {
      if (text[at] == ' ') {
        ++at;
        continue;
      }
      size_t start = at;
      for (bool quoted = false; at < text.size() && (quoted || text[at] != ' '); ++at) {
        if (text[at] == '"') quoted = !quoted;
        if (quoted && text[at] == '\\') ++at;
      }
      words.push_back(text.substr(start, at - start));
    }
    return words;
  }

  static std::string unquoted(std::string_view word) {
    if (!word.starts_with('"')) return std::string(word);
    std::string text;
    for (size_t at = 1; at + 1 < word.size(); ++at) {
      if (word[at] == '\\' && word[++at] == 't') {
        text += '\t';
      } else {
        text += word[at];
      }
    }
    return text;
  }

  // The "=" between a name and its value, of which both may be in quotes.
  static size_t find_equals(std::string_view word) {
    bool quoted = false;
    for (size_t at = 0; at < word.size(); ++at) {
      if (word[at] == '"') quoted = !quoted;
      if (quoted && word[at] == '\\') ++at;
      if (!quoted && word[at] == '=') return at;
    }
    return std::string_view::npos;
  }

  static int64_t nanos_of(std::string_view word) {
    Result<int64_t> nanos = parse_go_duration(word);
    if (!nanos.ok()) throw std::runtime_error(nanos.error().to_string());
    return *nanos;
  }

  static TraceId trace_id_of(std::string_view word) {
    std::optional<TraceId> id = TraceId::from_hex(word);
    if (!id) throw std::runtime_error("no trace id: " + std::string(word));
    return *id;
  }

  void line(std::string_view text) {
    size_t indent = text.find_first_not_of(' ');
    if (indent == std::string_view::npos || text[indent] == '#') return;
    std::vector<std::string_view> words = words_of(text);
    if (words[0] == "trace") {
      trace_ = trace_id_of(words.size() > 1 ? words[1] : "");
      open_.clear();
      return;
    }
    if (words.size() < 5) throw std::runtime_error("a span needs id, service, name, start and duration");
    TestSpan span;
    span.trace = trace_;
    span.id = test_span_id(words[0]);
    span.service = words[1] == "-" ? "" : std::string(words[1]);
    span.name = unquoted(words[2]);
    span.start = nanos_of(words[3]);
    span.duration = nanos_of(words[4]);
    while (!open_.empty() && open_.back().indent >= indent) open_.pop_back();
    if (!open_.empty()) span.parent = open_.back().id;
    open_.push_back({indent, span.id});
    for (size_t i = 5; i < words.size(); ++i) detail(span, words[i]);
    spans_.push_back(std::move(span));
  }

  void detail(TestSpan& span, std::string_view word) {
    for (int64_t code = 0; code < 6; ++code) {
      if (word == kind_text(code)) span.kind = code;
      if (code < 3 && word == status_text(code)) span.status = code;
    }
    size_t equals = find_equals(word);
    std::string_view key = word.substr(0, equals);
    std::string_view value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (key == "parent") span.parent = test_span_id(value);
    if (key == "message") span.message = unquoted(value);
    if (key == "tracestate") span.trace_state = unquoted(value);
    if (key == "scope") {
      span.scope_name = value.substr(0, value.find('@'));
      span.scope_version = value.substr(value.find('@') + 1);
    }
    for (auto [prefix, scope] :
         {std::pair("span.", Scope::attribute), std::pair("resource.", Scope::resource),
          std::pair("instrumentation.", Scope::instrumentation)}) {
      if (!key.starts_with(prefix)) continue;
      span.attributes.push_back(
          {scope, unquoted(key.substr(std::string_view(prefix).size())), value_of(value)});
    }
    if (word.starts_with("event:")) add_event(span, word.substr(6));
    if (word.starts_with("link:")) add_link(span, word.substr(5));
    if (key.starts_with("event.")) add_to(span.events.back(), 3, key.substr(6), value);
    if (key.starts_with("link.")) add_to(span.links.back(), 4, key.substr(5), value);
  }

  static void add_to(std::string& message, uint32_t field, std::string_view key, std::string_view value) {
    std::string pair;
    protozero::pbf_writer writer(pair);
    writer.add_string(1, unquoted(key));
    writer.add_message(2, any_of(value_of(value)));
    protozero::pbf_writer(message).add_message(field, pair);
  }

  // name@offset
  static void add_event(TestSpan& span, std::string_view text) {
    size_t at = text.find('@');
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_fixed64(1, static_cast<uint64_t>(kTestEpoch + span.start + nanos_of(text.substr(at + 1))));
    writer.add_string(2, text.data(), at);
    span.events.push_back(std::move(message));
  }

  // trace/span
  static void add_link(TestSpan& span, std::string_view text) {
    size_t slash = text.find('/');
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_bytes(1, std::string(trace_id_of(text.substr(0, slash)).view()));
    writer.add_bytes(2, SpanId{test_span_id(text.substr(slash + 1))}.to_bytes());
    span.links.push_back(std::move(message));
  }

  TraceId trace_;
  std::vector<Open> open_;
  std::vector<TestSpan> spans_;
};

// Rows as the OTLP decoder makes them: columns that are zero or empty are left out.
inline Batch test_batch(const std::vector<TestSpan>& spans) {
  BatchBuilder rows(Table::spans);
  auto copy = [&](std::string_view text) { return rows.arena().copy(text); };
  for (const TestSpan& span : spans) {
    rows.add_row({kTestEpoch + span.start});
    rows.set_trace_id(Scope::fixed, column::kTraceId, span.trace);
    rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span.id));
    rows.set_int(Scope::fixed, column::kDuration, span.duration);
    rows.set_string(Scope::fixed, column::kName, copy(span.name));
    if (span.parent != 0)
      rows.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(span.parent));
    if (span.kind != 0) rows.set_int(Scope::fixed, column::kKind, span.kind);
    if (span.status != 0) rows.set_int(Scope::fixed, column::kStatusCode, span.status);
    if (!span.message.empty()) rows.set_string(Scope::fixed, column::kStatusMessage, copy(span.message));
    if (!span.trace_state.empty()) rows.set_string(Scope::fixed, column::kTraceState, copy(span.trace_state));
    if (!span.scope_name.empty()) rows.set_string(Scope::fixed, column::kScopeName, copy(span.scope_name));
    if (!span.scope_version.empty())
      rows.set_string(Scope::fixed, column::kScopeVersion, copy(span.scope_version));
    if (!span.service.empty()) rows.set_string(Scope::resource, "service.name", copy(span.service));
    NestedRecords events, links;
    for (const std::string& event : span.events) events.decode_event(copy(event));
    if (!events.empty()) events.set_events(rows, UnixNanos{kTestEpoch + span.start});
    for (const std::string& link : span.links) links.decode_link(copy(link));
    if (!links.empty()) links.set_links(rows);
    for (const TestAttribute& attribute : span.attributes) {
      const TestValue& value = attribute.value;
      switch (value.type) {
        case ColumnType::boolean:
        case ColumnType::int64:
          rows.set_int(attribute.scope, attribute.name, value.integer, value.type);
          break;
        case ColumnType::float64:
          rows.set_float(attribute.scope, attribute.name, value.number);
          break;
        default:
          rows.set_string(attribute.scope, attribute.name, copy(value.text), value.type);
      }
    }
  }
  return rows.finish();
}

inline Batch test_batch(std::string_view text) {
  return test_batch(TestTraceParser::parse(text));
}

}  // namespace obelisk::traceql
