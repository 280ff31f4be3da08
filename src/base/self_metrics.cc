#include "base/self_metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <mutex>

namespace obelisk {
namespace {

struct Family {
  std::string help;
  const char* type;
  std::map<std::string, std::unique_ptr<Counter>> counters;  // by rendered labels
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<LatencyHistogram>> histograms;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
};

Registry& registry() {
  static Registry* instance = new Registry;  // outlives every static user
  return *instance;
}

std::string render_labels(const MetricLabels& labels) {
  std::string result;
  for (const auto& [name, value] : labels) {
    if (!result.empty()) result += ',';
    result += name;
    result += "=\"";
    for (char c : value) {
      if (c == '\\' || c == '"') result += '\\';
      if (c == '\n') {
        result += "\\n";
      } else {
        result += c;
      }
    }
    result += '"';
  }
  return result;
}

Family& family(Registry& metrics, std::string_view name, std::string_view help, const char* type) {
  auto it = metrics.families.find(name);
  if (it == metrics.families.end())
    it = metrics.families.emplace(std::string(name), Family{std::string(help), type, {}, {}, {}}).first;
  return it->second;
}

template <typename T>
T& find_or_create(std::map<std::string, std::unique_ptr<T>>& metrics, const MetricLabels& labels) {
  std::unique_ptr<T>& slot = metrics[render_labels(labels)];
  if (!slot) slot = std::make_unique<T>();
  return *slot;
}

void render_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const LatencyHistogram& histogram) {
  uint64_t cumulative = 0;
  std::string prefix = labels.empty() ? "" : labels + ",";
  for (int i = 0; i <= LatencyHistogram::kBuckets; ++i) {
    cumulative += histogram.bucket(i);
    std::string bound =
        i == LatencyHistogram::kBuckets ? "+Inf" : fmt::format("{}", LatencyHistogram::upper_bound(i));
    out += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name, prefix, bound, cumulative);
  }
  std::string braces = labels.empty() ? "" : "{" + labels + "}";
  out += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, braces, histogram.sum_seconds(), name, braces,
                     cumulative);
}

}  // namespace

double LatencyHistogram::upper_bound(int index) {
  return index >= kBuckets ? std::numeric_limits<double>::infinity() : 0.0005 * std::pow(2.0, index);
}

void LatencyHistogram::observe_seconds(double seconds) {
  int index = 0;
  while (index < kBuckets && seconds > upper_bound(index)) ++index;
  buckets_[index].fetch_add(1, std::memory_order_relaxed);
  sum_nanos_.fetch_add(static_cast<uint64_t>(seconds < 0 ? 0 : seconds * 1e9), std::memory_order_relaxed);
}

Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels) {
  Registry& metrics = registry();
  std::lock_guard lock(metrics.mutex);
  return find_or_create(family(metrics, name, help, "counter").counters, labels);
}

Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
  Registry& metrics = registry();
  std::lock_guard lock(metrics.mutex);
  return find_or_create(family(metrics, name, help, "gauge").gauges, labels);
}

LatencyHistogram& latency_histogram(std::string_view name, std::string_view help,
                                    const MetricLabels& labels) {
  Registry& metrics = registry();
  std::lock_guard lock(metrics.mutex);
  return find_or_create(family(metrics, name, help, "histogram").histograms, labels);
}

std::string render_self_metrics() {
  Registry& metrics = registry();
  std::lock_guard lock(metrics.mutex);
  std::string out;
  for (const auto& [name, group] : metrics.families) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, group.help, name, group.type);
    auto braces = [](const std::string& labels) { return labels.empty() ? "" : "{" + labels + "}"; };
    for (const auto& [labels, value] : group.counters)
      out += fmt::format("{}{} {}\n", name, braces(labels), value->value());
    for (const auto& [labels, value] : group.gauges)
      out += fmt::format("{}{} {}\n", name, braces(labels), value->value());
    for (const auto& [labels, value] : group.histograms) render_histogram(out, name, labels, *value);
  }
  return out;
}

}  // namespace obelisk
