// Which traces a scan by trace puts together. Method: random traces whose tree is known, in the head and in
// parts; what the store returns is compared with a walk over the trees.
#include "storage/embedded/events/trace_candidates.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "env/fault_disk.h"
#include "storage/embedded/events/event_scan.h"
#include "storage/embedded/events/event_store.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;

struct Span {
  int64_t id = 0;
  int parent = -1;  // index in its trace
  std::string service;
};
struct Trace {
  TraceId id;
  int64_t begin = 0;
  std::vector<Span> spans;
};

class TraceCandidatesTest : public testing::Test {
 protected:
  TraceCandidatesTest() {
    EventStoreOptions options;
    options.row_groups.span_rows = 100;
    options.merge.parts_min = 2;
    store_ = std::move(*EventStore::open(disk_, "events", options, {}));
  }

  Trace make_trace() {
    Trace trace;
    for (uint8_t& byte : trace.id.bytes) byte = static_cast<uint8_t>(random_());
    trace.begin = kBegin + static_cast<int64_t>(random_() % 60'000) * 1'000'000;
    size_t count = 1 + random_() % 12;
    for (size_t i = 0; i < count; ++i) {
      Span span;
      span.id = static_cast<int64_t>(random_() | 1);
      span.parent = i == 0 ? -1 : static_cast<int>(random_() % i);
      span.service = std::string(1, "abcdef"[random_() % 6]);
      trace.spans.push_back(span);
    }
    return trace;
  }

  void write(const std::vector<Trace>& traces) {
    BatchBuilder rows(Table::spans);
    for (const Trace& trace : traces) {
      for (size_t i = 0; i < trace.spans.size(); ++i) {
        const Span& span = trace.spans[i];
        rows.add_row({trace.begin + static_cast<int64_t>(i) * 1000});
        rows.set_trace_id(Scope::fixed, column::kTraceId, trace.id);
        rows.set_int(Scope::fixed, column::kSpanId, span.id);
        if (span.parent >= 0)
          rows.set_int(Scope::fixed, column::kParentSpanId, trace.spans[static_cast<size_t>(span.parent)].id);
        rows.set_string(Scope::resource, "service.name", rows.arena().copy(span.service));
      }
    }
    store_->apply(std::make_shared<const Batch>(rows.finish()), ++sequence_);
    store_->settle(sequence_);
    traces_.insert(traces_.end(), traces.begin(), traces.end());
  }

  void flush() {
    auto change = store_->flush(sequence_);
    ASSERT_TRUE(change.ok());
    store_->commit(*change);
  }

  static Expr service_is(const char* name) {
    return Expr::compare({Scope::resource, "service.name"}, CompareOp::equal, std::string(name));
  }

  static bool related(const Trace& trace, const std::string& upper, const std::string& lower, bool direct) {
    for (const Span& span : trace.spans) {
      if (span.service != lower) continue;
      for (int at = span.parent; at >= 0; at = trace.spans[static_cast<size_t>(at)].parent) {
        if (trace.spans[static_cast<size_t>(at)].service == upper) return true;
        if (direct) break;
      }
    }
    return false;
  }

  std::unique_ptr<Cursor> open(const Scan& scan) {
    return std::move(*open_event_scan(store_->view(sequence_), scan, budget_, cancel_));
  }

  std::set<std::string> ids_of(const Scan& scan) {
    std::set<std::string> ids;
    auto cursor = open(scan);
    for (;;) {
      auto batch = cursor->next();
      EXPECT_TRUE(batch.ok());
      if (!*batch) return ids;
      const ColumnData* data = (*batch)->find_fixed(column::kTraceId);
      for (const Group& group : (*batch)->groups)
        EXPECT_TRUE(ids.insert(data->trace_ids[group.first_row].to_hex()).second);
    }
  }

  FaultDisk disk_;
  std::unique_ptr<EventStore> store_;
  uint64_t sequence_ = 0;
  std::vector<Trace> traces_;
  std::mt19937_64 random_{17};
  Budget budget_;
  Cancel cancel_;
};

TEST_F(TraceCandidatesTest, RelationsLeaveOutExactlyTheOthersInParts) {
  for (int round = 0; round < 4; ++round) {
    std::vector<Trace> traces;
    for (int i = 0; i < 120; ++i) traces.push_back(make_trace());
    write(traces);
    flush();
    if (round == 2) {
      auto merged = store_->merge();
      ASSERT_TRUE(merged.ok() && *merged);
      store_->commit(**merged);
    }
  }
  size_t expected_count = 0;
  for (bool direct : {false, true}) {
    for (const char* upper : {"a", "b", "c"}) {
      for (const char* lower : {"c", "d", "e"}) {
        Scan scan;
        scan.table = Table::spans;
        scan.unit = Unit::trace;
        scan.marks = {service_is(upper), service_is(lower)};
        scan.require_marks = {0, 1};
        scan.require_relations = {
            {direct ? TraceRelation::Kind::child : TraceRelation::Kind::descendant, 0, 1}};
        std::set<std::string> expected;
        for (const Trace& trace : traces_) {
          if (related(trace, upper, lower, direct)) expected.insert(trace.id.to_hex());
        }
        expected_count += expected.size();
        EXPECT_EQ(ids_of(scan), expected) << upper << (direct ? " > " : " >> ") << lower;
      }
    }
  }
  EXPECT_GT(expected_count, 100u);
}

TEST_F(TraceCandidatesTest, WhatIsInTheHeadOrInPiecesIsNotLeftOut) {
  std::vector<Trace> pieces;
  for (int i = 0; i < 50; ++i) pieces.push_back(make_trace());
  std::vector<Trace> late = pieces;
  for (size_t i = 0; i < pieces.size(); ++i) {  // the first span of each comes after a flush
    late[i].spans.resize(1);
  }
  std::vector<Trace> rest = pieces;
  BatchBuilder rows(Table::spans);
  for (const Trace& trace : rest) {
    for (size_t k = 1; k < trace.spans.size(); ++k) {
      rows.add_row({trace.begin + static_cast<int64_t>(k) * 1000});
      rows.set_trace_id(Scope::fixed, column::kTraceId, trace.id);
      rows.set_int(Scope::fixed, column::kSpanId, trace.spans[k].id);
      rows.set_int(Scope::fixed, column::kParentSpanId,
                   trace.spans[static_cast<size_t>(trace.spans[k].parent)].id);
      rows.set_string(Scope::resource, "service.name", rows.arena().copy(trace.spans[k].service));
    }
  }
  store_->apply(std::make_shared<const Batch>(rows.finish()), ++sequence_);
  flush();
  write(late);
  Scan scan;
  scan.table = Table::spans;
  scan.unit = Unit::trace;
  scan.marks = {service_is("a"), service_is("b")};
  scan.require_relations = {{TraceRelation::Kind::descendant, 0, 1}};
  std::set<std::string> found = ids_of(scan);
  size_t expected = 0;
  for (const Trace& trace : pieces) {
    if (!related(trace, "a", "b", false)) continue;
    ++expected;
    EXPECT_TRUE(found.contains(trace.id.to_hex())) << trace.id.to_hex();
  }
  EXPECT_GT(expected, 3u);
}

TEST_F(TraceCandidatesTest, TheLatestComeFirstAndTheBoundHolds) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Trace> traces;
    for (int i = 0; i < 150; ++i) traces.push_back(make_trace());
    write(traces);
    if (round < 2) flush();
  }
  Scan scan;
  scan.table = Table::spans;
  scan.unit = Unit::trace;
  scan.order = Order::time_descending;
  scan.marks = {service_is("a")};
  scan.require_marks = {0};
  std::map<std::string, int64_t> begins;
  for (const Trace& trace : traces_) {
    if (std::any_of(trace.spans.begin(), trace.spans.end(), [](auto& span) { return span.service == "a"; }))
      begins[trace.id.to_hex()] = trace.begin;
  }
  auto cursor = open(scan);
  size_t batches = 0;
  for (;;) {
    auto batch = cursor->next();
    ASSERT_TRUE(batch.ok());
    if (!*batch) break;
    ++batches;
    const ColumnData* data = (*batch)->find_fixed(column::kTraceId);
    for (const Group& group : (*batch)->groups)
      ASSERT_EQ(begins.erase(data->trace_ids[group.first_row].to_hex()), 1u);
    ASSERT_TRUE(cursor->latest_begin_left().has_value());
    for (const auto& [id, begin] : begins) EXPECT_LE(begin, *cursor->latest_begin_left());
  }
  EXPECT_TRUE(begins.empty());
  EXPECT_GT(batches, 1u);
}

}  // namespace
}  // namespace obelisk
