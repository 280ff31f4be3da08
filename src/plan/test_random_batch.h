#pragma once
// Random batches of telemetry for tests: the shapes real senders make (shared resources, sparse attributes,
// one name with several types, traces spread over batches) and the ones they should not (empty strings,
// extreme numbers, bytes). The same seed gives the same batches. Times are distinct over all batches of one
// generator, so that an order by time is a total order.
#include <fmt/format.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class RandomBatches {
 public:
  explicit RandomBatches(uint64_t seed, int64_t begin = 1'700'000'000'000'000'000,
                         int64_t span_nanos = 3'600'000'000'000)
      : random_(seed), begin_(begin), span_nanos_(span_nanos) {
    for (int i = 0; i < 60; ++i) trace_ids_.push_back(fresh_trace_id());
  }

  std::mt19937_64& random() { return random_; }
  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(uint64_t percent) { return below(100) < percent; }
  TraceId known_trace_id() { return trace_ids_[below(trace_ids_.size())]; }

  Batch logs(size_t rows) {
    BatchBuilder builder(Table::logs);
    for (size_t row = 0; row < rows; ++row) {
      if (row == 0 || chance(10)) begin_stream(builder);
      builder.add_row({time()});
      if (!chance(2)) builder.set_string(Scope::fixed, column::kLine, builder.arena().copy(line()));
      if (chance(50)) builder.set_trace_id(Scope::fixed, column::kTraceId, known_trace_id());
      if (chance(30))
        builder.set_int(Scope::fixed, column::kSeverityNumber, static_cast<int64_t>(1 + below(24)));
      attributes(builder, Scope::attribute);
    }
    return builder.finish();
  }

  Batch spans(size_t rows) {
    BatchBuilder builder(Table::spans);
    for (size_t row = 0; row < rows; ++row) {
      builder.add_row({time()});
      builder.set_trace_id(Scope::fixed, column::kTraceId, chance(85) ? known_trace_id() : fresh_trace_id());
      builder.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(random_()));
      if (chance(80)) builder.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(random_()));
      builder.set_string(Scope::fixed, column::kName,
                         pick({"GET /cart", "POST /order", "SELECT", "charge card", "publish"}));
      builder.set_int(Scope::fixed, column::kKind, static_cast<int64_t>(below(6)));
      builder.set_int(Scope::fixed, column::kDuration, static_cast<int64_t>(below(2'000'000'000)));
      if (chance(10)) builder.set_int(Scope::fixed, column::kStatusCode, 2);
      if (chance(20)) builder.set_string(Scope::fixed, column::kEvents, bytes(builder), ColumnType::bytes);
      builder.set_string(Scope::resource, "service.name", pick({"order", "inventory", "payment"}));
      attributes(builder, Scope::attribute);
      attributes(builder, Scope::resource);
    }
    return builder.finish();
  }

  Batch exemplars(size_t rows) {
    BatchBuilder builder(Table::exemplars);
    for (size_t row = 0; row < rows; ++row) {
      if (row == 0 || chance(40)) begin_series(builder);
      builder.add_row({time()});
      builder.set_float(Scope::fixed, column::kValue, number());
      if (chance(90)) builder.set_trace_id(Scope::fixed, column::kTraceId, known_trace_id());
      if (chance(50)) builder.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(random_()));
    }
    return builder.finish();
  }

  Batch samples(size_t rows) {
    BatchBuilder builder(Table::samples);
    for (size_t row = 0; row < rows; ++row) {
      if (row == 0 || chance(60)) begin_series(builder);
      builder.add_row({time() / 1'000'000 * 1'000'000});
      builder.set_float(Scope::fixed, column::kValue, number());
    }
    return builder.finish();
  }

  // In [begin, begin + span), never the same twice (its last five digits count).
  int64_t time() {
    int64_t coarse = static_cast<int64_t>(below(static_cast<uint64_t>(span_nanos_))) / 100'000 * 100'000;
    return begin_ + coarse + static_cast<int64_t>(times_++ % 100'000);
  }

  std::string line() {
    if (chance(1)) return std::string(below(5000), 'x');
    return fmt::format("level={} msg=\"order {} done\" duration={}ms", pick({"info", "error", "debug"}),
                       below(100000), below(900));
  }

 private:
  const char* pick(std::initializer_list<const char*> choices) {
    return choices.begin()[below(choices.size())];
  }

  TraceId fresh_trace_id() {
    TraceId id;
    bool short_id = chance(20);  // 64-bit ids of older senders, padded with zeros
    for (size_t i = short_id ? 8 : 0; i < 16; ++i) id.bytes[i] = static_cast<uint8_t>(1 + below(255));
    return id;
  }

  double number() {
    switch (below(6)) {
      case 0:
        return std::numeric_limits<double>::infinity();
      case 1:
        return -0.0;
      case 2:
        return static_cast<double>(below(1000)) / 100;
      default:
        return static_cast<double>(below(1000));
    }
  }

  std::string_view bytes(BatchBuilder& builder) {
    std::string raw(below(20), '\0');
    for (char& c : raw) c = static_cast<char>(below(256));
    return builder.arena().copy(raw);
  }

  void begin_stream(BatchBuilder& builder) {
    Labels labels{{"app", pick({"order", "inventory", "payment"})}, {"level", pick({"info", "error"})}};
    if (chance(10)) labels.set("pod", fmt::format("pod-{}", below(40)));
    if (chance(3)) labels = Labels();
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
  }

  void begin_series(BatchBuilder& builder) {
    Labels labels{{"__name__", pick({"http_requests_total", "latency_seconds", "up"})},
                  {"job", pick({"a", "b", "c"})}};
    if (chance(30)) labels.set("le", fmt::format("{}", below(8)));
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
  }

  void attributes(BatchBuilder& builder, Scope scope) {
    if (chance(40)) builder.set_string(scope, "http.method", pick({"GET", "POST", ""}));
    if (chance(40)) builder.set_int(scope, "http.status_code", chance(90) ? 200 : 500);
    if (chance(5)) builder.set_string(scope, "http.status_code", pick({"200", "500"}));
    if (chance(20)) builder.set_float(scope, "ratio", number());
    if (chance(20)) builder.set_int(scope, "cached", below(2) == 1 ? 1 : 0, ColumnType::boolean);
    if (chance(20))
      builder.set_string(scope, "user.id", builder.arena().copy(fmt::format("user-{}", random_())));
    if (chance(3)) builder.set_string(scope, "list", bytes(builder), ColumnType::any);
    if (chance(3))
      builder.set_int(scope, "extreme",
                      chance(50) ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max());
    if (chance(2)) {
      std::string name = fmt::format("rare.{}", below(30));
      builder.set_string(scope, builder.arena().copy(name), pick({"a", "b"}));
    }
  }

  std::mt19937_64 random_;
  int64_t begin_;
  int64_t span_nanos_;
  uint64_t times_ = 0;
  std::vector<TraceId> trace_ids_;
};

}  // namespace obelisk
