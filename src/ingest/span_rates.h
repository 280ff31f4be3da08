#pragma once
// How many bytes of spans a tenant may send a second: Tempo's ingestion.rate_limit_bytes and
// burst_size_bytes, as a bucket of tokens for each tenant that fills at the rate and holds the burst. Bytes
// are those of a request's spans as they came, decompressed and (JSON of OTLP) as protobuf; a request is
// taken or refused whole, before it is decoded.
// Thread safe. Bounds: kTenantsMax buckets. When there would be more, those that are full are forgotten,
// which changes nothing for their tenants; were none of so many full, all are, and their tenants have a burst
// anew.
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/thread_annotations.h"
#include "env/clock.h"
#include "model/tenant.h"

namespace obelisk {

struct SpanRate {
  uint64_t bytes_per_second = 0;  // 0: no limit
  uint64_t burst_bytes = 0;       // 0: what comes in a second
};

struct SpanRateOptions {
  SpanRate of_all;
  std::map<Tenant, SpanRate> tenants;  // those that differ, complete
};

class SpanRates {
 public:
  static constexpr size_t kTenantsMax = 10'000;

  struct Refusal {
    std::string message;
    int retry_seconds = 0;  // when it is worth trying again; 0: never, the request is larger than the burst
  };

  SpanRates(const Clock& clock, SpanRateOptions options) : clock_(clock), options_(std::move(options)) {}

  // Takes the bytes from the tenant's bucket, or says why not. Refused bytes cost nothing, and are counted
  // (obelisk_span_rate_limited_bytes_total).
  std::optional<Refusal> take(const Tenant& tenant, uint64_t bytes);

 private:
  struct Bucket {
    double tokens = 0;
    UnixNanos at{0};  // as of when
  };

  const SpanRate& rate_of(const Tenant& tenant) const;
  Bucket& filled_bucket(const Tenant& tenant, const SpanRate& rate, UnixNanos now) REQUIRES(mutex_);

  const Clock& clock_;
  const SpanRateOptions options_;
  Mutex mutex_;
  std::map<Tenant, Bucket> buckets_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
