#include "query/logql/stage_json.h"

#include <fmt/format.h>

#include <deque>

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
  JsonStage(LabelDemand demand, ParserHints hints) : demand_(std::move(demand)), hints_(std::move(hints)) {}

  bool apply(LogRow& row) override {
    done_ = hints_.satisfied(row.labels);
    if (done_) return true;
    JsonCursor cursor(row.line);
    prefix_.clear();
    next_known_ = 0;
    too_deep_ = false;
    if (!cursor.enter_object() || !object(cursor, row.labels, 0))
      row.labels.set_error(kJsonParserError, too_deep_ ? "nested too deep" : cursor.fault());
    return true;
  }

 private:
  // What has been worked out about a key: lines of one program have the same keys in the same order, so the
  // keys of the last line are tried first, one after the other.
  struct KnownKey {
    std::string prefix;
    std::string raw;
    std::string name;     // of the label; empty when the key gives none
    bool wanted = false;  // under its own or its suffixed name
  };
  static constexpr size_t kKnownMax = 256;  // keys of a line that are remembered

  bool object(JsonCursor& cursor, RowLabels& labels, int depth) {
    too_deep_ = depth >= kJsonDepthMax;
    if (too_deep_) return false;
    std::string_view raw_key;
    JsonToken token;
    while (cursor.next_key(raw_key)) {
      std::optional<JsonKind> kind = cursor.peek();
      if (!kind) return false;
      const KnownKey& key = key_of(raw_key);
      if (*kind == JsonKind::object) {
        size_t length = prefix_.size();
        prefix_ = key.name;
        // Of an object that does not end no field counts.
        if (!cursor.object_ends() || !cursor.enter_object() || !object(cursor, labels, depth + 1))
          return false;
        if (done_) return true;
        prefix_.resize(length);
        continue;
      }
      if (!cursor.value(token)) return false;
      if (token.kind == JsonKind::null || token.kind == JsonKind::array || key.name.empty() || !key.wanted)
        continue;
      // Known keys outlive the row, except those beyond the bound.
      std::string_view name =
          labels.parsed_name(&key == &overflow_ ? labels.text().keep(key.name) : std::string_view(key.name));
      if (!demand_.wants(name) || labels.has_parsed(name)) continue;
      labels.set_parsed(name, scalar_text(token, buffer_, labels.text()));
      done_ = hints_.satisfied(labels);
      if (done_) return true;
    }
    return cursor.closed();
  }

  // The key inside the objects of prefix_. Each known key is looked at once a line, and so changed at most
  // once: names already given to the row stay.
  const KnownKey& key_of(std::string_view raw_key) {
    if (next_known_ == kKnownMax) {
      learn(overflow_, raw_key);
      return overflow_;
    }
    if (next_known_ == known_.size()) known_.emplace_back();
    KnownKey& key = known_[next_known_++];
    if (key.raw != raw_key || key.prefix != prefix_ || raw_key.empty()) learn(key, raw_key);
    return key;
  }

  void learn(KnownKey& key, std::string_view raw_key) {
    key.prefix = prefix_;
    key.raw = raw_key;
    key_text_.reset();
    std::string_view text = unescape_json(raw_key, buffer_).value_or(std::string_view());
    std::string_view clean = sanitize_label_name(text, prefix_.empty(), key_text_);
    key.name = prefix_.empty() ? std::string(clean) : prefix_ + "_" + std::string(clean);
    key.wanted = demand_.wants(key.name) || demand_.wants(key.name + "_extracted");
  }

  LabelDemand demand_;
  ParserHints hints_;
  bool too_deep_ = false;
  bool done_ = false;  // with the row: nothing that stands further on is asked for
  std::string prefix_;
  std::string buffer_;
  RowText key_text_;
  std::deque<KnownKey> known_;  // references stay valid
  KnownKey overflow_;
  size_t next_known_ = 0;
};

struct NamedPath {
  std::string name;
  std::vector<JsonPathStep> steps;
};

class JsonPathStage : public RowStage {
 public:
  JsonPathStage(std::vector<NamedPath> paths, ParserHints hints)
      : paths_(std::move(paths)), hints_(std::move(hints)) {}

  bool apply(LogRow& row) override {
    if (row.line.empty() || hints_.satisfied(row.labels)) return true;
    // Malformed text is not flagged here, only what does not begin as JSON.
    if (std::string_view("{[\"").find(row.line[0]) == std::string_view::npos) {
      row.labels.set_error(kJsonParserError, {});
      return true;
    }
    missing_.clear();
    for (const NamedPath& path : paths_) {
      std::optional<JsonToken> token = find_json_path(row.line, path.steps);
      if (!token) {
        missing_.push_back(path.name);
        continue;
      }
      std::string_view value;
      if (token->kind != JsonKind::null) value = scalar_text(*token, buffer_, row.labels.text());
      row.labels.set_parsed(row.labels.parsed_name(path.name), value);
    }
    // What is not there is empty, unless something else has the name.
    std::string_view value;
    for (std::string_view name : missing_) {
      if (!row.labels.get(name, value)) row.labels.set_parsed(name, {});
    }
    return true;
  }

 private:
  std::vector<NamedPath> paths_;
  ParserHints hints_;
  std::vector<std::string_view> missing_;  // of the row at hand
  std::string buffer_;
};

class UnpackStage : public RowStage {
 public:
  explicit UnpackStage(ParserHints hints) : hints_(std::move(hints)) {}

  bool apply(LogRow& row) override {
    if (row.line.empty() || hints_.satisfied(row.labels)) return true;
    JsonCursor cursor(row.line);
    if (row.line[0] != '{' || !cursor.enter_object()) {
      row.labels.set_error(kJsonParserError,
                           row.line[0] == '{' ? cursor.fault() : "expecting json object(6), but it is not");
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
      row.labels.set_error(kJsonParserError, cursor.fault());
      return true;
    }
    if (!has_entry) return true;
    for (const LabelRef& field : fields_)
      row.labels.set_parsed(row.labels.parsed_name(field.name), field.value);
    row.line = entry;
    return true;
  }

 private:
  ParserHints hints_;
  std::vector<LabelRef> fields_;
  std::string buffer_;
};

}  // namespace

RowStagePtr make_json_stage(LabelDemand demand, ParserHints hints) {
  return std::make_unique<JsonStage>(std::move(demand), std::move(hints));
}

Result<RowStagePtr> make_json_path_stage(const std::vector<LabelAssignment>& paths, ParserHints hints) {
  std::vector<NamedPath> named;
  for (const LabelAssignment& path : paths) {
    std::optional<std::vector<JsonPathStep>> steps = parse_json_path(path.value);
    if (!steps) return parse_error(fmt::format("cannot parse expression [{}]: syntax error", path.value));
    named.push_back({path.name, std::move(*steps)});
  }
  return RowStagePtr(std::make_unique<JsonPathStage>(std::move(named), std::move(hints)));
}

RowStagePtr make_unpack_stage(ParserHints hints) {
  return std::make_unique<UnpackStage>(std::move(hints));
}

}  // namespace obelisk::logql
