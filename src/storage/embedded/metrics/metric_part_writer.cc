#include "storage/embedded/metrics/metric_part_writer.h"

#include <algorithm>

#include "codec/checksum.h"
#include "codec/posting_list.h"
#include "codec/varint.h"

namespace obelisk {

MetricPartWriter::MetricPartWriter(File& file, std::vector<LabelRef> pairs, uint64_t first_sequence,
                                   uint64_t last_sequence)
    : file_(file), buffer_(encode_part_header()), pairs_(std::move(pairs)), postings_(pairs_.size()) {
  footer_.first_sequence = first_sequence;
  footer_.last_sequence = last_sequence;
  pair_ids_.reserve(pairs_.size());
  for (uint32_t i = 0; i < pairs_.size(); ++i) {
    OBELISK_ASSERT(i == 0 || pairs_[i - 1] < pairs_[i]);
    pair_ids_.emplace(pairs_[i], i);
  }
}

Result<void> MetricPartWriter::write_out() {
  OBELISK_CHECK_OK(file_.write_at(buffer_offset_, buffer_));
  buffer_offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

// The checksum is seeded with the page's place, so that a page written or read at a wrong place is found out.
Result<PageReference> MetricPartWriter::write_page(std::string_view payload) {
  OBELISK_ASSERT(!payload.empty() && payload.size() + kChecksumBytes <= UINT32_MAX);
  PageReference page{buffer_offset_ + buffer_.size(), static_cast<uint32_t>(payload.size() + kChecksumBytes)};
  buffer_.append(payload);
  append_fixed(buffer_, checksum64(payload, page.offset));
  if (buffer_.size() >= kWriteBytes) OBELISK_CHECK_OK(write_out());
  return page;
}

Result<void> MetricPartWriter::write_data_page() {
  if (data_page_.empty()) return {};
  OBELISK_TRY(PageReference page, write_page(data_page_));
  directory_.data_pages.push_back(page);
  data_page_.clear();
  return {};
}

Result<void> MetricPartWriter::write_time_page() {
  if (time_page_.empty()) return {};
  uint32_t first = directory_.time_column_count - static_cast<uint32_t>(time_page_.size());
  OBELISK_TRY(PageReference page, write_page(encode_time_page(time_page_)));
  directory_.time_pages.push_back({page, first});
  time_page_.clear();
  time_page_bytes_ = 0;
  return {};
}

Result<uint32_t> MetricPartWriter::time_column(std::string_view encoded) {
  if (last_time_column_ && last_time_column_->first == encoded) return last_time_column_->second;
  OBELISK_TRY(uint32_t id, find_time_column(encoded));
  last_time_column_.emplace(encoded, id);
  return id;
}

Result<uint32_t> MetricPartWriter::find_time_column(std::string_view encoded) {
  auto known = time_columns_.find(std::string(encoded));
  if (known != time_columns_.end()) return known->second;
  if (time_page_bytes_ + encoded.size() > kDataPageBytes) OBELISK_CHECK_OK(write_time_page());
  uint32_t id = directory_.time_column_count++;
  time_page_.emplace_back(encoded);
  time_page_bytes_ += encoded.size();
  if (time_columns_.size() >= kTimeColumnsKnownMax) time_columns_.clear();
  time_columns_.emplace(encoded, id);
  return id;
}

// Neighbours in the order of labels share most of them: these are not looked up again.
void MetricPartWriter::begin_series(LabelsView labels) {
  size_t before = std::min(series_label_ids_.size(), labels.size());
  series_label_ids_.resize(labels.size());
  series_blocks_.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i < before && pairs_[series_label_ids_[i]] == labels[i]) continue;
    auto found = pair_ids_.find(labels[i]);
    OBELISK_ASSERT(found != pair_ids_.end());
    series_label_ids_[i] = found->second;
  }
}

Result<void> MetricPartWriter::add_block(const SampleBlock& block) {
  OBELISK_ASSERT(series_blocks_.empty() || series_blocks_.back().max_time < block.min_time);
  BlockReference reference;
  reference.is_histogram = block.is_histogram;
  reference.row_count = block.row_count;
  reference.min_time = block.min_time;
  reference.max_time = block.max_time;
  OBELISK_TRY(reference.time_column, time_column(block.times));
  if (!block.start_times.empty()) {
    OBELISK_TRY(reference.start_column, time_column(block.start_times));
  }
  if (!data_page_.empty() && data_page_.size() + block.payload.size() > kDataPageBytes)
    OBELISK_CHECK_OK(write_data_page());
  reference.data_page = static_cast<uint32_t>(directory_.data_pages.size());
  reference.offset = static_cast<uint32_t>(data_page_.size());
  reference.length = static_cast<uint32_t>(block.payload.size());
  data_page_.append(block.payload);
  series_blocks_.push_back(reference);

  footer_.flags |= block.is_histogram ? PartFooter::kHasHistograms : PartFooter::kHasValues;
  if (!block.start_times.empty()) footer_.flags |= PartFooter::kHasStartTimes;
  footer_.sample_count += block.row_count;
  ++footer_.block_count;
  footer_.min_time = std::min(footer_.min_time, block.min_time);
  footer_.max_time = std::max(footer_.max_time, block.max_time);
  return {};
}

