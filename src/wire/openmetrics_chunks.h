#pragma once
// Cuts an OpenMetrics text of any length into pages that can be parsed one after the other in bounded memory:
// whole lines, each page with the metadata of the family it goes on with in front and "# EOF" at its end.
// Used to backfill files larger than memory. Cut between two series where the text allows, so that a _created
// line stays with its samples. Not thread safe. Bounds: a page is about `page_bytes`; a family's metadata
// kMetadataBytesMax; a single line may be kLineBytesMax.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

struct OpenMetricsPage {
  std::string text;
  uint64_t first_line = 1;      // of the file, for the first line that is not repeated metadata
  uint64_t repeated_lines = 0;  // metadata lines in front, which stood further up
  // The line of the file that a line of the page stands for.
  uint64_t line_of(uint64_t page_line) const {
    return page_line > repeated_lines ? first_line + page_line - repeated_lines - 1 : first_line;
  }
};

class OpenMetricsChunker {
 public:
  static constexpr size_t kLineBytesMax = 1 << 20;
  static constexpr size_t kMetadataBytesMax = 1 << 20;

  explicit OpenMetricsChunker(size_t page_bytes = 4 << 20) : page_bytes_(page_bytes) {}

  // More of the file. Complete pages are appended to `pages`. Errors name the line.
  Result<void> feed(std::string_view bytes, std::vector<OpenMetricsPage>& pages);
  // The end of the file: the last page. An error when "# EOF" is missing.
  Result<void> finish(std::vector<OpenMetricsPage>& pages);

  uint64_t line_count() const { return line_; }

 private:
  Result<void> take_line(std::string_view line, std::vector<OpenMetricsPage>& pages);
  void begin_page();
  void end_page(std::vector<OpenMetricsPage>& pages);

  const size_t page_bytes_;
  std::string partial_;        // of a line
  std::string metadata_;       // lines of the current family
  std::string metadata_name_;  // of which family
  OpenMetricsPage page_;
  bool has_rows_ = false;    // the page has more than repeated metadata
  std::string last_series_;  // labels of the last sample, without le and quantile: cheap sign of a new metric
  uint64_t line_ = 0;        // lines taken
  bool ended_ = false;
};

}  // namespace obelisk
