#pragma once
// Walks JSON text without building anything, forgiving as LogQL's reference is: what stands before a fault
// has been reported, what follows the outermost value is not looked at, a comma may stand before a closing
// brace, a word that begins like a number is one, and of an array or object that is passed over only its own
// brackets count. Faults are told in the reference's words, since queries see them. Depth is bounded by
// kJsonDepthMax. Pure functions.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::logql {

inline constexpr int kJsonDepthMax = 128;

enum class JsonKind : uint8_t { text, number, boolean, null, object, array };

// One value as it stands: `raw` without the quotes of a string, escapes not undone; whole for objects and
// arrays.
struct JsonToken {
  JsonKind kind = JsonKind::null;
  std::string_view raw;
};

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  // Steps into the object (array) that stands next; false when there is none.
  bool enter_object();
  bool enter_array() { return enter('['); }
  // Whether the object that stands next ends anywhere; nothing is passed over.
  bool object_ends();
  // The next key of the object; the value follows. False at the end (closed() tells) or at a fault.
  bool next_key(std::string_view& raw_key);
  // The next element of the array; the value follows.
  bool next_element();
  // Reads a whole value.
  bool value(JsonToken& token);
  // The kind of the value that stands next, without reading it.
  std::optional<JsonKind> peek();
  bool closed() const { return closed_; }
  // After a call that was false and not at the end: why.
  std::string_view fault() const { return fault_; }

 private:
  void skip_space();
  bool enter(char open);
  bool skip_string();
  bool skip_nested(char open, char close);
  bool fails(std::string_view why) {
    fault_ = why;
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
  bool first_ = false;
  bool closed_ = false;
  std::string_view fault_;
};

// The text of a JSON string without its quotes. Text without escapes comes back as the same view; otherwise
// `buffer` holds the result. nullopt for a bad escape, and for half of a surrogate pair.
std::optional<std::string_view> unescape_json(std::string_view raw, std::string& buffer);

// a.b[0]["c d"]: the form that `json name="path"` takes.
struct JsonPathStep {
  std::string key;   // of an object
  size_t index = 0;  // of an array
  bool is_index = false;
};
std::optional<std::vector<JsonPathStep>> parse_json_path(std::string_view path);

// The first value at the path, if it stands before any fault.
std::optional<JsonToken> find_json_path(std::string_view text, const std::vector<JsonPathStep>& path);

}  // namespace obelisk::logql
