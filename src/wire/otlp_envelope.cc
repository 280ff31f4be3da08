#include "wire/otlp_envelope.h"

#include <fmt/format.h>

#include <algorithm>

namespace obelisk {
namespace {

using protobuf::Reader;

void add_attribute(std::vector<AttributeView>& attributes, Reader& reader, const char* of) {
  if (attributes.size() >= kOtlpAttributesMax) {
    throw protobuf::Malformed{fmt::format("a {} has more than {} attributes", of, kOtlpAttributesMax)};
  }
  attributes.push_back(decode_attribute(protobuf::string_of(reader)));
}

void read_resource(std::string_view message, protobuf::Place& place, std::vector<AttributeView>& attributes) {
  place.enter(message);
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      add_attribute(attributes, reader, "resource");
    } else {
      reader.skip();
    }
  }
}

void read_scope(std::string_view message, protobuf::Place& place, OtlpScope& scope) {
  place.enter(message);
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        scope.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        scope.version = protobuf::string_of(reader);
        break;
      case protobuf::length_field(3):
        add_attribute(scope.attributes, reader, "scope");
        break;
      default:
        reader.skip();
    }
  }
}

// Records lie one after the other, so that finding them is a wait for memory at each length unless what comes
// is asked for early: as many bytes as the record at hand has, this far ahead of it.
constexpr size_t kAheadBytes = 4096;
constexpr size_t kCacheLineBytes = 64;

void ask_ahead(std::string_view record, std::string_view of) {
  size_t at = static_cast<size_t>(record.data() - of.data()) + kAheadBytes;
  size_t end = std::min(at + std::min(record.size(), kAheadBytes) + kCacheLineBytes, of.size());
  for (; at < end; at += kCacheLineBytes) __builtin_prefetch(of.data() + at);
}

// What a message around records or scopes holds in field 2. What describes it may come after it, so that the
// message is gone through once before any is read; they are remembered meanwhile, so that it need not be a
// second time, unless there are more than kRememberedMax (hostile messages have millions).
class InnerMessages {
 public:
  // `header` is called with each field 1; several are merged. Returns the schema URL, field 3.
  template <typename Header>
  std::string_view find(std::string_view message, protobuf::Place& place, Header&& header) {
    remembered_.clear();
    rest_ = {};
    std::string_view schema_url;
    place.enter(message);
    Reader reader = protobuf::reader_of(message);
    for (;;) {
      const char* field = reader.data().data();
      if (!reader.next()) return schema_url;
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          header(protobuf::string_of(reader));
          place.enter(message);
          break;
        case protobuf::length_field(2): {
          std::string_view inner = protobuf::string_of(reader);
          ask_ahead(inner, message);
          if (remembered_.size() < kRememberedMax) {
            remembered_.push_back(inner);
          } else if (rest_.empty()) {
            rest_ = {field, static_cast<size_t>(message.data() + message.size() - field)};
          }
          break;
        }
        case protobuf::length_field(3):
          schema_url = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
  }

  template <typename Each>
  void for_each(Each&& each) const {
    for (std::string_view inner : remembered_) each(inner);
    Reader reader = protobuf::reader_of(rest_);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(2)) {
        each(protobuf::string_of(reader));
      } else {
        reader.skip();
      }
    }
  }

 private:
  static constexpr size_t kRememberedMax = 16 << 10;
  std::vector<std::string_view> remembered_;
  std::string_view rest_;  // from the first that is not remembered
};

// Walks one request; its memory serves all its messages.
class Walker {
 public:
  Walker(protobuf::Place& place, OtlpRecordHandler& handler) : place_(place), handler_(handler) {}

  void resource(std::string_view message) {
    attributes_.clear();
    scopes_.find(message, place_,
                 [&](std::string_view header) { read_resource(header, place_, attributes_); });
    handler_.begin_resource(attributes_);
    scopes_.for_each([&](std::string_view message_of_scope) { scope(message_of_scope); });
  }

 private:
  void scope(std::string_view message) {
    OtlpScope scope;
    scope.schema_url =
        records_.find(message, place_, [&](std::string_view header) { read_scope(header, place_, scope); });
    handler_.begin_scope(scope);
    records_.for_each([&](std::string_view record) {
      place_.enter(record);
      handler_.record(record);
    });
    handler_.end_scope();
  }

  protobuf::Place& place_;
  OtlpRecordHandler& handler_;
  InnerMessages scopes_;
  InnerMessages records_;
  std::vector<AttributeView> attributes_;
};

}  // namespace

void walk_otlp_request(std::string_view body, protobuf::Place& place, OtlpRecordHandler& handler) {
  Walker walker(place, handler);
  Reader reader = protobuf::reader_of(body);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      walker.resource(protobuf::string_of(reader));
    } else {
      reader.skip();
    }
    place.enter(body);
  }
}

void fill_attributes(BatchBuilder& rows, size_t first_row, Scope kind,
                     const std::vector<AttributeView>& attributes) {
  for (const AttributeView& attribute : attributes) {
    const AnyValueView& value = attribute.value;
    switch (value.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        rows.fill_int(first_row, kind, attribute.key, value.integer, value.type);
        break;
      case ColumnType::float64:
        rows.fill_float(first_row, kind, attribute.key, value.number);
        break;
      default:
        rows.fill_string(first_row, kind, attribute.key, value.text, value.type);
    }
  }
}

void fill_scope(BatchBuilder& rows, size_t first_row, const OtlpScope& scope) {
  if (!scope.name.empty()) rows.fill_string(first_row, Scope::fixed, column::kScopeName, scope.name);
  if (!scope.version.empty()) rows.fill_string(first_row, Scope::fixed, column::kScopeVersion, scope.version);
  fill_attributes(rows, first_row, Scope::instrumentation, scope.attributes);
}

}  // namespace obelisk
