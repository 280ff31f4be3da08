#include "storage/embedded/metrics/series_source.h"

#include <algorithm>
#include <compare>

#include "codec/value_block.h"

namespace obelisk {
namespace {

std::strong_ordering compare_labels(LabelsView a, LabelsView b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

HeadSource::HeadSource(std::shared_ptr<const MetricHead> head, const Postings& series, const TimeRange& range,
                       bool newest_only)
    : head_(std::move(head)), ranks_(head_->index()->ranks()), max_time_(head_->max_time()) {
  for (uint32_t number : series) {
    if (number >= head_->series_end()) break;
    size_t begin = records_.size();
    const HeadSamples& samples = head_->samples(number);
    if (newest_only) {
      samples.copy_newest_to(range.begin.value, range.end.value, records_);
    } else {
      samples.copy_to(range.begin.value, range.end.value, records_);
    }
    if (records_.size() == begin) continue;
    numbers_.push_back(number);
    ends_.push_back(records_.size());
  }
}

std::shared_ptr<const SeriesIndex::Ranks> HeadSource::sort() {
  if (sorted_) return nullptr;
  sorted_ = true;
  order_ = numbers_;
  return sort_by_labels(*head_->index(), ranks_, order_);
}

Result<bool> HeadSource::next() {
  sort();
  if (next_ == order_.size()) return false;
  head_->index()->labels(order_[next_++], labels_);
  return true;
}

std::string_view HeadSource::records_of_current() const {
  uint32_t number = order_[next_ - 1];
  size_t at = number - numbers_.front();
  // The numbers of all series, or of one sender's, mostly follow each other.
  if (at >= numbers_.size() || numbers_[at] != number) {
    at = static_cast<size_t>(std::lower_bound(numbers_.begin(), numbers_.end(), number) - numbers_.begin());
  }
  size_t begin = at == 0 ? 0 : ends_[at - 1];
  return std::string_view(records_).substr(begin, ends_[at] - begin);
}

Result<void> HeadSource::read(const TimeRange&, bool with_payload, Samples& out, Arena& arena) {
  return decode_head_records(records_of_current(), with_payload, out, arena);
}

namespace {

SeriesFacts facts_of(std::string_view records) {
  SeriesFacts facts;
  facts.bytes = records.size();
  Samples samples;
  Arena unused;
  if (!decode_head_records(records, false, samples, unused).ok()) return facts;  // made by this process
  facts.rows = samples.size();
  for (int64_t time : samples.times) {
    facts.min_time = std::min(facts.min_time, time);
    facts.max_time = std::max(facts.max_time, time);
  }
  return facts;
}

}  // namespace

// Of what was copied: the head itself may have moved on.
SeriesFacts HeadSource::facts() const {
  return facts_of(records_of_current());
}

SeriesFacts FrozenHeadSource::facts() const {
  std::string records;
  head_->samples(series_[next_ - 1]).copy_to(INT64_MIN, INT64_MAX, records);
  return facts_of(records);
}

FrozenHeadSource::FrozenHeadSource(std::shared_ptr<const MetricHead> head,
                                   std::shared_ptr<const SeriesIndex::Ranks> ranks, Postings series,
                                   bool newest_only)
    : head_(std::move(head)), series_(std::move(series)), newest_only_(newest_only) {
  head_->keep_active(series_);
  made_ranks_ = sort_by_labels(*head_->index(), ranks, series_);
}

Result<bool> FrozenHeadSource::next() {
  if (next_ == series_.size()) return false;
  // Series that follow each other by their labels do not in memory.
  constexpr size_t kObjectsAhead = 16, kRowsAhead = 8;
  if (next_ + kObjectsAhead < series_.size())
    __builtin_prefetch(&head_->samples(series_[next_ + kObjectsAhead]));
  if (next_ + kRowsAhead < series_.size()) head_->samples(series_[next_ + kRowsAhead]).prefetch_rows();
  head_->index()->labels(series_[next_++], labels_);
  return true;
}

Result<void> FrozenHeadSource::read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  records_.clear();
  const HeadSamples& samples = head_->samples(series_[next_ - 1]);
  if (newest_only_) {
    samples.copy_newest_to(range.begin.value, range.end.value, records_);
  } else {
    samples.copy_to(range.begin.value, range.end.value, records_);
  }
  return decode_head_records(records_, with_payload, out, arena);
}

PartSource::PartSource(std::shared_ptr<const MetricPart> part, Postings series, bool newest_only)
    : part_(std::move(part)), series_(std::move(series)), newest_only_(newest_only), texts_(part_) {}

Result<bool> PartSource::next() {
  if (next_ == series_.size()) return false;
  uint32_t number = series_[next_++];
  const std::vector<PartDirectory::SeriesPage>& pages = part_->directory().series_pages;
  auto after = std::upper_bound(
      pages.begin(), pages.end(), number,
      [](uint32_t wanted, const PartDirectory::SeriesPage& page) { return wanted < page.first_series; });
  uint32_t page = static_cast<uint32_t>(after - pages.begin()) - 1;
  if (page != series_page_number_) {
    OBELISK_TRY(series_page_, part_->read_series_page(page));
    series_page_number_ = page;
    bytes_read_ += pages[page].page.length;
  }
  current_ = &series_page_.series[number - pages[page].first_series];
  const void* texts_before = texts_.owner().get();
  texts_.make_room();  // may replace the texts
  // Neighbours in the order of labels share most of them.
  size_t known =
      texts_.owner().get() == texts_before ? std::min<size_t>(labels_.size(), current_->label_count) : 0;
  labels_.resize(current_->label_count);
  label_ids_.resize(current_->label_count);
  for (uint32_t i = 0; i < current_->label_count; ++i) {
    uint32_t id = series_page_.label_ids[current_->first_label + i];
    if (i < known && label_ids_[i] == id) continue;
    OBELISK_TRY(labels_[i], texts_.pair(id));
    label_ids_[i] = id;
  }
  return true;
}

std::span<const BlockReference> PartSource::blocks() const {
  return std::span(series_page_.blocks).subspan(current_->first_block, current_->block_count);
}

Result<std::string_view> PartSource::time_column(uint32_t column) {
  const std::vector<PartDirectory::TimePage>& pages = part_->directory().time_pages;
  auto after = std::upper_bound(
      pages.begin(), pages.end(), column,
      [](uint32_t wanted, const PartDirectory::TimePage& page) { return wanted < page.first_column; });
  uint32_t number = static_cast<uint32_t>(after - pages.begin()) - 1;
  const PartDirectory::TimePage& entry = pages[number];
  TimePage* page = nullptr;
  for (const std::unique_ptr<TimePage>& held : time_pages_) {
    if (held->page == number) page = held.get();
  }
  if (page == nullptr) {
    auto fresh = std::make_unique<TimePage>();
    fresh->page = number;
    OBELISK_TRY(fresh->bytes, part_->read_page(entry.page));
    auto columns = decode_time_page(fresh->bytes);
    if (!columns.ok()) return part_->locate(columns.error(), entry.page);
    fresh->columns = std::move(*columns);
    bytes_read_ += entry.page.length;
    page = fresh.get();
    if (time_pages_.size() < kTimePagesMax) {
      time_pages_.push_back(std::move(fresh));
    } else {
      time_pages_[evict_next_++ % kTimePagesMax] = std::move(fresh);
    }
  }
  if (column - entry.first_column >= page->columns.size()) {
    return part_->locate(make_error(ErrorCode::corrupt, "time page with too few columns"), entry.page);
  }
  return page->columns[column - entry.first_column];
}

Result<void> PartSource::read_data_page(const BlockReference& reference) {
  if (reference.data_page == data_page_number_) return {};
  const PageReference& page = part_->directory().data_pages[reference.data_page];
  data_page_number_ = UINT32_MAX;
  OBELISK_TRY(data_page_, part_->read_page(page));
  data_page_number_ = reference.data_page;
  bytes_read_ += page.length;
  return {};
}

Result<SampleBlock> PartSource::stored_block(const BlockReference& reference, bool with_payload) {
  if (with_payload) OBELISK_CHECK_OK(read_data_page(reference));
  SampleBlock block;
  block.is_histogram = reference.is_histogram;
  block.row_count = reference.row_count;
  block.min_time = reference.min_time;
  block.max_time = reference.max_time;
  if (with_payload) block.payload = std::string_view(data_page_).substr(reference.offset, reference.length);
  if (reference.start_column != kNoColumn) {
    OBELISK_TRY(start_times_, time_column(reference.start_column));
    block.start_times = start_times_;
  }
  OBELISK_TRY(block.times, time_column(reference.time_column));
  return block;
}

SeriesFacts PartSource::facts() const {
  SeriesFacts facts;
  for (const BlockReference& block : blocks()) {
    facts.rows += block.row_count;
    facts.bytes += block.length;
    facts.min_time = std::min(facts.min_time, block.min_time);
    facts.max_time = std::max(facts.max_time, block.max_time);
  }
  return facts;
}

namespace {

// The last row before `end` of a block whose first is one.
Result<void> take_newest(const BlockReference& reference, std::string_view time_column,
                         std::string_view payload, int64_t end, Samples& out) {
  OBELISK_TRY(std::span<const int64_t> times, decode_block_times(time_column, reference.row_count));
  if (times.front() != reference.min_time || times.back() != reference.max_time)
    return make_error(ErrorCode::corrupt, "sample block: times are not those of its reference");
  size_t row = static_cast<size_t>(std::lower_bound(times.begin(), times.end(), end) - times.begin()) - 1;
  OBELISK_TRY(double value, decode_one_value(payload, reference.row_count, row));
  out.add(times[row], value, 0);
  return {};
}

}  // namespace

// Of floats without start times.
Result<void> PartSource::read_newest(const TimeRange& range, Samples& out) {
  std::span<const BlockReference> all = blocks();
  for (auto reference = all.rbegin(); reference != all.rend(); ++reference) {
    if (reference->min_time >= range.end.value) continue;
    if (reference->max_time < range.begin.value) return {};
    OBELISK_TRY(std::string_view column, time_column(reference->time_column));
    OBELISK_CHECK_OK(read_data_page(*reference));
    std::string_view payload = std::string_view(data_page_).substr(reference->offset, reference->length);
    Result<void> taken = take_newest(*reference, column, payload, range.end.value, out);
    if (!taken.ok()) return part_->locate(taken.error(), part_->directory().data_pages[reference->data_page]);
    return {};
  }
  return {};
}

Result<void> PartSource::read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  std::span<const BlockReference> wanted = blocks();
  bool is_plain = std::all_of(wanted.begin(), wanted.end(), [](const BlockReference& block) {
    return !block.is_histogram && block.start_column == kNoColumn;
  });
  if (newest_only_ && with_payload && is_plain) return read_newest(range, out);
  while (!wanted.empty() && wanted.back().min_time >= range.end.value)
    wanted = wanted.first(wanted.size() - 1);
  // Of a block that reaches over the end, all rows may lie behind it: then the one before it counts.
  if (newest_only_ && !wanted.empty() && wanted.back().max_time < range.end.value) wanted = wanted.last(1);
  for (const BlockReference& reference : wanted) {
    if (reference.max_time < range.begin.value) continue;
    size_t before = out.size();
    OBELISK_TRY(SampleBlock block, stored_block(reference, with_payload));
    Result<void> decoded = decode_block(block, with_payload, out, arena);
    if (decoded.ok() && (out.times[before] != reference.min_time || out.times.back() != reference.max_time)) {
      decoded = make_error(ErrorCode::corrupt, "sample block: times are not those of its reference");
    }
    if (!decoded.ok())
      return part_->locate(decoded.error(), part_->directory().data_pages[reference.data_page]);
  }
  return {};
}

Result<bool> SeriesMerger::next() {
  if (!started_) {
    started_ = true;
    for (const std::unique_ptr<SeriesSource>& source : sources_) current_.push_back(source.get());
  }
  for (SeriesSource* source : current_) {
    OBELISK_TRY(bool more, source->next());
    auto at = std::find(active_.begin(), active_.end(), source);
    if (more && at == active_.end()) active_.push_back(source);
    if (!more && at != active_.end()) active_.erase(at);
  }
  current_.clear();
  // Order of arrival is the order of sources_, which active_ keeps.
  for (SeriesSource* source : active_) {
    std::strong_ordering order = current_.empty() ? std::strong_ordering::less
                                                  : compare_labels(source->labels(), current_[0]->labels());
    if (order == std::strong_ordering::less) current_.clear();
    if (order != std::strong_ordering::greater) current_.push_back(source);
  }
  return !current_.empty();
}

Result<void> SeriesMerger::read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  out.clear();
  return append(range, with_payload, out, arena);
}

