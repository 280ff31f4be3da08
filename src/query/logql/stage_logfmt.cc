#include "query/logql/stage_logfmt.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/logql/json_walk.h"

namespace obelisk::logql {
namespace {

bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

// Reads pairs from a line. A broken pair is passed over up to the next blank.
class LogfmtReader {
 public:
  explicit LogfmtReader(std::string_view line) : line_(line) {}

  enum class Outcome { pair, broken, end };

  Outcome next(std::string_view& key, std::string_view& value) {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    if (at_ >= line_.size()) return Outcome::end;
    size_t begin = at_;
    while (at_ < line_.size() && !is_blank(line_[at_]) && line_[at_] != '=' && line_[at_] != '"') ++at_;
    key = line_.substr(begin, at_ - begin);
    value = {};
    if (at_ >= line_.size() || is_blank(line_[at_])) return Outcome::pair;
    if (line_[at_] == '"' || key.empty()) return broken();
    ++at_;  // '='
    if (at_ >= line_.size() || is_blank(line_[at_])) return Outcome::pair;
    return line_[at_] == '"' ? quoted(value) : plain(value);
  }

  // Of the pair that was broken last, in the reference's words.
  std::string fault() const {
    std::string why = unexpected_ == 0 ? std::string(why_) : fmt::format("unexpected '{}'", unexpected_);
    return fmt::format("logfmt syntax error at pos {} : {}", fault_ + 1, why);
  }

 private:
  Outcome broken() {
    fault_ = at_;
    unexpected_ = line_[at_];
    while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
    return Outcome::broken;
  }

  Outcome plain(std::string_view& value) {
    size_t begin = at_;
    while (at_ < line_.size() && !is_blank(line_[at_])) {
      if (line_[at_] == '=' || line_[at_] == '"') return broken();
      ++at_;
    }
    value = line_.substr(begin, at_ - begin);
    return Outcome::pair;
  }

  Outcome quoted(std::string_view& value) {
    size_t begin = ++at_;
    for (;;) {
      size_t quote = line_.find('"', at_);
      if (quote == std::string_view::npos) {
        unexpected_ = 0;
        why_ = "unterminated quoted value";
        at_ = fault_ = line_.size();
        return Outcome::broken;
      }
      size_t backslashes = 0;
      while (quote - backslashes > begin && line_[quote - backslashes - 1] == '\\') ++backslashes;
      at_ = quote + 1;
      if (backslashes % 2 != 0) continue;
      std::optional<std::string_view> text = unescape_json(line_.substr(begin, quote - begin), buffer);
      if (!text) {
        unexpected_ = 0;
        why_ = "invalid quoted value";
        fault_ = at_;
        return Outcome::broken;
      }
      value = *text;
      return Outcome::pair;
    }
  }

 public:
  std::string buffer;  // holds a value whose escapes were undone, until the next pair

 private:
  std::string_view line_;
  size_t at_ = 0;
  size_t fault_ = 0;
  char unexpected_ = 0;  // the byte at fault_; 0: why_ says it
  std::string_view why_;
};

std::string_view kept(std::string_view value, const LogfmtReader& reader, RowText& text) {
  return value.data() == reader.buffer.data() ? text.keep(value) : value;
}

class LogfmtStage : public RowStage {
 public:
  LogfmtStage(LogfmtOptions options, LabelDemand demand, ParserHints hints)
      : options_(options), demand_(std::move(demand)), hints_(std::move(hints)) {}

  bool apply(LogRow& row) override {
    if (hints_.satisfied(row.labels)) return true;
    LogfmtReader reader(row.line);
    std::string_view key, value;
    for (;;) {
      LogfmtReader::Outcome outcome = reader.next(key, value);
      if (outcome == LogfmtReader::Outcome::end) return true;
      if (outcome == LogfmtReader::Outcome::broken) {
        if (!options_.strict) continue;
        row.labels.set_error(kLogfmtParserError, reader.fault());
        return true;
      }
      if (value.empty() && !options_.keep_empty) continue;
      std::string_view name = sanitize_label_name(key, true, row.labels.text());
      if (name.empty()) continue;
      name = row.labels.parsed_name(name);
      if (!demand_.wants(name) || row.labels.has_parsed(name)) continue;
      row.labels.set_parsed(name, kept(value, reader, row.labels.text()));
      if (hints_.satisfied(row.labels)) return true;
    }
  }

 private:
  LogfmtOptions options_;
  LabelDemand demand_;
  ParserHints hints_;
};

class LogfmtKeysStage : public RowStage {
 public:
  LogfmtKeysStage(LogfmtOptions options, std::vector<LabelAssignment> keys, ParserHints hints)
      : options_(options), keys_(std::move(keys)), hints_(std::move(hints)) {}

  bool apply(LogRow& row) override {
    if (hints_.satisfied(row.labels)) return true;
    found_.assign(keys_.size(), 0);
    values_.assign(keys_.size(), {});
    LogfmtReader reader(row.line);
    std::string_view key, value;
    for (;;) {
      LogfmtReader::Outcome outcome = reader.next(key, value);
      if (outcome == LogfmtReader::Outcome::end) break;
      if (outcome == LogfmtReader::Outcome::broken) {
        if (!options_.strict) continue;
        row.labels.set_error(kLogfmtParserError, reader.fault());
        break;
      }
      std::string_view name = sanitize_label_name(key, true, row.labels.text());
      for (size_t i = 0; i < keys_.size(); ++i) {
        if (found_[i] || (keys_[i].value != key && keys_[i].value != name)) continue;
        found_[i] = 1;
        values_[i] = kept(value, reader, row.labels.text());
      }
    }
    for (size_t i = 0; i < keys_.size(); ++i) {
      std::string_view name = row.labels.parsed_name(keys_[i].name);
      // What is not there is empty, unless the stream or its metadata has the name.
      if (found_[i] || name == keys_[i].name) row.labels.set_parsed(name, values_[i]);
    }
    return true;
  }

 private:
  LogfmtOptions options_;
  std::vector<LabelAssignment> keys_;
  ParserHints hints_;
  std::vector<uint8_t> found_;
  std::vector<std::string_view> values_;
};

}  // namespace

RowStagePtr make_logfmt_stage(LogfmtOptions options, LabelDemand demand, ParserHints hints) {
  return std::make_unique<LogfmtStage>(options, std::move(demand), std::move(hints));
}

RowStagePtr make_logfmt_keys_stage(LogfmtOptions options, std::vector<LabelAssignment> keys,
                                   ParserHints hints) {
  return std::make_unique<LogfmtKeysStage>(options, std::move(keys), std::move(hints));
}

}  // namespace obelisk::logql
