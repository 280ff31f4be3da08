#include "api/jaeger/structured_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/tempo/traceql_text.h"
#include "base/text.h"
#include "plan/regex.h"

namespace obelisk::jaeger {
namespace {

using Kind = FilterNode::Kind;

enum class FieldType : uint8_t { attribute, text, id, duration, status, kind };

// A reference in TraceQL: one way to read it, or two where either place will do.
struct Reference {
  std::vector<std::string> places;
  FieldType type = FieldType::attribute;
};

struct Field {
  std::string_view level, name, traceql;
  FieldType type;
};
constexpr Field kFields[] = {
    {"span", "traceID", "trace:id", FieldType::id},
    {"span", "spanID", "span:id", FieldType::id},
    {"span", "parentSpanID", "span:parentID", FieldType::id},
    {"span", "name", "name", FieldType::text},
    {"span", "kind", "kind", FieldType::kind},
    {"span", "status", "status", FieldType::status},
    {"span", "statusMessage", "statusMessage", FieldType::text},
    {"span", "duration", "duration", FieldType::duration},
    {"resource", "service", "resource.service.name", FieldType::text},
    {"scope", "name", "instrumentation:name", FieldType::text},
    {"scope", "version", "instrumentation:version", FieldType::text},
    {"event", "name", "event:name", FieldType::text},
    {"event", "timeSinceStart", "event:timeSinceStart", FieldType::duration},
    {"link", "traceID", "link:traceID", FieldType::id},
    {"link", "spanID", "link:spanID", FieldType::id},
};
// Of the model, but nothing of a span that can be asked for here.
constexpr std::pair<std::string_view, std::string_view> kFieldsMissing[] = {
    {"span", "traceState"}, {"span", "startTime"}, {"span", "endTime"},   {"resource", "schemaURL"},
    {"scope", "schemaURL"}, {"event", "time"},     {"link", "traceState"}};

Error invalid(std::string_view why) {
  return make_error(ErrorCode::invalid_argument, fmt::format("invalid filter: {}", why));
}
Error unsupported(std::string_view what) {
  return make_error(ErrorCode::unsupported, fmt::format("unsupported in a filter: {}", what));
}

std::string joined(const std::vector<std::string>& parts, std::string_view op) {
  return parts.size() == 1 ? parts[0] : fmt::format("({})", fmt::join(parts, op));
}

bool is_reference(const FilterNode& node) {
  return node.kind == Kind::attribute || node.kind == Kind::field;
}

Result<Reference> reference_of(const FilterNode& node) {
  if (node.kind == Kind::attribute) {
    if (node.text.empty()) return invalid("an attribute needs a key");
    std::string name = tempo::traceql_attribute(node.text);  // ."key"
    if (node.level.empty()) return Reference{{"span" + name, "resource" + name}};
    if (node.level == "scope") return Reference{{"instrumentation" + name}};
    for (std::string_view level : {"span", "resource", "event", "link"}) {
      if (node.level == level) return Reference{{node.level + name}};
    }
    return invalid(fmt::format("unknown level \"{}\"", node.level));
  }
  for (const Field& field : kFields) {
    if (field.level == node.level && field.name == node.text)
      return Reference{{std::string(field.traceql)}, field.type};
  }
  for (auto [level, name] : kFieldsMissing) {
    if (level == node.level && name == node.text)
      return unsupported(fmt::format("the field {}.{}", level, name));
  }
  return invalid(fmt::format("level \"{}\" has no field \"{}\"", node.level, node.text));
}

bool is_ordered(std::string_view op) {
  return op == "gt" || op == "lt" || op == "gte" || op == "lte";
}

std::string_view traceql_op(std::string_view op) {
  if (op == "gt") return ">";
  if (op == "lt") return "<";
  if (op == "gte") return ">=";
  if (op == "lte") return "<=";
  return "=";
}

bool is_plain_number(std::string_view text) {
  return parse_float(text) && text.find_first_not_of("-.0123456789") == std::string_view::npos;
}

// The ways in which a constant can be written in TraceQL: one, or several for a constant that may be of any
// type.
Result<std::vector<std::string>> literals_of(std::string_view value, std::string_view type, FieldType field,
                                             bool ordered) {
  std::string text = tempo::traceql_string(value);
  switch (field) {
    case FieldType::text:
    case FieldType::id:
      if (!type.empty() && type != "string") return invalid(fmt::format("{} is compared with a text", type));
      return std::vector<std::string>{text};
    case FieldType::duration: {
      Result<int64_t> nanos = parse_go_duration(value);
      if (!nanos.ok()) return invalid(fmt::format("\"{}\" is no duration such as 2s", value));
      return std::vector<std::string>{fmt::format("{}ns", *nanos)};
    }
    case FieldType::status:
    case FieldType::kind: {
      if (ordered) return invalid("status and kind have no order");
      std::string word = to_lower(value);
      constexpr std::string_view kStatuses[] = {"unset", "ok", "error"};
      constexpr std::string_view kKinds[] = {"unspecified", "internal", "server",
                                             "client",      "producer", "consumer"};
      bool known = field == FieldType::status
                       ? std::find(std::begin(kStatuses), std::end(kStatuses), word) != std::end(kStatuses)
                       : std::find(std::begin(kKinds), std::end(kKinds), word) != std::end(kKinds);
      if (!known)
        return invalid(fmt::format("\"{}\" is no {}", value, field == FieldType::status ? "status" : "kind"));
      return std::vector<std::string>{word};
    }
    case FieldType::attribute:
      break;
  }
  bool is_switch = value == "true" || value == "false";
  if (type == "string") return std::vector<std::string>{text};
  if (type == "int" || type == "double") {
    if (!is_plain_number(value)) return invalid(fmt::format("\"{}\" is no number", value));
    return std::vector<std::string>{std::string(value)};
  }
  if (type == "bool") {
    if (!is_switch) return invalid(fmt::format("\"{}\" is neither true nor false", value));
    if (ordered) return invalid("true and false have no order");
    return std::vector<std::string>{std::string(value)};
  }
  if (!type.empty()) return invalid(fmt::format("unknown type \"{}\"", type));
  // Numbers are ordered as numbers: as texts "9" would be above "500".
  if (is_plain_number(value))
    return ordered ? std::vector<std::string>{std::string(value)}
                   : std::vector<std::string>{text, std::string(value)};
  if (is_switch && !ordered) return std::vector<std::string>{text, std::string(value)};
  return std::vector<std::string>{text};
}

// Some value of the reference is in this relation to one of the literals.
std::string any_of(const Reference& reference, std::string_view op,
                   const std::vector<std::string>& literals) {
  std::vector<std::string> parts;
  for (const std::string& place : reference.places) {
    for (const std::string& literal : literals) parts.push_back(fmt::format("{} {} {}", place, op, literal));
  }
  return joined(parts, " || ");
}

std::string exists(const Reference& reference) {
  std::vector<std::string> parts;
  for (const std::string& place : reference.places) {
    if (reference.type == FieldType::attribute) {
      parts.push_back(place + " != nil");
    } else if (reference.type == FieldType::text || reference.type == FieldType::id) {
      parts.push_back(place + " != \"\"");
    } else {
      parts.push_back("true");
    }
  }
  return joined(parts, " || ");
}

// There is a value and `positive` holds for none.
std::string none_of(const Reference& reference, const std::string& positive) {
  return fmt::format("({} && !({}))", exists(reference), positive);
}

Result<std::string> comparison(const FilterNode& call) {
  if (call.arguments.size() != 2) return invalid(call.text + " takes two arguments");
  const FilterNode* left = &call.arguments[0];
  const FilterNode* right = &call.arguments[1];
  std::string_view op = call.text;
  if (!is_reference(*left) && is_reference(*right)) {
    std::swap(left, right);
    op = op == "gt" ? "lt" : op == "lt" ? "gt" : op == "gte" ? "lte" : op == "lte" ? "gte" : op;
  }
  if (!is_reference(*left)) return unsupported("a comparison without an attribute or field");
  OBELISK_TRY(Reference reference, reference_of(*left));
  std::vector<std::string> literals;
  if (is_reference(*right)) {
    OBELISK_TRY(Reference other, reference_of(*right));
    bool same = reference.type == other.type || reference.type == FieldType::attribute ||
                other.type == FieldType::attribute;
    if (!same) return invalid("two fields of different kinds are compared");
    auto unordered = [](FieldType type) { return type == FieldType::status || type == FieldType::kind; };
    if (is_ordered(op) && (unordered(reference.type) || unordered(other.type)))
      return invalid("status and kind have no order");
    literals = std::move(other.places);
  } else if (right->kind == Kind::scalar) {
    OBELISK_TRY(literals, literals_of(right->text, right->type, reference.type, is_ordered(op)));
  } else {
    return invalid(call.text + " compares with a constant or a reference");
  }
  std::string positive = any_of(reference, traceql_op(op), literals);
  return op == "ne" ? none_of(reference, positive) : positive;
}

Result<Reference> subject_of(const FilterNode& call) {
  if (call.arguments.empty() || !is_reference(call.arguments[0]))
    return invalid(call.text + " takes an attribute or a field first");
  return reference_of(call.arguments[0]);
}

Result<std::string> membership(const FilterNode& call) {
  OBELISK_TRY(Reference reference, subject_of(call));
  if (call.arguments.size() != 2 || call.arguments[1].kind != Kind::list || call.arguments[1].values.empty())
    return invalid(call.text + " takes a list of at least one value");
  std::vector<std::string> all;
  for (const std::string& value : call.arguments[1].values) {
    OBELISK_TRY(std::vector<std::string> literals,
                literals_of(value, call.arguments[1].type, reference.type, false));
    all.insert(all.end(), literals.begin(), literals.end());
  }
  std::string positive = any_of(reference, "=", all);
  return call.text == "not_in" ? none_of(reference, positive) : positive;
}

Result<std::string> matching(const Reference& reference, const std::string& pattern) {
  Result<std::shared_ptr<const Regex>> regex = Regex::compile(pattern, Regex::Mode::anchored);
  if (!regex.ok()) return invalid(regex.error().message);
  if (reference.type != FieldType::text && reference.type != FieldType::attribute &&
      reference.type != FieldType::id)
    return invalid("only texts are searched");
  return any_of(reference, "=~", {tempo::traceql_string(pattern)});
}

Result<std::string> regex(const FilterNode& call) {
  OBELISK_TRY(Reference reference, subject_of(call));
  if (call.arguments.size() != 2 || call.arguments[1].kind != Kind::scalar)
    return invalid("regex takes a pattern");
  const std::string& pattern = call.arguments[1].text;
  if (Result<std::shared_ptr<const Regex>> alone = Regex::compile(pattern, Regex::Mode::anchored);
      !alone.ok())
    return invalid(alone.error().message);  // what closes a bracket of ours is not right by that
  return matching(reference, fmt::format("(?s:.*)(?:{})(?s:.*)", pattern));
}

// phrase: the words follow each other; fulltext: all are there.
Result<std::string> words(const FilterNode& call) {
  if (call.arguments.size() != 2 || call.arguments[0].kind != Kind::attribute ||
      call.arguments[1].kind != Kind::list || call.arguments[1].values.empty())
    return invalid(call.text + " takes an attribute and a list of words");
  if (!call.arguments[1].type.empty() && call.arguments[1].type != "string")
    return invalid("words are texts");
  OBELISK_TRY(Reference reference, subject_of(call));
  auto around = [](const std::string& inner) {
    return fmt::format("(?is)(?:.*[^\\pL\\pN])?{}(?:[^\\pL\\pN].*)?", inner);
  };
  std::vector<std::string> quoted;
  for (const std::string& word : call.arguments[1].values) {
    bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    if (!plain) return invalid(fmt::format("\"{}\" is no word of letters and digits", word));
    quoted.push_back(word);
  }
  if (call.text == "phrase")
    return matching(reference, around(fmt::format("{}", fmt::join(quoted, "[^\\pL\\pN]+"))));
  std::vector<std::string> places;
  for (const std::string& place : reference.places) {
    std::vector<std::string> all;
    for (const std::string& word : quoted) {
      OBELISK_TRY(std::string one, matching({{place}, reference.type}, around(word)));
      all.push_back(std::move(one));
    }
    places.push_back(joined(all, " && "));
  }
  return joined(places, " || ");
}

Result<std::string> some(const FilterNode& call) {
  if (call.arguments.size() != 2 || call.arguments[0].kind != Kind::nested ||
      call.arguments[1].kind != Kind::call)
    return invalid("some takes nested events or links and a condition");
  const std::string& level = call.arguments[0].level;
  if (level != "event" && level != "link") return invalid(fmt::format("unknown collection \"{}\"", level));
  const FilterNode& inner = call.arguments[1];
  constexpr std::string_view kSingle[] = {"eq",    "gt",     "lt", "gte",    "lte",
                                          "regex", "exists", "in", "phrase", "fulltext"};
  size_t references = 0;
  for (const FilterNode& argument : inner.arguments) {
    if (!is_reference(argument)) continue;
    ++references;
    if (argument.level != level)
      return invalid(fmt::format("some over {}s asks for their own values", level));
  }
  bool single = std::find(std::begin(kSingle), std::end(kSingle), inner.text) != std::end(kSingle);
  if (!single || references != 1)
    return unsupported(
        fmt::format("some with more than one comparison, which one {} would have to fulfil", level));
  return condition_of_filter(inner);
}

Result<std::string> composed(const FilterNode& call) {
  size_t least = call.text == "not" ? 1 : 2;
  if (call.arguments.size() < least || (call.text == "not" && call.arguments.size() > 1))
    return invalid(
        fmt::format("{} takes {} conditions", call.text, least == 1 ? "one of the" : "two or more"));
  std::vector<std::string> parts;
  for (const FilterNode& argument : call.arguments) {
    if (argument.kind != Kind::call) return invalid(call.text + " takes conditions");
    OBELISK_TRY(std::string part, condition_of_filter(argument));
    parts.push_back(std::move(part));
  }
  if (call.text == "not") return fmt::format("!({})", parts[0]);
  return fmt::format("({})", fmt::join(parts, call.text == "and" ? " && " : " || "));
}

}  // namespace

Result<std::string> condition_of_filter(const FilterNode& filter) {
  const std::string& op = filter.text;
  if (op == "and" || op == "or" || op == "not") return composed(filter);
  if (op == "eq" || op == "ne" || is_ordered(op)) return comparison(filter);
  if (op == "in" || op == "not_in") return membership(filter);
  if (op == "regex") return regex(filter);
  if (op == "phrase" || op == "fulltext") return words(filter);
  if (op == "some") return some(filter);
  if (op != "exists") return invalid(fmt::format("unknown operator \"{}\"", op));
  if (filter.arguments.size() != 1) return invalid("exists takes one argument");
  OBELISK_TRY(Reference reference, subject_of(filter));
  return exists(reference);
}

}  // namespace obelisk::jaeger
