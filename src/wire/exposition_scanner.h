#pragma once
// The token level that the Prometheus and the OpenMetrics text parsers share: names, label sets, quoted
// strings, and where they stand on the page. Used inside wire/ only. Functions return false after fail(); the
// first error stays. Not thread safe: one scanner a page.
#include <string>
#include <string_view>
#include <vector>

#include "wire/exposition.h"

namespace obelisk {

// How a format spells the parts of a sample line.
struct ExpositionSyntax {
  bool blanks_between_tokens =
      true;                    // any number of blanks and tabs; else none inside braces, single ones outside
  bool trailing_comma = true;  // {a="b",}
  bool quoted_names = true;    // {"my.metric","my.label"="x"}
};

class ExpositionScanner {
 public:
  ExpositionScanner(std::string_view page, ExpositionSyntax syntax, Exposition& out)
      : page_(page), at_(page.data()), end_(page.data() + page.size()), syntax_(syntax), out_(out) {}

  bool at_end() const { return at_ == end_; }
  bool at_line_end() const { return at_ == end_ || *at_ == '\n'; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  const char* position() const { return at_; }
  bool starts_with(std::string_view text) const { return rest().starts_with(text); }
  void advance(size_t bytes) { at_ += bytes; }
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }
  // The bytes up to the end of the line, consumed together with the line end.
  std::string_view take_line();
  // The bytes up to a blank, a tab or the line end.
  std::string_view take_token();
  void skip_blanks();

  // [a-zA-Z_:][a-zA-Z0-9_:]*, or with quoted_names a "..." string.
  bool read_metric_name(std::string_view& name);
  // name{labels} or {"name",labels}: sets labels, series_text of the sample, and the metric's name.
  bool read_series(ExpositionSample& sample, std::string_view& name);
  // {labels} of an exemplar.
  bool read_label_set(LabelsView& labels);

  bool fail(std::string message) { return fail_at(at_, std::move(message)); }
  bool fail_at(const char* where, std::string message);
  Error take_error(std::string_view format);

 private:
  // After '{'; a quoted string that stands alone is the metric's name.
  bool read_labels(std::string_view* name);
  bool read_label(std::string_view* name);
  bool read_quoted(std::string_view& value);
  std::string_view unescape(std::string_view raw);
  bool finish_labels(LabelsView& labels);

  std::string_view page_;
  const char* at_;
  const char* end_;
  ExpositionSyntax syntax_;
  Exposition& out_;
  std::vector<LabelRef> scratch_;
  const char* failed_at_ = nullptr;
  std::string message_;
};

// Undoes \\ and \n, and \" with `quotes`; other escapes stay as they are. Copies into the arena only where
// needed.
std::string_view unescape_exposition(std::string_view raw, bool quotes, Arena& arena);

}  // namespace obelisk
