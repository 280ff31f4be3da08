#pragma once
// How far the reading of a query is: what its scans have read so far, and what their plans were priced at.
// For whoever watches the query from outside, and for what limits what it may read.
// - A thread counts into at most one ReadProgress, named by count_reads_into(). A store that reads on threads
// of
//   its own names the same one there; without that, their reads are not shown.
// - A limit of what may be read cancels the query as soon as a read passes it; passed_read_limit() then says
// why.
// - Prices are upper bounds (storage/reader.h), and a query that plans scan after scan (LogQL's growing
// slices)
//   raises its price while it runs. A trace query may read a row twice, so `read` may pass `priced`.
// Counts are relaxed atomics: thread safe, exact once the query has ended.
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"

namespace obelisk {

class Cancel;

struct ReadCount {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

class ReadProgress {
 public:
  void add_price(ReadCount price) { add(price, rows_priced_, bytes_priced_); }
  void add_read(ReadCount read) {
    add(read, rows_read_, bytes_read_);
    if (Cancel* stop = stop_.load(std::memory_order_acquire)) check_limit(*stop);
  }
  // 0: no limit. `stop` must stay until it is taken back (null).
  void limit_reads(ReadCount max, Cancel* stop) {
    limit_ = max;
    stop_.store(stop, std::memory_order_release);
  }
  // too_large, with Loki's text, once more was read than may be.
  std::optional<Error> passed_limit() const;
  ReadCount priced() const { return load(rows_priced_, bytes_priced_); }
  ReadCount read() const { return load(rows_read_, bytes_read_); }

 private:
  using Counter = std::atomic<uint64_t>;
  static void add(ReadCount count, Counter& rows, Counter& bytes) {
    rows.fetch_add(count.rows, std::memory_order_relaxed);
    bytes.fetch_add(count.bytes, std::memory_order_relaxed);
  }
  static ReadCount load(const Counter& rows, const Counter& bytes) {
    return {rows.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed)};
  }

  void check_limit(Cancel& stop) const;

  Counter rows_priced_{0}, bytes_priced_{0};
  Counter rows_read_{0}, bytes_read_{0};
  ReadCount limit_;
  std::atomic<Cancel*> stop_{nullptr};
};

// From now on the scans of this thread count into `progress`, until the next call; null: nobody watches.
void count_reads_into(std::shared_ptr<ReadProgress> progress);

// Of the query that this thread counts for: see ReadProgress::passed_limit. A query that ends with
// `cancelled` ended for this reason if there is one.
std::optional<Error> passed_read_limit();

// What stores and open_scan call. They cost a branch when nobody watches.
void note_scan_price(ReadCount price);
void note_read(ReadCount read);

}  // namespace obelisk
