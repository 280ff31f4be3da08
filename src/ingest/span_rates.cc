#include "ingest/span_rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/self_metrics.h"

namespace obelisk {
namespace {

double burst_of(const SpanRate& rate) {
  return static_cast<double>(rate.burst_bytes == 0 ? rate.bytes_per_second : rate.burst_bytes);
}

double tokens_at(double tokens, UnixNanos since, UnixNanos now, const SpanRate& rate) {
  double seconds =
      static_cast<double>(std::max<int64_t>(0, now - since)) / static_cast<double>(kNanosPerSecond);
  return std::min(burst_of(rate), tokens + seconds * static_cast<double>(rate.bytes_per_second));
}

void count_refused(uint64_t bytes) {
  static Counter& refused = counter("obelisk_span_rate_limited_bytes_total",
                                    "Bytes of requests of spans that were over their tenant's rate.");
  refused.add(bytes);
}

}  // namespace

const SpanRate& SpanRates::rate_of(const Tenant& tenant) const {
  auto own = options_.tenants.find(tenant);
  return own == options_.tenants.end() ? options_.of_all : own->second;
}

SpanRates::Bucket& SpanRates::filled_bucket(const Tenant& tenant, const SpanRate& rate, UnixNanos now) {
  auto found = buckets_.find(tenant);
  if (found == buckets_.end() && buckets_.size() >= kTenantsMax) {
    std::erase_if(buckets_, [&](const auto& entry) {
      const SpanRate& of_entry = rate_of(entry.first);
      return tokens_at(entry.second.tokens, entry.second.at, now, of_entry) >= burst_of(of_entry);
    });
    if (buckets_.size() >= kTenantsMax) buckets_.clear();
  }
  if (found == buckets_.end()) found = buckets_.emplace(tenant, Bucket{burst_of(rate), now}).first;
  Bucket& bucket = found->second;
  bucket.tokens = tokens_at(bucket.tokens, bucket.at, now, rate);
  bucket.at = std::max(bucket.at, now);  // a clock that was set back gives nothing twice
  return bucket;
}

std::optional<SpanRates::Refusal> SpanRates::take(const Tenant& tenant, uint64_t bytes) {
  const SpanRate& rate = rate_of(tenant);
  if (rate.bytes_per_second == 0) return std::nullopt;
  auto wanted = static_cast<double>(bytes);
  double missing = 0;
  {
    MutexLock lock(mutex_);
    Bucket& bucket = filled_bucket(tenant, rate, clock_.now());
    if (bucket.tokens >= wanted) {
      bucket.tokens -= wanted;
      return std::nullopt;
    }
    missing = wanted - bucket.tokens;
  }
  count_refused(bytes);
  if (wanted > burst_of(rate)) {
    return Refusal{fmt::format("RATE_LIMITED: {} bytes are more than burst_size_bytes ({}) of user {}", bytes,
                               static_cast<uint64_t>(burst_of(rate)), tenant),
                   0};
  }
  double seconds = std::ceil(missing / static_cast<double>(rate.bytes_per_second));
  return Refusal{
      fmt::format("RATE_LIMITED: ingestion rate limit ({} bytes) exceeded while adding {} bytes for user {}",
                  rate.bytes_per_second, bytes, tenant),
      static_cast<int>(std::clamp(seconds, 1.0, 3600.0))};
}

}  // namespace obelisk
