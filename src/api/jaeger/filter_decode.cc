// The two encodings of the structured filter.
#include <fmt/format.h>
#include <simdjson.h>

#include "api/jaeger/structured_filter.h"
#include "wire/protobuf.h"

namespace obelisk::jaeger {
namespace {

using protobuf::length_field;
using protobuf::Reader;
using protobuf::string_of;
using simdjson::dom::element;
using simdjson::dom::object;

Error invalid(std::string_view why) {
  return make_error(ErrorCode::invalid_argument, fmt::format("invalid filter: {}", why));
}

Result<std::string> text_of(const object& of, std::string_view key) {
  element value;
  if (of[key].get(value) != simdjson::SUCCESS) return std::string();
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return invalid(fmt::format("\"{}\" must be a text", key));
  return std::string(text);
}

class JsonFilter {
 public:
  Result<FilterNode> call(const object& of, size_t depth) {
    FilterNode node;
    OBELISK_TRY(node.text, text_of(of, "op"));
    simdjson::dom::array arguments;
    if (of["args"].get(arguments) != simdjson::SUCCESS) return invalid("a call has op and a list args");
    for (const element& argument : arguments) {
      OBELISK_TRY(FilterNode inner, expression(argument, depth + 1));
      node.arguments.push_back(std::move(inner));
    }
    return node;
  }

 private:
  Result<FilterNode> expression(const element& of, size_t depth) {
    if (depth > kFilterDepthMax || ++nodes_ > kFilterNodesMax) return invalid("too deep or too large");
    object terms, term;
    if (of.get(terms) != simdjson::SUCCESS || terms.size() != 1)
      return invalid("an argument is one of attr, field, nested, scalar, list and call");
    auto [name, value] = *terms.begin();
    if (value.get(term) != simdjson::SUCCESS) return invalid(fmt::format("\"{}\" must be an object", name));
    if (name == "call") return call(term, depth);
    FilterNode node;
    std::string_view key = "value";
    if (name == "attr") {
      node.kind = FilterNode::Kind::attribute;
      key = "key";
    } else if (name == "field") {
      node.kind = FilterNode::Kind::field;
      key = "name";
    } else if (name == "nested") {
      node.kind = FilterNode::Kind::nested;
    } else if (name == "scalar") {
      node.kind = FilterNode::Kind::scalar;
    } else if (name == "list") {
      node.kind = FilterNode::Kind::list;
      OBELISK_CHECK_OK(values(term, node));
    } else {
      return invalid(fmt::format("unknown argument \"{}\"", name));
    }
    if (node.kind != FilterNode::Kind::list) {
      OBELISK_TRY(node.text, text_of(term, key));
    }
    OBELISK_TRY(node.level, text_of(term, "level"));
    OBELISK_TRY(node.type, text_of(term, "type"));
    return node;
  }

  Result<void> values(const object& of, FilterNode& node) {
    simdjson::dom::array values;
    if (of["values"].get(values) != simdjson::SUCCESS) return invalid("a list has values");
    for (const element& value : values) {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) return invalid("the values of a list are texts");
      if (++nodes_ > kFilterNodesMax) return invalid("too large");
      node.values.emplace_back(text);
    }
    return {};
  }

  size_t nodes_ = 0;
};

// Call {1 op, 2 repeated Expression}, Expression {1 attr {1 key, 2 level}, 2 field {1 name, 2 level}, 3
// nested {1 level}, 4 scalar {1 value, 2 type}, 5 list {1 repeated values, 2 type}, 6 call}.
class ProtobufFilter {
 public:
  explicit ProtobufFilter(protobuf::Place& place) : place_(place) {}

  FilterNode call(std::string_view message, size_t depth) {
    FilterNode node;
    place_.enter(message);
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case length_field(1):
          node.text = string_of(reader);
          break;
        case length_field(2):
          node.arguments.push_back(expression(string_of(reader), depth + 1));
          break;
        default:
          reader.skip();
      }
    }
    return node;
  }

 private:
  void count(size_t depth) {
    if (depth > kFilterDepthMax || ++nodes_ > kFilterNodesMax)
      throw protobuf::Malformed{"the filter is too deep or too large"};
  }

  FilterNode expression(std::string_view message, size_t depth) {
    count(depth);
    place_.enter(message);
    FilterNode node;
    node.kind = FilterNode::Kind::nested;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      uint32_t tag = reader.tag_and_type();
      if (tag == length_field(6)) {
        node = call(string_of(reader), depth);
      } else if (tag >= length_field(1) && tag <= length_field(5) && (tag & 7) == (length_field(1) & 7)) {
        constexpr FilterNode::Kind kKinds[] = {FilterNode::Kind::attribute, FilterNode::Kind::field,
                                               FilterNode::Kind::nested, FilterNode::Kind::scalar,
                                               FilterNode::Kind::list};
        node = atom(string_of(reader), kKinds[reader.tag() - 1]);
      } else {
        reader.skip();
      }
    }
    return node;
  }

  FilterNode atom(std::string_view message, FilterNode::Kind kind) {
    FilterNode node;
    node.kind = kind;
    bool is_list = kind == FilterNode::Kind::list;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      uint32_t tag = reader.tag_and_type();
      if (tag == length_field(1) && is_list) {
        count(0);
        node.values.emplace_back(string_of(reader));
      } else if (tag == length_field(1)) {
        (kind == FilterNode::Kind::nested ? node.level : node.text) = string_of(reader);
      } else if (tag == length_field(2)) {
        (is_list || kind == FilterNode::Kind::scalar ? node.type : node.level) = string_of(reader);
      } else {
        reader.skip();
      }
    }
    return node;
  }

  protobuf::Place& place_;
  size_t nodes_ = 0;
};

}  // namespace

Result<FilterNode> filter_of_json(std::string_view json) {
  simdjson::dom::parser parser;
  object root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS)
    return invalid("a JSON object with op and args is expected");
  return JsonFilter().call(root, 1);
}

Result<FilterNode> filter_of_protobuf(std::string_view message) {
  protobuf::Place place;
  FilterNode node;
  OBELISK_CHECK_OK(protobuf::decode_guarded("Jaeger's structured filter", message, place,
                                            [&] { node = ProtobufFilter(place).call(message, 1); }));
  return node;
}

}  // namespace obelisk::jaeger
