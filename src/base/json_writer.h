#pragma once
// Appends JSON to a string. Commas are placed by the writer; the caller keeps the nesting balanced
// (asserted). Strings are escaped; invalid UTF-8 becomes U+FFFD, so the output is always valid JSON. Not
// thread safe.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk {

// `text` as a quoted JSON string appended to `out`.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  JsonWriter() = default;

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(int64_t number);
  JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(uint64_t number);
  JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  // NaN and the infinities, which JSON lacks, are written as the strings "NaN", "+Inf", "-Inf".
  JsonWriter& value(double number);
  JsonWriter& null();
  // Bytes that are JSON already.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& field(std::string_view name, const T& content) {
    key(name);
    return value(content);
  }

  const std::string& text() const { return out_; }
  // The finished text; every object and array must be closed.
  std::string take();

 private:
  void before_value();

  std::string out_;
  std::vector<bool> has_element_;  // one entry a level of nesting
  bool after_key_ = false;
};

}  // namespace obelisk
