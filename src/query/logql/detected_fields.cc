#include "query/logql/detected_fields.h"

#include <algorithm>

#include "base/text.h"
#include "query/logql/json_walk.h"
#include "query/logql/literals.h"
#include "query/logql/log_query.h"
#include "query/logql/stage_json.h"
#include "query/logql/stage_logfmt.h"

namespace obelisk::logql {
namespace {

std::string type_of(std::string_view value) {
  if (parse_int64(value)) return "int";
  if (parse_number_value(value).ok()) return "float";
  if (value == "true" || value == "false") return "boolean";
  if (parse_duration_value(value).ok()) return "duration";
  if (parse_bytes(value).ok()) return "bytes";
  return "string";
}

class FieldCollector {
 public:
  void add(std::string_view name, std::string_view value, std::string_view parser) {
    if (value.empty() || name.starts_with("__")) return;
    DetectedField& field = fields[std::string(name)];
    std::string type = type_of(value);
    // Whole numbers among fractions are fractions; other mixtures are text.
    if (field.type.empty())
      field.type = type;
    else if (field.type != type)
      field.type = (field.type == "int" || field.type == "float") && (type == "int" || type == "float")
                       ? "float"
                       : "string";
    if (field.values.size() < kFieldValuesMax) field.values.emplace(value);
    if (!parser.empty()) field.parsers.emplace(parser);
  }

  std::map<std::string, DetectedField> fields;
};

// The keys that lead to each label that the json stage makes of a line.
class JsonPaths {
 public:
  void walk(std::string_view line) {
    JsonCursor cursor(line);
    path_.clear();
    if (cursor.enter_object()) object(cursor, "");
  }
  const std::vector<std::string>* find(std::string_view name) const {
    auto found = paths_.find(name);
    return found == paths_.end() ? nullptr : &found->second;
  }

 private:
  bool object(JsonCursor& cursor, const std::string& prefix) {
    if (path_.size() >= kJsonDepthMax) return false;
    std::string_view raw_key;
    std::string buffer;
    JsonToken token;
    while (cursor.next_key(raw_key)) {
      std::optional<JsonKind> kind = cursor.peek();
      if (!kind) return false;
      std::string key(unescape_json(raw_key, buffer).value_or(raw_key));
      text_.reset();
      std::string clean(sanitize_label_name(key, prefix.empty(), text_));
      std::string name = prefix.empty() ? clean : prefix + "_" + clean;
      path_.push_back(std::move(key));
      if (*kind == JsonKind::object) {
        if (!cursor.enter_object() || !object(cursor, name)) return false;
      } else {
        if (!cursor.value(token)) return false;
        paths_.try_emplace(name, path_);
      }
      path_.pop_back();
    }
    return cursor.closed();
  }

  std::map<std::string, std::vector<std::string>, std::less<>> paths_;
  std::vector<std::string> path_;
  RowText text_;
};

// Whether the query extracts fields itself.
bool has_parser(const LogSelector& selector) {
  return std::any_of(selector.stages.begin(), selector.stages.end(), [](const Stage& stage) {
    return stage.kind == Stage::Kind::json || stage.kind == Stage::Kind::logfmt ||
           stage.kind == Stage::Kind::regexp || stage.kind == Stage::Kind::pattern ||
           stage.kind == Stage::Kind::unpack;
  });
}

}  // namespace

Result<std::map<std::string, DetectedField>> detect_fields(QueryContext& context, const LogSelector& selector,
                                                           RangeRequest request) {
  request.categorise = true;
  request.direction = Direction::backward;
  OBELISK_TRY(LogqlResult result, run_log_query(context, selector, request));
  FieldCollector collector;
  bool parses = has_parser(selector);
  RowStagePtr json = make_json_stage(LabelDemand());
  RowStagePtr logfmt = make_logfmt_stage(LogfmtOptions(), LabelDemand());
  JsonPaths paths;
  RowLabels labels;
  std::vector<LabelRef> found;
  for (const LogStream& stream : result.streams) {
    std::vector<LabelRef> stream_labels = stream.labels.view();
    for (const LogEntry& entry : stream.entries) {
      for (const Label& label : entry.metadata) collector.add(label.name, label.value, "");
      for (const Label& label : entry.parsed) collector.add(label.name, label.value, "");
      if (parses) continue;
      labels.begin(stream_labels);
      for (const Label& label : entry.metadata) labels.add_metadata(label.name, label.value);
      LogRow row{entry.time, entry.line, labels};
      bool is_json = entry.line.find_first_not_of(" \t") != std::string::npos &&
                     entry.line[entry.line.find_first_not_of(" \t")] == '{';
      (is_json ? json : logfmt)->apply(row);
      if (labels.has_error()) continue;
      labels.collect(LabelSource::parsed, found);
      if (is_json) paths.walk(entry.line);
      for (const LabelRef& label : found) {
        collector.add(label.name, label.value, is_json ? "json" : "logfmt");
        std::string_view base = label.name;
        if (base.ends_with("_extracted")) base.remove_suffix(std::string_view("_extracted").size());
        const std::vector<std::string>* path = is_json ? paths.find(label.name) : nullptr;
        if (is_json && path == nullptr) path = paths.find(base);
        auto field = collector.fields.find(std::string(label.name));
        if (path != nullptr && field != collector.fields.end()) field->second.json_path = *path;
      }
    }
  }
  return std::move(collector.fields);
}

}  // namespace obelisk::logql
