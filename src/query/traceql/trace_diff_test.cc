// Goal: two traces written down, and what is found to be the same, changed, added, removed and moved; and
// traces with their repetitions put together.
#include "query/traceql/trace_diff.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/core/attribute_columns.h"
#include "query/traceql/test_traces.h"
#include "query/traceql/trace_prune.h"
#include "query/traceql/trace_rows.h"

namespace obelisk::traceql {
namespace {

std::vector<BatchPtr> trace(const std::string& text) {
  return {std::make_shared<const Batch>(test_batch("trace 1\n" + text))};
}

std::string_view letter(DiffState state) {
  switch (state) {
    case DiffState::same:
      return "=";
    case DiffState::modified:
      return "~";
    case DiffState::added:
      return "+";
    case DiffState::removed:
      return "-";
  }
  return "";
}

std::string_view what(DiffChange::Of of) {
  constexpr std::string_view kNames[] = {"duration", "status", "attribute", "event", "parent"};
  return kNames[static_cast<size_t>(of)];
}

// A line a span: its state and name, indented by depth, and what changed.
std::string compared(const std::string& base, const std::string& compare) {
  Result<TraceDiff> diff = diff_traces(trace(base), trace(compare));
  EXPECT_TRUE(diff.ok());
  std::string out;
  for (const DiffNode& node : diff->nodes) {
    bool in_base = node.base != kNoSpan;
    out += fmt::format("{}{}{}", std::string(node.depth, ' '), letter(node.state),
                       in_base ? diff->base.name(node.base) : diff->compare.name(node.compare));
    for (const DiffChange& change : node.changes)
      out += fmt::format(" {}{}{}", what(change.of), change.name.empty() ? "" : ":", change.name);
    out += "\n";
  }
  return out;
}

TEST(TraceDiff, WhatIsTheSameIsTheSame) {
  const char* kText = "  a shop A 0s 1s\n    b shop B 1ms 5ms span.x=1\n    c pay C 2ms 5ms\n";
  EXPECT_EQ(compared(kText, kText), "=A\n =B\n =C\n");
}

TEST(TraceDiff, ChangesOfDurationStatusAttributesAndEvents) {
  EXPECT_EQ(
      compared("  a shop A 0s 1s span.gone=1 span.kept=\"x\" span.body.size=100\n    b shop B 0s 1ms\n",
               "  a shop A 0s 2s error span.kept=\"y\" span.new=true span.body.size=103 event:retry@1ms\n"
               "    b shop B 0s 1500us\n"),
      "~A duration status attribute:gone attribute:kept attribute:new event:retry\n =B\n");
}

TEST(TraceDiff, SpansThatAreThereOnce) {
  EXPECT_EQ(compared("  a shop A 0s 1s\n    b shop B 1ms 5ms\n      c shop C 2ms 1ms\n    d shop D 9ms 1ms\n",
                     "  a shop A 0s 1s\n    d shop D 1ms 1ms\n    e shop E 5ms 1ms\n    d2 shop D 9ms 1ms\n"),
            "=A\n -B\n  -C\n =D\n +E\n +D\n");
}

TEST(TraceDiff, AnInsertedParentMovesItsSubtree) {
  EXPECT_EQ(
      compared("  a shop A 0s 1s\n    b shop B 1ms 5ms\n      c shop C 2ms 1ms\n",
               "  a shop A 0s 1s\n    m mesh M 1ms 6ms\n      b shop B 1ms 5ms\n        c shop C 2ms 1ms\n"),
      "=A\n ~B parent\n  =C\n +M\n");
}

TEST(TraceDiff, RepetitionsAreMatchedInOrderAndSaid) {
  Result<TraceDiff> diff =
      diff_traces(trace("  a shop A 0s 1s\n    b shop B 1ms 5ms\n    c shop B 2ms 5ms\n"),
                  trace("  a shop A 0s 1s\n    b shop B 1ms 5ms\n"));
  ASSERT_TRUE(diff.ok());
  EXPECT_EQ(diff->ambiguous, 1u);
  EXPECT_EQ(diff->nodes.back().state, DiffState::removed);
  EXPECT_EQ(diff->base.path(diff->nodes.back().base), (std::vector<uint32_t>{0, 1}));
}

// "name xCOUNT" of each span of a pruned trace in tree order; x1 is left out.
std::string pruned(const std::string& text, const TracePruning& pruning) {
  std::vector<BatchPtr> spans = prune_trace(pruning, trace(text));
  EXPECT_EQ(spans.size(), 1u);
  const Batch& batch = *spans[0];
  EXPECT_TRUE(batch.check().ok());
  TraceTree tree(batch, whole_batch(batch));
  tree.link();
  AttributeColumns counts(batch, "aggregation.span_count");
  std::vector<uint32_t> depths(tree.span_count(), 0);
  std::string out;
  for (uint32_t span : tree.preorder()) {
    if (tree.parent(span) != kNoSpan) depths[span] = depths[tree.parent(span)] + 1;
    uint32_t row = tree.row(span);
    std::string count = counts.first_of(row);
    out += fmt::format("{}{}{}\n", std::string(depths[span], ' '),
                       batch.find_fixed(column::kName)->strings[row], count.empty() ? "" : " x" + count);
  }
  return out;
}

TEST(TracePrune, LeavesAlikeBecomeOneSummary) {
  std::string text = "  a shop A 0s 1s\n";
  for (int i = 0; i < 6; ++i)
    text += fmt::format("    q{} db query {}ms {}ms span.db.table=\"t{}\"\n", i, i, i + 1, i % 2);
  text += "    e db query 20ms 1ms error\n    z db other 30ms 1ms\n";
  EXPECT_EQ(pruned(text, {}), "A\n query x6\n query\n other\n");
  EXPECT_EQ(pruned(text, {.group_by = {"db.*"}, .min_spans = 3}),
            "A\n query x3\n query x3\n query\n other\n");
  EXPECT_EQ(pruned(text, {.min_spans = 7}).size(),
            text.size() > 0 ? pruned(text, {.min_spans = 100}).size() : 0);
  std::vector<BatchPtr> spans = prune_trace({}, trace(text));
  const Batch& batch = *spans[0];
  for (uint32_t row = 0; row < batch.row_count; ++row) {
    const ColumnData* summary = batch.find({Scope::attribute, "aggregation.is_summary"}, ColumnType::boolean);
    ASSERT_NE(summary, nullptr);
    if (!summary->is_present(row)) continue;
    EXPECT_EQ(batch.find_fixed(column::kDuration)->ints[row], 11 * kNanosPerMilli);  // from 0 to 5 + 6 ms
    AttributeColumns shortest(batch, "aggregation.duration_min_ns"),
        longest(batch, "aggregation.duration_max_ns"), mean(batch, "aggregation.duration_avg_ns"),
        total(batch, "aggregation.duration_total_ns");
    EXPECT_EQ(shortest.first_of(row), "1000000");
    EXPECT_EQ(longest.first_of(row), "6000000");
    EXPECT_EQ(mean.first_of(row), "3500000");
    EXPECT_EQ(total.first_of(row), "21000000");
    EXPECT_EQ(SpanId{static_cast<uint64_t>(batch.find_fixed(column::kSpanId)->ints[row])}.to_hex().substr(12),
              "7135")
        << "the slowest one's id: q5";
  }
}

TEST(TracePrune, ParentsWithLikeChildrenAsDeepAsAsked) {
  std::string text = "  a shop A 0s 1s\n";
  for (int i = 0; i < 5; ++i)
    text +=
        fmt::format("    p{} shop page {}ms 5ms\n      h{} web http {}ms 2ms\n      g{} web http {}ms 2ms\n",
                    i, i, i, i, i, i);
  EXPECT_EQ(pruned(text, {}), "A\n page x5\n  http x10\n");
  std::string leaves_only = pruned(text, {.max_parent_depth = 0});
  EXPECT_EQ(leaves_only.find("page x"), std::string::npos) << leaves_only;
  EXPECT_EQ(leaves_only.find("http x"), std::string::npos) << "two each are too few";
  EXPECT_EQ(pruned(text, {.min_spans = 2, .max_parent_depth = 0}).find("A\n page\n  http x2\n"), 0u);
  EXPECT_EQ(pruned(text, {.max_parent_depth = -1}), "A\n page x5\n  http x10\n");
}

}  // namespace
}  // namespace obelisk::traceql
