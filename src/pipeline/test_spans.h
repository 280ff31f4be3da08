#pragma once
// Batches of spans written down shortly, for tests. Not part of the server.
#include <string>
#include <utility>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

inline constexpr UnixNanos kStart{1'700'000'000 * kNanosPerSecond};

struct Span {
  uint8_t trace = 1;
  uint64_t id = 1;
  uint64_t parent = 0;
  std::string service = "shop";
  std::string name = "POST /orders";
  int64_t kind = 2;  // server
  int64_t duration_ms = 100;
  int64_t status = 0;
  std::vector<std::pair<std::string, std::string>> attributes = {};
  std::vector<std::pair<std::string, std::string>> resource = {};
  std::vector<std::pair<std::string, double>> numbers = {};  // attributes of the span
  int64_t offset_ms = 0;                                     // of the start
  std::string trace_state = {};
  std::string status_message = {};
};
inline constexpr int64_t kServer = 2;
inline constexpr int64_t kClient = 3;
inline constexpr int64_t kProducer = 4;
inline constexpr int64_t kConsumer = 5;
inline constexpr int64_t kError = 2;

inline TraceId trace_id(uint8_t number) {
  TraceId id;
  id.bytes[15] = number;
  return id;
}

inline Batch batch_of(const std::vector<Span>& spans) {
  BatchBuilder rows(Table::spans);
  auto copy = [&](std::string_view text) { return rows.arena().copy(text); };
  for (const Span& span : spans) {
    rows.add_row(kStart + span.offset_ms * kNanosPerMilli);
    rows.set_trace_id(Scope::fixed, column::kTraceId, trace_id(span.trace));
    rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span.id));
    if (span.parent != 0)
      rows.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(span.parent));
    rows.set_string(Scope::fixed, column::kName, copy(span.name));
    rows.set_int(Scope::fixed, column::kKind, span.kind);
    rows.set_int(Scope::fixed, column::kDuration, span.duration_ms * kNanosPerMilli);
    if (span.status != 0) rows.set_int(Scope::fixed, column::kStatusCode, span.status);
    if (!span.service.empty()) rows.set_string(Scope::resource, "service.name", copy(span.service));
    for (const auto& [name, value] : span.attributes) rows.set_string(Scope::attribute, name, copy(value));
    for (const auto& [name, value] : span.resource) rows.set_string(Scope::resource, name, copy(value));
    for (const auto& [name, value] : span.numbers) rows.set_float(Scope::attribute, name, value);
    if (!span.trace_state.empty()) rows.set_string(Scope::fixed, column::kTraceState, copy(span.trace_state));
    if (!span.status_message.empty())
      rows.set_string(Scope::fixed, column::kStatusMessage, copy(span.status_message));
  }
  return rows.finish();
}

}  // namespace obelisk
