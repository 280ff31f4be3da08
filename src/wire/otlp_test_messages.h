#pragma once
// Builds OTLP messages for tests, benches and fuzz seeds. Not part of the server.
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>

namespace obelisk::otlp_test {

using MessageWriter = protozero::pbf_writer;

inline std::string string_value(std::string_view text) {
  std::string out;
  MessageWriter(out).add_string(1, text.data(), text.size());
  return out;
}
inline std::string bool_value(bool flag) {
  std::string out;
  MessageWriter(out).add_bool(2, flag);
  return out;
}
inline std::string int_value(int64_t number) {
  std::string out;
  MessageWriter(out).add_int64(3, number);
  return out;
}
inline std::string double_value(double number) {
  std::string out;
  MessageWriter(out).add_double(4, number);
  return out;
}
inline std::string array_value(std::initializer_list<std::string> elements) {
  std::string array;
  for (const std::string& element : elements) MessageWriter(array).add_message(1, element);
  std::string out;
  MessageWriter(out).add_message(5, array);
  return out;
}
inline std::string key_value(std::string_view key, const std::string& value) {
  std::string out;
  MessageWriter writer(out);
  writer.add_string(1, key.data(), key.size());
  writer.add_message(2, value);
  return out;
}
inline std::string map_value(std::initializer_list<std::string> entries) {
  std::string map;
  for (const std::string& entry : entries) MessageWriter(map).add_message(1, entry);
  std::string out;
  MessageWriter(out).add_message(6, map);
  return out;
}

inline std::string resource(std::initializer_list<std::string> attributes) {
  std::string out;
  for (const std::string& attribute : attributes) MessageWriter(out).add_message(1, attribute);
  return out;
}
inline std::string scope(std::string_view name, std::string_view version,
                         std::initializer_list<std::string> attributes = {}) {
  std::string out;
  MessageWriter writer(out);
  writer.add_string(1, name.data(), name.size());
  writer.add_string(2, version.data(), version.size());
  for (const std::string& attribute : attributes) writer.add_message(3, attribute);
  return out;
}
// A ScopeSpans, ScopeLogs or ScopeMetrics.
inline std::string scope_records(const std::string& scope, const std::vector<std::string>& records) {
  std::string out;
  MessageWriter writer(out);
  writer.add_message(1, scope);
  for (const std::string& record : records) writer.add_message(2, record);
  return out;
}
// An export request with one resource.
inline std::string request(const std::string& resource, const std::vector<std::string>& scopes) {
  std::string inner;
  MessageWriter writer(inner);
  writer.add_message(1, resource);
  for (const std::string& scope : scopes) writer.add_message(2, scope);
  std::string out;
  MessageWriter(out).add_message(1, inner);
  return out;
}

inline std::string trace_id(uint64_t number) {
  std::string id(16, '\0');
  for (int i = 0; i < 8; ++i) id[15 - i] = static_cast<char>(number >> (8 * i));
  id[0] = 0x5b;
  return id;
}
inline std::string span_id(uint64_t number) {
  std::string id(8, '\0');
  for (int i = 0; i < 8; ++i) id[7 - i] = static_cast<char>(number >> (8 * i));
  return id;
}

// The required fields of a Span; the caller adds more.
inline std::string span(const std::string& trace, const std::string& id, std::string_view name,
                        uint64_t start, uint64_t end) {
  std::string out;
  MessageWriter writer(out);
  writer.add_bytes(1, trace);
  writer.add_bytes(2, id);
  writer.add_string(5, name.data(), name.size());
  writer.add_enum(6, 2);
  writer.add_fixed64(7, start);
  writer.add_fixed64(8, end);
  return out;
}

}  // namespace obelisk::otlp_test
