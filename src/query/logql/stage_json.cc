#include "query/logql/stage_json.h"

#include <fmt/format.h>

#include "query/logql/json_walk.h"
#include "query/logql/lexer.h"

namespace obelisk::logql {
namespace {

// The value of a scalar as a label has it; `null` and what nests have none.
std::string_view scalar_text(const JsonToken& token, std::string& buffer, RowText& text) {
  if (token.kind != JsonKind::text) return token.raw;
  std::optional<std::string_view> value = unescape_json(token.raw, buffer);
  if (!value) return {};
  return value->data() == buffer.data() ? text.keep(*value) : *value;
}

class JsonStage : public RowStage {
 public:
  explicit JsonStage(LabelDemand demand) : demand_(std::move(demand)) {}

  bool apply(LogRow& row) override {
    JsonCursor cursor(row.line);
    prefix_.clear();
    if (!cursor.enter_object()) {
      row.labels.set_error(kJsonParserError, "expecting a json object");
    } else if (!object(cursor, row.labels, 0)) {
      row.labels.set_error(kJsonParserError, fmt::format("malformed json at byte {}", cursor.offset()));
    }
    return true;
  }

 private:
  bool object(JsonCursor& cursor, RowLabels& labels, int depth) {
    if (depth >= kJsonDepthMax) return false;
    std::string_view raw_key;
    JsonToken token;
    while (cursor.next_key(raw_key)) {
      std::optional<JsonKind> kind = cursor.peek();
      if (!kind) return false;
      if (*kind == JsonKind::object) {
        size_t length = prefix_.size();
        std::string_view name = name_of(raw_key, labels);
        prefix_.assign(name);
        if (!cursor.enter_object() || !object(cursor, labels, depth + 1)) return false;
        prefix_.resize(length);
        continue;
      }
      if (!cursor.value(token)) return false;
      if (token.kind == JsonKind::null || token.kind == JsonKind::array) continue;
      std::string_view name = name_of(raw_key, labels);
      if (name.empty()) continue;
      name = labels.parsed_name(name);
      if (!demand_.wants(name) || labels.has_parsed(name)) continue;
      labels.set_parsed(name, scalar_text(token, buffer_, labels.text()));
    }
    return cursor.closed();
  }

  // The label's name of a key inside the objects of prefix_.
  std::string_view name_of(std::string_view raw_key, RowLabels& labels) {
    std::string_view key = unescape_json(raw_key, buffer_).value_or(std::string_view());
    if (prefix_.empty()) {
      std::string_view clean = sanitize_label_name(key, true, labels.text());
      return clean.data() >= buffer_.data() && clean.data() < buffer_.data() + buffer_.size() ? labels.text().keep(clean) : clean;
    }
    std::string_view clean = sanitize_label_name(key, false, labels.text());
    joined_.assign(prefix_);
    joined_ += '_';
    joined_ += clean;
    return labels.text().keep(joined_);
  }

  LabelDemand demand_;
  std::string prefix_;
  std::string joined_;
  std::string buffer_;
};

struct NamedPath {
  std::string name;
  std::vector<JsonPathStep> steps;
};

class JsonPathStage : public RowStage {
 public:
  explicit JsonPathStage(std::vector<NamedPath> paths) : paths_(std::move(paths)) {}

  bool apply(LogRow& row) override {
    // Malformed text is not flagged here, only what cannot be JSON at all.
    size_t first = row.line.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || std::string_view("{[\"").find(row.line[first]) == std::string_view::npos) {
      row.labels.set_error(kJsonParserError, {});
      return true;
    }
    for (const NamedPath& path : paths_) {
      std::string_view name = row.labels.parsed_name(path.name);
      std::optional<JsonToken> token = find_json_path(row.line, path.steps);
      std::string_view value;
      if (token && token->kind != JsonKind::null) value = scalar_text(*token, buffer_, row.labels.text());
      row.labels.set_parsed(name, value);
    }
    return true;
  }

 private:
  std::vector<NamedPath> paths_;
  std::string buffer_;
};

class UnpackStage : public RowStage {
 public:
  bool apply(LogRow& row) override {
    JsonCursor cursor(row.line);
    if (!cursor.enter_object()) {
      row.labels.set_error(kJsonParserError, "expecting a json object");
      return true;
    }
    fields_.clear();
    bool has_entry = false;
    std::string_view entry, raw_key;
    JsonToken token;
    while (cursor.next_key(raw_key)) {
      if (!cursor.value(token)) break;
      if (token.kind != JsonKind::text) continue;
      std::string_view value = scalar_text(token, buffer_, row.labels.text());
      std::string_view key = unescape_json(raw_key, buffer_).value_or(std::string_view());
      if (key == "_entry") {
        has_entry = true;
        entry = value;
        continue;
      }
      key = key.data() == buffer_.data() ? row.labels.text().keep(key) : key;
      key = sanitize_label_name(key, true, row.labels.text());
      if (!key.empty()) fields_.push_back({key, value});
    }
    if (!cursor.closed()) {
      row.labels.set_error(kJsonParserError, fmt::format("malformed json at byte {}", cursor.offset()));
      return true;
    }
    if (!has_entry) return true;
    for (const LabelRef& field : fields_) row.labels.set_parsed(row.labels.parsed_name(field.name), field.value);
    row.line = entry;
    return true;
  }

 private:
  std::vector<LabelRef> fields_;
  std::string buffer_;
};

}  // namespace

RowStagePtr make_json_stage(LabelDemand demand) { return std::make_unique<JsonStage>(std::move(demand)); }

Result<RowStagePtr> make_json_path_stage(const std::vector<LabelAssignment>& paths) {
  std::vector<NamedPath> named;
  for (const LabelAssignment& path : paths) {
    std::optional<std::vector<JsonPathStep>> steps = parse_json_path(path.value);
    if (!steps) return parse_error(fmt::format("cannot parse expression [{}]: syntax error", path.value));
    named.push_back({path.name, std::move(*steps)});
  }
  return RowStagePtr(std::make_unique<JsonPathStage>(std::move(named)));
}

RowStagePtr make_unpack_stage() { return std::make_unique<UnpackStage>(); }

}  // namespace obelisk::logql
