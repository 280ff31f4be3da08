#include "query/logql/stage_format.h"

#include <fmt/format.h>

#include "query/logql/lexer.h"
#include "query/logql/template_functions.h"

namespace obelisk::logql {
namespace {

// The labels of a row as the template's root: a map of strings, in which what is missing is empty.
class LabelsObject : public TemplateObject {
 public:
  explicit LabelsObject(RowLabels& labels) : labels_(labels) {}
  std::optional<TemplateValue> field(std::string_view name) const override {
    return TemplateValue(labels_.text_of(name));
  }
  TemplateValue missing() const override { return TemplateValue(""); }
  TemplateMap all() const override {
    TemplateMap map;
    for (const LabelRef& label : labels_.sorted()) map.emplace(label.name, TemplateValue(label.value));
    return map;
  }

 private:
  RowLabels& labels_;
};

// Runs the template; false sets the row's error.
bool render(const GoTemplate& program, LogRow& row, UnixNanos now, std::string& out) {
  LabelsObject labels(row.labels);
  RowTemplateContext context{&row, now};
  TemplateScope scope{TemplateValue(&labels), &context};
  out.clear();
  Result<void> done = program.execute(scope, out);
  if (!done.ok()) row.labels.set_error(kTemplateFormatError, done.error().message);
  return done.ok();
}

class LineFormatStage : public RowStage {
 public:
  LineFormatStage(GoTemplate program, UnixNanos now) : program_(std::move(program)), now_(now) {}

  bool apply(LogRow& row) override {
    if (render(program_, row, now_, out_)) row.line = row.labels.text().keep(out_);
    return true;
  }

 private:
  GoTemplate program_;
  UnixNanos now_;
  std::string out_;
};

struct LabelFormat {
  std::string name;
  std::string source;                 // renamed
  std::optional<GoTemplate> program;  // or rendered
};

class LabelFormatStage : public RowStage {
 public:
  LabelFormatStage(std::vector<LabelFormat> formats, UnixNanos now)
      : formats_(std::move(formats)), now_(now) {}

  bool apply(LogRow& row) override {
    size_t i = 0;
    for (; i < formats_.size() && !formats_[i].program; ++i) rename(row, formats_[i]);
    // Templates see the labels as they were before the first of them, whatever is set between them.
    rendered_.clear();
    for (size_t at = i; at < formats_.size(); ++at) {
      std::optional<std::string_view>& text = rendered_.emplace_back();
      if (formats_[at].program && render(*formats_[at].program, row, now_, out_))
        text = row.labels.text().keep(out_);
    }
    for (size_t first = i; i < formats_.size(); ++i) {
      if (!formats_[i].program) {
        rename(row, formats_[i]);
      } else if (rendered_[i - first]) {
        row.labels.set(LabelSource::parsed, formats_[i].name, *rendered_[i - first]);
      }
    }
    return true;
  }

 private:
  // A label renamed to itself is gone, as in the reference.
  static void rename(LogRow& row, const LabelFormat& format) {
    std::string_view value;
    if (!row.labels.get(format.source, value)) return;
    row.labels.set(row.labels.source_of(format.source), format.name, value);
    row.labels.remove(format.source);
  }

  std::vector<LabelFormat> formats_;
  UnixNanos now_;
  std::string out_;
  std::vector<std::optional<std::string_view>> rendered_;
};

}  // namespace

Result<GoTemplate> parse_log_template(std::string_view what, std::string_view text) {
  bool is_line = what == "line";
  Result<GoTemplate> program = GoTemplate::parse(is_line ? "line" : "label", text, log_template_functions());
  if (program.ok()) return program;
  std::string kind = is_line ? "invalid line template" : fmt::format("invalid template for label '{}'", what);
  return parse_error(fmt::format("{}: {}", kind, program.error().message));
}

Result<RowStagePtr> make_line_format_stage(std::string_view text, UnixNanos now) {
  OBELISK_TRY(GoTemplate program, parse_log_template("line", text));
  return RowStagePtr(std::make_unique<LineFormatStage>(std::move(program), now));
}

Result<RowStagePtr> make_label_format_stage(const std::vector<LabelAssignment>& assignments, UnixNanos now) {
  std::vector<LabelFormat> formats;
  for (const LabelAssignment& assignment : assignments) {
    LabelFormat format;
    format.name = assignment.name;
    format.source = assignment.value;
    if (assignment.is_template) {
      OBELISK_TRY(GoTemplate program, parse_log_template(assignment.name, assignment.value));
      format.program = std::move(program);
    }
    formats.push_back(std::move(format));
  }
  return RowStagePtr(std::make_unique<LabelFormatStage>(std::move(formats), now));
}

}  // namespace obelisk::logql
