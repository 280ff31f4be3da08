#pragma once
// The Prometheus protobuf exposition format: io.prometheus.client.MetricFamily messages, each after its
// length as a varint. Read as Prometheus reads it: counter, gauge and untyped are one series; summaries and
// classic histograms are spread over _count, _sum, quantile and le series (an absent +Inf bucket is added); a
// histogram with spans or a zero bucket is a native one, with its exemplars in ascending time (those without
// a time are left out), else those of its classic buckets. Only the timestamp 0 counts as absent. Bounds: a
// page may not become more than kExpansionMax times its size in labels (a bucket of few bytes repeats the
// labels of its metric); native histograms as in native_histogram_parts.h. Pure function.
#include <string_view>

#include "wire/exposition.h"

namespace obelisk {

inline constexpr size_t kProtobufExpansionMax = 64;

Result<Exposition> parse_prometheus_protobuf(std::string_view page, const ExpositionOptions& options);

}  // namespace obelisk
