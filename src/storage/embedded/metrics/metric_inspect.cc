#include "storage/embedded/metrics/metric_inspect.h"

#include <fmt/format.h>

#include <numeric>

#include "base/text.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {
namespace {

uint64_t page_bytes(const auto& pages, auto reference_of) {
  uint64_t bytes = 0;
  for (const auto& page : pages) bytes += reference_of(page).length;
  return bytes;
}

void describe_file(const MetricPart& part, std::string& out) {
  const PartFooter& footer = part.footer();
  const PartDirectory& directory = part.directory();
  out += fmt::format("metric part {} version {}, {} bytes\n", part.name(), kPartVersion, part.file_bytes());
  out += fmt::format("sequences {} to {}\n", footer.first_sequence, footer.last_sequence);
  if (footer.sample_count > 0) {
    out += fmt::format("times {} to {}\n", format_rfc3339(footer.min_time), format_rfc3339(footer.max_time));
    out += fmt::format("{:.3f} bytes a sample\n",
                       static_cast<double>(part.file_bytes()) / static_cast<double>(footer.sample_count));
  }
  out += fmt::format("{} series, {} blocks, {} samples, {} metadata rows\n", footer.series_count,
                     footer.block_count, footer.sample_count, footer.metadata_count);
  out += fmt::format("data pages: {}, {} bytes\n", directory.data_pages.size(),
                     page_bytes(directory.data_pages, [](const PageReference& page) { return page; }));
  out += fmt::format("time pages: {}, {} bytes, {} columns\n", directory.time_pages.size(),
                     page_bytes(directory.time_pages, [](const auto& page) { return page.page; }),
                     directory.time_column_count);
  out += fmt::format("series pages: {}, {} bytes\n", directory.series_pages.size(),
                     page_bytes(directory.series_pages, [](const auto& page) { return page.page; }));
  out += fmt::format("label value pages: {}, {} bytes, {} pairs\n", directory.value_pages.size(),
                     page_bytes(directory.value_pages, [](const auto& page) { return page.page; }),
                     directory.pair_count);
}

// Also reads every posting list.
Result<void> describe_labels(const MetricPart& part, std::string& out) {
  for (const PartDirectory::Name& name : part.directory().names) {
    uint64_t list_bytes = 0;
    std::vector<PostingReference> lists;
    OBELISK_CHECK_OK(part.visit_values(name.name, [&](std::string_view, const PostingReference& reference) {
      list_bytes += reference.length;
      lists.push_back(reference);
    }));
    for (const PostingReference& reference : lists) {
      OBELISK_TRY(Postings list, part.postings(reference));
      if (list.size() != reference.series_count) {
        return make_error(ErrorCode::corrupt, fmt::format("posting list of {} at offset {}: wrong count",
                                                          name.name, reference.where));
      }
    }
    out += fmt::format("label {}: {} values, {} bytes of posting lists\n", name.name, name.value_count,
                       list_bytes);
  }
  return {};
}

std::string describe_block(const BlockReference& block, const SampleBlock& stored) {
  return fmt::format(
      "  {} {} to {}: {} rows, page {} offset {}: {} bytes, time column {}: {} bytes{}\n",
      block.is_histogram ? "histograms" : "values", format_rfc3339(block.min_time),
      format_rfc3339(block.max_time), block.row_count, block.data_page, block.offset, block.length,
      block.time_column, stored.times.size(),
      block.start_column == kNoColumn ? "" : fmt::format(", start times in column {}", block.start_column));
}

Result<void> describe_series(const std::shared_ptr<const MetricPart>& part, uint64_t series_max,
                             std::string& out) {
  Postings all(part->series_count());
  std::iota(all.begin(), all.end(), 0);
  PartSource source(part, std::move(all));
  Samples samples;
  for (uint64_t number = 0;; ++number) {
    OBELISK_TRY(bool more, source.next());
    if (!more) break;
    if (number < series_max) {
      out += fmt::format("series {} {}\n", number, Labels(source.labels()).to_string());
      for (const BlockReference& block : source.blocks()) {
        OBELISK_TRY(SampleBlock stored, source.stored_block(block, true));
        out += describe_block(block, stored);
      }
    }
    samples.clear();
    Arena arena;
    OBELISK_CHECK_OK(source.read(TimeRange{}, true, samples, arena));
  }
  if (part->series_count() > series_max)
    out += fmt::format("and {} more series, checked\n", part->series_count() - series_max);
  return {};
}

Result<void> describe(Disk& disk, const std::string& directory, const std::string& name, uint64_t series_max,
                      std::string& out) {
  OBELISK_TRY(std::shared_ptr<const MetricPart> part, MetricPart::open(disk, directory, name));
  describe_file(*part, out);
  OBELISK_CHECK_OK(describe_labels(*part, out));
  OBELISK_CHECK_OK(describe_series(part, series_max, out));
  MetadataRows rows;
  OBELISK_CHECK_OK(part->read_metadata(rows));
  OBELISK_TRY(Batch metadata, rows.to_batch(TimeRange{}));
  for (size_t row = 0; row < metadata.row_count; ++row) {
    out += "metadata";
    for (const ColumnData& data : metadata.columns) {
      if (data.type == ColumnType::string && data.is_present(row))
        out += fmt::format(" {}={}", data.id.name, data.strings[row]);
    }
    out += "\n";
  }
  return {};
}

}  // namespace

std::string inspect_metric_part(Disk& disk, const std::string& directory, const std::string& name,
                                const InspectMetricPartOptions& options) {
  std::string out;
  Result<void> result = describe(disk, directory, name, options.series_max, out);
  out += result.ok() ? "all checksums match\n" : "error: " + result.error().to_string() + "\n";
  return out;
}

}  // namespace obelisk
