#include "storage/embedded/metrics/head_samples.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

#include "codec/byte_reader.h"

namespace obelisk {
namespace {

// First byte of a record.
enum RecordFlag : uint8_t { kHistogramRecord = 1, kStartTimes = 2, kRaw = 4 };

// flags, rows, then: raw rows; or times, start times if flagged, payload, each with its length.
void append_record(const SampleBlock& block, std::string& out) {
  uint8_t flags = block.is_histogram ? kHistogramRecord : 0;
  if (!block.start_times.empty()) flags |= kStartTimes;
  out.push_back(static_cast<char>(flags));
  out.push_back(static_cast<char>(block.row_count));
  append_text(out, block.times);
  if ((flags & kStartTimes) != 0) append_text(out, block.start_times);
  append_text(out, block.payload);
}

void read_raw_rows(ByteReader& reader, uint8_t flags, uint32_t rows, Samples& out, Arena& arena) {
  for (uint32_t i = 0; i < rows; ++i) {
    int64_t time = reader.fixed<int64_t>();
    int64_t start_time = (flags & kStartTimes) != 0 ? reader.fixed<int64_t>() : 0;
    if ((flags & kHistogramRecord) != 0) {
      out.add_histogram(time, arena.copy(reader.text()), start_time);
    } else {
      out.add(time, reader.fixed<double>(), start_time);
    }
  }
}

}  // namespace

HeadSamples::~HeadSamples() {
  std::free(records_);
}

HeadSamples::Rare& HeadSamples::rare() {
  if (!rare_) rare_ = std::make_unique<Rare>();
  return *rare_;
}

void HeadSamples::need_tail(Arena& arena) {
  if (tail_ != nullptr) return;
  tail_ = arena.allocate_array<Tail>(1);
  tail_->full_max_time = INT64_MIN;
}

void HeadSamples::note_time(int64_t time) {
  min_time_ = std::min(min_time_, time);
  max_time_ = std::max(max_time_, time);
}

int64_t HeadSamples::tail_start(uint32_t row) const {
  return rare_ && !rare_->tail_start_times.empty() ? rare_->tail_start_times[row] : tail_start_time_;
}

// Called before the row is added. One start time for the whole tail is the rule; a list is kept only while it
// is not.
void HeadSamples::set_tail_start(int64_t start_time) {
  if (tail_rows_ == 0) {
    tail_start_time_ = start_time;
    return;
  }
  bool listed = rare_ && !rare_->tail_start_times.empty();
  if (!listed && start_time == tail_start_time_) return;
  if (!listed) rare().tail_start_times.assign(tail_rows_, tail_start_time_);
  rare_->tail_start_times.push_back(start_time);
}

void HeadSamples::add(int64_t time, double value, int64_t start_time, Arena& arena) {
  if (rare_ && !rare_->histogram_times.empty()) close_histograms();
  need_tail(arena);
  if (tail_rows_ == kTailRows) close_tail();
  note_time(time);
  // A sample sent again, which senders do after a timeout, replaces itself.
  if (tail_rows_ > 0 && tail_->rows[tail_rows_ - 1].time == time &&
      tail_start(tail_rows_ - 1u) == start_time) {
    double& before = tail_->rows[tail_rows_ - 1].value;
    bool is_same = std::bit_cast<uint64_t>(before) == std::bit_cast<uint64_t>(value);
    count_replaced({is_same ? 1u : 0u, is_same ? 0u : 1u});
    before = value;
    return;
  }
  set_tail_start(start_time);
  tail_->rows[tail_rows_++] = {time, value};
}

void HeadSamples::add_histogram(int64_t time, std::string_view bytes, int64_t start_time, Arena& arena) {
  need_tail(arena);
  close_tail();
  Rare& tail = rare();
  if (tail.histogram_times.size() == kBlockRows || tail.histogram_bytes.size() > kHistogramTailBytes)
    close_histograms();
  note_time(time);
  tail.histogram_times.push_back(time);
  tail.histogram_start_times.push_back(start_time);
  tail.histogram_bytes.append(bytes);
  tail.histogram_ends.push_back(static_cast<uint32_t>(tail.histogram_bytes.size()));
}

void HeadSamples::append_bytes(std::string_view bytes) {
  size_t wanted = records_size_ + bytes.size();
  OBELISK_ASSERT(wanted <= UINT32_MAX);
  if (wanted > records_capacity_) {
    // A quarter of slack, in steps of 16: a hundred thousand series pay for every spare byte.
    size_t capacity = (wanted + wanted / 4 + 15) / 16 * 16;
    void* grown = std::realloc(records_, capacity);
    if (grown == nullptr) throw std::bad_alloc();
    records_ = static_cast<char*>(grown);
    records_capacity_ = static_cast<uint32_t>(std::min<size_t>(capacity, UINT32_MAX));
  }
  std::copy(bytes.begin(), bytes.end(), records_ + records_size_);
  records_size_ = static_cast<uint32_t>(wanted);
}

void HeadSamples::append_records(Samples& samples, bool small) {
  thread_local BlockEncoder encoder;
  thread_local std::string record;
  count_replaced(samples.normalise());
  encoder.scale_hint = scale_hint_;
  encoder.effort = small ? IntegerEffort::quick : IntegerEffort::full;
  for (size_t first = 0; first < samples.size();) {
    size_t count = next_block_rows(samples, first);
    record.clear();
    append_record(encoder.encode(samples, first, count), record);
    append_bytes(record);
    first += count;
  }
  scale_hint_ = encoder.scale_hint;
  if (small) {
    small_rows_ = static_cast<uint16_t>(small_rows_ + samples.size());
    if (small_rows_ >= kBlockRows) compact_small_records();
  } else {
    small_begin_ = records_size_;
    tail_->full_max_time = max_time_;
  }
}

void HeadSamples::close_tail() {
  if (tail_rows_ == 0) return;
  thread_local Samples samples;
  samples.clear();
  for (uint32_t i = 0; i < tail_rows_; ++i)
    samples.add(tail_->rows[i].time, tail_->rows[i].value, tail_start(i));
  tail_rows_ = 0;
  if (rare_) rare_->tail_start_times.clear();
  append_records(samples, true);
}

void HeadSamples::compact_small_records() {
  if (small_rows_ == 0) return;
  thread_local Samples samples;
  samples.clear();
  Arena unused;  // small records hold no histograms
  Result<void> decoded =
      decode_head_records({records_ + small_begin_, records_size_ - small_begin_}, true, samples, unused);
  OBELISK_ASSERT(decoded.ok());
  records_size_ = small_begin_;
  small_rows_ = 0;
  append_records(samples, false);
}

void HeadSamples::close_histograms() {
  compact_small_records();
  Samples samples;
  uint32_t begin = 0;
  for (size_t i = 0; i < rare_->histogram_times.size(); ++i) {
    uint32_t end = rare_->histogram_ends[i];
    samples.add_histogram(rare_->histogram_times[i],
                          std::string_view(rare_->histogram_bytes).substr(begin, end - begin),
                          rare_->histogram_start_times[i]);
    begin = end;
  }
  append_records(samples, false);
  rare_->histogram_times.clear();
  rare_->histogram_start_times.clear();
  rare_->histogram_ends.clear();
  rare_->histogram_bytes = {};  // kilobytes, which a series that has gone quiet should not hold
}

void HeadSamples::copy_to(int64_t begin, int64_t end, std::string& out) const {
  if (empty() || max_time_ < begin || min_time_ >= end) return;
  uint32_t from = tail_->full_max_time < begin ? small_begin_ : 0;
  out.append(records_ + from, records_size_ - from);
  if (tail_rows_ > 0) {
    bool starts = tail_start_time_ != 0 || (rare_ && !rare_->tail_start_times.empty());
    out.push_back(static_cast<char>(kRaw | (starts ? kStartTimes : 0)));
    out.push_back(static_cast<char>(tail_rows_));
    for (uint32_t i = 0; i < tail_rows_; ++i) {
      append_fixed(out, tail_->rows[i].time);
      if (starts) append_fixed(out, tail_start(i));
      append_fixed(out, tail_->rows[i].value);
    }
  }
  if (rare_ && !rare_->histogram_times.empty()) {
    out.push_back(static_cast<char>(kRaw | kHistogramRecord | kStartTimes));
    out.push_back(static_cast<char>(rare_->histogram_times.size()));
    uint32_t offset = 0;
    for (size_t i = 0; i < rare_->histogram_times.size(); ++i) {
      append_fixed(out, rare_->histogram_times[i]);
      append_fixed(out, rare_->histogram_start_times[i]);
      append_text(out,
                  std::string_view(rare_->histogram_bytes).substr(offset, rare_->histogram_ends[i] - offset));
      offset = rare_->histogram_ends[i];
    }
  }
}

void HeadSamples::copy_newest_to(int64_t begin, int64_t end, std::string& out) const {
  bool in_tail = tail_rows_ > 0 && tail_->rows[tail_rows_ - 1].time == max_time_ && max_time_ >= begin &&
                 max_time_ < end && !(rare_ && !rare_->histogram_times.empty());
  if (!in_tail) return copy_to(begin, end, out);
  int64_t start = tail_start(tail_rows_ - 1u);
  out.push_back(static_cast<char>(kRaw | (start != 0 ? kStartTimes : 0)));
  out.push_back(1);
  append_fixed(out, max_time_);
  if (start != 0) append_fixed(out, start);
  append_fixed(out, tail_->rows[tail_rows_ - 1].value);
}

size_t HeadSamples::heap_bytes() const {
  size_t bytes = records_capacity_;
  if (rare_) {
    bytes += sizeof(Rare) + rare_->histogram_bytes.capacity() + rare_->histogram_ends.capacity() * 4 +
             (rare_->tail_start_times.capacity() + rare_->histogram_times.capacity() +
              rare_->histogram_start_times.capacity()) *
                 8;
  }
  return bytes;
}

Result<void> decode_head_records(std::string_view bytes, bool with_payload, Samples& out, Arena& arena) {
  ByteReader reader(bytes);
  while (reader.left() > 0) {
    uint8_t flags = reader.fixed<uint8_t>();
    uint32_t rows = reader.fixed<uint8_t>();
    if ((flags & kRaw) != 0) {
      read_raw_rows(reader, flags, rows, out, arena);
    } else {
      SampleBlock block;
      block.is_histogram = (flags & kHistogramRecord) != 0;
      block.row_count = rows;
      block.times = reader.text();
      if ((flags & kStartTimes) != 0) block.start_times = reader.text();
      block.payload = reader.text();
      if (!reader.failed()) OBELISK_CHECK_OK(decode_block(block, with_payload, out, arena));
    }
    if (reader.failed()) return make_error(ErrorCode::corrupt, "head records: cut");
  }
  return {};
}

}  // namespace obelisk