Result<void> SeriesMerger::append(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  if (newest_only_) return read_newest(range, with_payload, out, arena);
  size_t first = out.size();
  for (SeriesSource* source : current_) OBELISK_CHECK_OK(source->read(range, with_payload, out, arena));
  ReplacedSamples replaced = out.normalise(first);
  replaced_.same += replaced.same;
  replaced_.other += replaced.other;
  out.trim(range.begin.value, range.end.value, first);
  return {};
}

// From the newest source back, so that of equal times the last to arrive stands; sources that end before the
// row that was found are not read.
Result<void> SeriesMerger::read_newest(const TimeRange& range, bool with_payload, Samples& out,
                                       Arena& arena) {
  int64_t newest = INT64_MIN;
  size_t first = out.size();
  Samples& found = newest_;
  for (auto source = current_.rbegin(); source != current_.rend(); ++source) {
    if ((*source)->max_time() < newest) continue;
    found.clear();
    OBELISK_CHECK_OK((*source)->read(range, with_payload, found, arena));
    found.normalise();
    found.trim(range.begin.value, range.end.value);
    if (found.size() == 0) continue;
    size_t last = found.size() - 1;
    if (found.times[last] <= newest) continue;
    newest = found.times[last];
    out.truncate(first);
    if (found.is_histogram(last)) {
      out.add_histogram(newest, found.histograms[last], found.start_time(last));
    } else {
      out.add(newest, found.values[last], found.start_time(last));
    }
  }
  return {};
}

uint64_t SeriesMerger::bytes_read() const {
  uint64_t bytes = 0;
  for (const std::unique_ptr<SeriesSource>& source : sources_) bytes += source->bytes_read();
  return bytes;
}

}  // namespace obelisk
