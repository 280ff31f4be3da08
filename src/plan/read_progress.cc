#include "plan/read_progress.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "plan/budget.h"
#include "plan/reads_counted.h"

namespace obelisk {
namespace {

// Owned, so that a thread which goes on reading for something else cannot write into a query that has ended.
thread_local std::shared_ptr<ReadProgress> watched;

// 1.2 GB, 34 MB: as Loki writes sizes.
std::string size_text(uint64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  if (bytes < 10) return fmt::format("{} B", bytes);
  value = std::floor(value * 10 + 0.5) / 10;
  return value < 10 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                    : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

bool passes(uint64_t read, uint64_t max) {
  return max != 0 && read > max;
}

}  // namespace

void ReadProgress::check_limit(Cancel& stop) const {
  ReadCount now = read();
  if (passes(now.bytes, limit_.bytes) || passes(now.rows, limit_.rows)) stop.cancel();
}

std::optional<Error> ReadProgress::passed_limit() const {
  if (stop_.load(std::memory_order_acquire) == nullptr) return std::nullopt;
  constexpr std::string_view kAdvice =
      "consider adding more specific stream selectors or reduce the time range of the query";
  ReadCount now = read();
  if (passes(now.bytes, limit_.bytes)) {
    return make_error(ErrorCode::too_large,
                      fmt::format("the query would read too many bytes (query: {}, limit: {}); {}",
                                  size_text(now.bytes), size_text(limit_.bytes), kAdvice));
  }
  if (passes(now.rows, limit_.rows)) {
    return make_error(ErrorCode::too_large,
                      fmt::format("the query would read too many lines (query: {}, limit: {}); {}", now.rows,
                                  limit_.rows, kAdvice));
  }
  return std::nullopt;
}

std::optional<Error> passed_read_limit() {
  return watched ? watched->passed_limit() : std::nullopt;
}

void count_reads_into(std::shared_ptr<ReadProgress> progress) {
  watched = std::move(progress);
}

std::shared_ptr<ReadProgress> reads_counted_into() {
  return watched;
}

void note_scan_price(ReadCount price) {
  if (watched) watched->add_price(price);
}

void note_read(ReadCount read) {
  if (watched) watched->add_read(read);
}

}  // namespace obelisk
