#include "wire/openmetrics_chunks.h"

#include <fmt/format.h>

namespace obelisk {
namespace {

Error at_line(uint64_t line, std::string message) {
  Error error = make_error(ErrorCode::parse_error, std::move(message));
  error.position = Position{0, static_cast<uint32_t>(line), 1};
  return error;
}

// The family a metadata line is about; empty for other lines.
std::string_view metadata_family(std::string_view line) {
  for (std::string_view keyword : {"# TYPE ", "# HELP ", "# UNIT "}) {
    if (!line.starts_with(keyword)) continue;
    std::string_view rest = line.substr(keyword.size());
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

// A sample's labels but for the suffix of its name and its bucket: equal for the samples of one metric.
std::string metric_key(std::string_view line) {
  size_t brace = line.find('{');
  size_t blank = line.find(' ');
  if (brace == std::string_view::npos || (blank != std::string_view::npos && blank < brace)) return "";
  size_t end = line.find('}', brace);
  std::string labels(line.substr(brace, end == std::string_view::npos ? end : end - brace));
  for (std::string_view part : {"le=\"", "quantile=\""}) {
    size_t at = labels.find(part);
    bool whole = at != std::string::npos && (at == 0 || labels[at - 1] == '{' || labels[at - 1] == ',');
    if (!whole) continue;
    size_t close = labels.find('"', at + part.size());
    labels.erase(at, close == std::string::npos ? close : close + 1 - at);
  }
  std::erase(labels, ',');
  return labels;
}

}  // namespace

void OpenMetricsChunker::begin_page() {
  page_ = {};
  page_.text = metadata_;
  for (char c : metadata_) page_.repeated_lines += c == '\n' ? 1 : 0;
  page_.first_line = line_;
  has_rows_ = false;
}

void OpenMetricsChunker::end_page(std::vector<OpenMetricsPage>& pages) {
  if (!has_rows_) return;
  page_.text += "# EOF\n";
  pages.push_back(std::move(page_));
  page_ = {};
  has_rows_ = false;
}

Result<void> OpenMetricsChunker::take_line(std::string_view line, std::vector<OpenMetricsPage>& pages) {
  ++line_;
  if (ended_) return at_line(line_, "text after # EOF");
  if (line == "# EOF") {
    ended_ = true;
    end_page(pages);
    return {};
  }
  std::string_view family = metadata_family(line);
  bool is_sample = !line.starts_with('#');
  bool new_family = !family.empty() && family != metadata_name_;
  std::string key = is_sample ? metric_key(line) : std::string();
  bool new_metric = new_family || (is_sample && key != last_series_);
  // Far over the size the page ends anywhere: a family without labels has no better place.
  bool full = page_.text.size() >= page_bytes_ && (new_metric || page_.text.size() >= 2 * page_bytes_);
  if (full) end_page(pages);
  if (!has_rows_) {
    if (new_family) metadata_.clear();
    begin_page();
  }
  if (is_sample) last_series_ = std::move(key);
  if (!family.empty()) {
    if (new_family) {
      metadata_.clear();
      metadata_name_ = family;
    }
    if (metadata_.size() + line.size() > kMetadataBytesMax)
      return at_line(line_, "a family's metadata is too long");
    metadata_ += line;
    metadata_ += '\n';
  }
  page_.text += line;
  page_.text += '\n';
  has_rows_ = true;
  return {};
}

Result<void> OpenMetricsChunker::feed(std::string_view bytes, std::vector<OpenMetricsPage>& pages) {
  while (!bytes.empty()) {
    size_t end = bytes.find('\n');
    std::string_view piece = bytes.substr(0, end);
    if (partial_.size() + piece.size() > kLineBytesMax)
      return at_line(line_ + 1, fmt::format("a line is longer than {} bytes", kLineBytesMax));
    if (end == std::string_view::npos) {
      partial_ += piece;
      return {};
    }
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      OBELISK_CHECK_OK(take_line(piece, pages));
      continue;
    }
    partial_ += piece;
    std::string line = std::move(partial_);
    partial_.clear();
    OBELISK_CHECK_OK(take_line(line, pages));
  }
  return {};
}

Result<void> OpenMetricsChunker::finish(std::vector<OpenMetricsPage>& pages) {
  if (!partial_.empty()) {
    std::string line = std::move(partial_);
    partial_.clear();
    OBELISK_CHECK_OK(take_line(line, pages));
  }
  if (!ended_) return at_line(line_ + 1, "the file does not end with # EOF");
  return {};
}

}  // namespace obelisk
