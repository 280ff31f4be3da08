#include "api/prometheus/self_metrics_json.h"

#include <map>
#include <optional>
#include <vector>

#include "base/text.h"

namespace obelisk::prometheus_api {
namespace {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

struct Line {
  std::string_view name;
  LabelPairs labels;
  std::string_view value;
};

// One `name{label="value",..} number` of our own rendering, whose values hold no escaped quote but \" and \\.
std::optional<Line> parse_line(std::string_view text) {
  Line line;
  size_t end = text.find_first_of("{ ");
  if (end == std::string_view::npos) return std::nullopt;
  line.name = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with('{')) {
    text.remove_prefix(1);
    while (!text.empty() && text[0] != '}') {
      size_t equals = text.find("=\"");
      if (equals == std::string_view::npos) return std::nullopt;
      std::string name(text.substr(0, equals));
      text.remove_prefix(equals + 2);
      std::string value;
      while (!text.empty() && text[0] != '"') {
        if (text[0] == '\\' && text.size() > 1) {
          value += text[1] == 'n' ? '\n' : text[1];
          text.remove_prefix(2);
          continue;
        }
        value += text[0];
        text.remove_prefix(1);
      }
      if (text.empty()) return std::nullopt;
      text.remove_prefix(1);
      if (text.starts_with(',')) text.remove_prefix(1);
      line.labels.emplace_back(std::move(name), std::move(value));
    }
    if (text.empty()) return std::nullopt;
    text.remove_prefix(1);
  }
  line.value = trim(text);
  return line;
}

struct HistogramLines {
  std::vector<std::pair<std::string, std::string>> buckets;  // upper bound, count
  std::string sum, count;
};

class FamilyWriter {
 public:
  FamilyWriter(JsonWriter& json, const Regex* names) : json_(json), names_(names) {}

  void line(std::string_view text) {
    if (text.starts_with("# HELP ")) {
      finish();
      text.remove_prefix(7);
      size_t space = std::min(text.find(' '), text.size());
      name_ = text.substr(0, space);
      help_ = text.substr(std::min(text.size(), space + 1));
    } else if (text.starts_with("# TYPE ")) {
      type_ = text.substr(std::min(text.size(), text.rfind(' ') + 1));
    } else if (std::optional<Line> parsed = parse_line(text)) {
      add(std::move(*parsed));
    }
  }

  void finish() {
    if (name_.empty() || (names_ != nullptr && !names_->matches(name_))) return clear();
    json_.begin_object().field("name", name_).field("help", help_).field("type", to_upper(type_));
    json_.key("metric").begin_array();
    for (const auto& [labels, value] : plain_) {
      begin_metric(labels);
      json_.key(type_ == "counter" ? "counter" : "gauge").begin_object().key("value");
      write_number(value);
      json_.end_object().end_object();
    }
    for (const auto& [labels, histogram] : histograms_) write_histogram(labels, histogram);
    json_.end_array().end_object();
    clear();
  }

 private:
  static std::string to_upper(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return upper;
  }

  void add(Line line) {
    if (type_ != "histogram") {
      plain_.emplace_back(std::move(line.labels), line.value);
      return;
    }
    std::string upper;
    std::erase_if(line.labels, [&](const auto& label) {
      if (label.first != "le") return false;
      upper = label.second;
      return true;
    });
    HistogramLines& histogram = histograms_[line.labels];
    if (line.name.ends_with("_bucket")) {
      histogram.buckets.emplace_back(upper, line.value);
    } else if (line.name.ends_with("_sum")) {
      histogram.sum = line.value;
    } else {
      histogram.count = line.value;
    }
  }

  void begin_metric(const LabelPairs& labels) {
    json_.begin_object();
    if (labels.empty()) return;
    json_.key("label").begin_array();
    for (const auto& [name, value] : labels)
      json_.begin_object().field("name", name).field("value", value).end_object();
    json_.end_array();
  }

  void write_number(std::string_view text) { json_.value(parse_float(text).value_or(0)); }

  void write_histogram(const LabelPairs& labels, const HistogramLines& histogram) {
    begin_metric(labels);
    json_.key("histogram").begin_object().key("sampleCount").value(histogram.count);
    json_.key("sampleSum");
    write_number(histogram.sum);
    json_.key("bucket").begin_array();
    for (const auto& [upper, count] : histogram.buckets) {
      json_.begin_object().field("cumulativeCount", count).key("upperBound");
      write_number(upper);
      json_.end_object();
    }
    json_.end_array().end_object().end_object();
  }

  void clear() {
    name_.clear();
    plain_.clear();
    histograms_.clear();
  }

  JsonWriter& json_;
  const Regex* names_;
  std::string name_, help_, type_;
  std::vector<std::pair<LabelPairs, std::string>> plain_;
  std::map<LabelPairs, HistogramLines> histograms_;
};

}  // namespace

void write_self_metrics(JsonWriter& json, std::string_view text, const Regex* names) {
  json.begin_array();
  FamilyWriter writer(json, names);
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    writer.line(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  writer.finish();
  json.end_array();
}

}  // namespace obelisk::prometheus_api
