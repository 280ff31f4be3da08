#pragma once
// The server's own metrics, served on /metrics in the Prometheus text format (0.0.4).
// A metric is created once (usually a static reference at its place of use) and lives for ever; adding and
// setting are lock free and safe from any thread; creating takes a lock. Names end in their unit or `_total`.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace obelisk {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Latency histogram in seconds with fixed buckets 0.5 ms, doubling, to 16 s.
class LatencyHistogram {
 public:
  static constexpr int kBuckets = 16;
  void observe_seconds(double seconds);
  uint64_t bucket(int index) const { return buckets_[index].load(std::memory_order_relaxed); }
  double sum_seconds() const { return static_cast<double>(sum_nanos_.load(std::memory_order_relaxed)) / 1e9; }
  static double upper_bound(int index);  // +Inf for the last

 private:
  std::atomic<uint64_t> buckets_[kBuckets + 1]{};
  std::atomic<uint64_t> sum_nanos_{0};
};

// The same name and labels give the same object. Help is taken from the first call.
Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
LatencyHistogram& latency_histogram(std::string_view name, std::string_view help,
                                    const MetricLabels& labels = {});

// Every metric of the process in Prometheus text format, sorted by name.
std::string render_self_metrics();

}  // namespace obelisk