Result<void> MetricPartWriter::end_series() {
  if (series_blocks_.empty()) return {};
  if (footer_.series_count == UINT32_MAX - 1)
    return make_error(ErrorCode::too_large, "metric part: too many series");
  SeriesPage::Entry entry;
  entry.first_label = static_cast<uint32_t>(series_page_.label_ids.size());
  entry.label_count = static_cast<uint32_t>(series_label_ids_.size());
  entry.first_block = static_cast<uint32_t>(series_page_.blocks.size());
  entry.block_count = static_cast<uint32_t>(series_blocks_.size());
  series_page_.series.push_back(entry);
  series_page_.label_ids.insert(series_page_.label_ids.end(), series_label_ids_.begin(),
                                series_label_ids_.end());
  series_page_.blocks.insert(series_page_.blocks.end(), series_blocks_.begin(), series_blocks_.end());
  for (uint32_t id : series_label_ids_) postings_[id].push_back(footer_.series_count);
  ++footer_.series_count;
  if (series_page_.series.size() == kSeriesPerPage || series_page_.blocks.size() >= kBlocksPerSeriesPage)
    close_series_page();
  return {};
}

void MetricPartWriter::close_series_page() {
  if (series_page_.series.empty()) return;
  series_pages_.emplace_back(pack_page(encode_series_page(series_page_)), page_first_series_);
  page_first_series_ = footer_.series_count;
  series_page_ = {};
}

Result<void> MetricPartWriter::write_values(PartDirectory::Name& name) {
  for (uint32_t begin = 0; begin < name.value_count; begin += kValuesPerPage) {
    uint32_t end = std::min(begin + kValuesPerPage, name.value_count);
    std::vector<ValuePage::Entry> values;
    std::string list;
    for (uint32_t i = begin; i < end; ++i) {
      std::vector<uint32_t>& series = postings_[name.first_pair + i];
      OBELISK_ASSERT(!series.empty());
      ValuePage::Entry entry;
      entry.value = pairs_[name.first_pair + i].value;
      entry.series_count = static_cast<uint32_t>(series.size());
      if (series.size() == 1) {
        entry.where = series[0];
      } else {
        list.clear();
        encode_postings(series, list);
        OBELISK_TRY(PageReference page, write_page(list));
        entry.where = page.offset;
        entry.length = page.length;
      }
      series = {};
      values.push_back(entry);
    }
    OBELISK_TRY(PageReference page, write_page(pack_page(encode_value_page(values))));
    directory_.value_pages.push_back({page, std::string(values[0].value)});
  }
  return {};
}

Result<void> MetricPartWriter::write_label_index() {
  for (uint32_t i = 0; i < pairs_.size();) {
    PartDirectory::Name name;
    name.name = pairs_[i].name;
    name.first_pair = i;
    name.first_page = static_cast<uint32_t>(directory_.value_pages.size());
    while (i < pairs_.size() && pairs_[i].name == name.name) ++i;
    name.value_count = i - name.first_pair;
    OBELISK_CHECK_OK(write_values(name));
    directory_.names.push_back(std::move(name));
  }
  directory_.pair_count = static_cast<uint32_t>(pairs_.size());
  return {};
}

Result<uint64_t> MetricPartWriter::finish(const MetadataRows& metadata) {
  close_series_page();
  OBELISK_CHECK_OK(write_data_page());
  OBELISK_CHECK_OK(write_time_page());
  OBELISK_CHECK_OK(write_label_index());
  for (auto& [packed, first_series] : series_pages_) {
    OBELISK_TRY(PageReference page, write_page(packed));
    directory_.series_pages.push_back({page, first_series});
  }
  directory_.series_count = footer_.series_count;
  if (!metadata.empty()) {
    OBELISK_TRY(directory_.metadata, write_page(pack_page(metadata.encode())));
  }
  footer_.metadata_count = metadata.size();
  OBELISK_TRY(footer_.directory, write_page(pack_page(encode_part_directory(directory_))));
  buffer_ += encode_part_footer(footer_);
  OBELISK_CHECK_OK(write_out());
  OBELISK_CHECK_OK(file_.sync());
  return buffer_offset_;
}

}  // namespace obelisk
