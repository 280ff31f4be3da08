#include "wire/otlp_envelope.h"

#include <fmt/format.h>

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

// Field 1 of the message, which may come after what it describes; several are merged.
template <typename Read>
void read_header(std::string_view message, protobuf::Place& place, Read&& read) {
  place.enter(message);
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      read(protobuf::string_of(reader));
    } else {
      reader.skip();
    }
  }
}

template <typename Each>
void for_each_in_field_2(std::string_view message, protobuf::Place& place, Each&& each) {
  place.enter(message);
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(2)) {
      each(protobuf::string_of(reader));
    } else {
      reader.skip();
    }
  }
}

std::string_view schema_url_of(std::string_view message) {
  std::string_view url;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(3)) {
      url = protobuf::string_of(reader);
    } else {
      reader.skip();
    }
  }
  return url;
}

void walk_scope(std::string_view message, protobuf::Place& place, OtlpRecordHandler& handler) {
  OtlpScope scope;
  read_header(message, place, [&](std::string_view header) { read_scope(header, place, scope); });
  scope.schema_url = schema_url_of(message);
  handler.begin_scope(scope);
  for_each_in_field_2(message, place, [&](std::string_view record) {
    place.enter(record);
    handler.record(record);
  });
  handler.end_scope();
}

void walk_resource(std::string_view message, protobuf::Place& place, OtlpRecordHandler& handler) {
  std::vector<AttributeView> attributes;
  read_header(message, place, [&](std::string_view header) { read_resource(header, place, attributes); });
  handler.begin_resource(attributes);
  for_each_in_field_2(message, place, [&](std::string_view scope) { walk_scope(scope, place, handler); });
}

}  // namespace

void walk_otlp_request(std::string_view body, protobuf::Place& place, OtlpRecordHandler& handler) {
  Reader reader = protobuf::reader_of(body);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      walk_resource(protobuf::string_of(reader), place, handler);
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
