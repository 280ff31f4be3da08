#pragma once
// Configuration files: a YAML document as a plain tree with line numbers, and a reader that refuses unknown
// keys by name, with the place and the nearest valid name. Every configuration of the server is read through
// this. Merge keys (`<<: *anchor`) are carried out; binary values (`!!binary`) are refused. Bounds: 16 MiB of
// text, 64 levels, 1 Mi nodes (aliases count each time), so that a hostile file cannot take memory.
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace obelisk {

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool quoted = false;  // a scalar written in quotes: never a number or null
  std::string scalar;
  std::vector<YamlNode> items;     // list
  std::vector<YamlEntry> entries;  // map, in file order, keys unique
  uint32_t line = 1;

  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  YamlNode value;
};

// `file` appears in messages ("rules.yml:12: ...").
Result<YamlNode> parse_yaml(std::string_view text, std::string_view file);
// The first document of a file that may hold several; `more` says whether it does. For formats whose readers
// are known to stop after the first (rule files).
Result<YamlNode> parse_first_yaml(std::string_view text, std::string_view file, bool& more);

// The name of `candidates` closest to `name` (edit distance at most a third of its length), or empty.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& candidates);

// Reads one map. The first error is kept and returned by finish(), so that a parser reads like the format:
//
//   YamlMap map(node, file, "rule group");
//   map.required_string("name", group.name);
//   map.duration("interval", group.interval_nanos);
//   map.refuse({"future_key"}, "is not supported yet");
//   return map.finish();
class YamlMap {
 public:
  YamlMap(const YamlNode& node, std::string_view file, std::string_view what);

  void string(std::string_view key, std::string& out);
  void required_string(std::string_view key, std::string& out);
  void boolean(std::string_view key, bool& out);
  void integer(std::string_view key, int64_t& out, int64_t min, int64_t max);
  // Prometheus duration, in nanoseconds.
  void duration(std::string_view key, int64_t& out);
  // "64MB", "1GiB", "1024": bytes; decimal and binary units both are powers of 1024, as Prometheus reads
  // them.
  void byte_size(std::string_view key, uint64_t& out);
  // A lone text is no list, as in Prometheus.
  void string_list(std::string_view key, std::vector<std::string>& out);
  void string_map(std::string_view key, std::map<std::string, std::string>& out);
  // Calls `read` for the node when the key is there.
  void node(std::string_view key, const std::function<Result<void>(const YamlNode&)>& read);
  // Calls `read` for each item of a list when the key is there.
  void list(std::string_view key, const std::function<Result<void>(const YamlNode&)>& read);
  // Known keys that this version does not serve: an error when one is there.
  void refuse(std::initializer_list<std::string_view> keys, std::string_view why);

  bool has(std::string_view key) const { return node_.find(key) != nullptr; }
  void fail(const YamlNode& at, std::string_view message);
  // The first error: a value that did not fit, or a key that nobody asked for.
  Result<void> finish();

 private:
  const YamlNode* take(std::string_view key);
  const YamlNode* take_scalar(std::string_view key);

  const YamlNode& node_;
  std::string file_;
  std::string what_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

// "file:line: message" as a parse_error with the line as its position.
Error yaml_error(std::string_view file, const YamlNode& at, std::string_view message);

}  // namespace obelisk
