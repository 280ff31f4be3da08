// Limits, order, budget, cancellation and whole traces: what scripts do not say.
#include "query/traceql/engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/traceql/lowering.h"
#include "query/traceql/test_traces.h"
#include "query/traceql/validate.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

class EngineTest : public testing::Test {
 protected:
  void write(std::string_view text) {
    WriteRequest request;
    request.batches.push_back(test_batch(text));
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }
  QueryContext context() {
    return {store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget_, cancel_};
  }

  MemoryStore store_;
  Budget budget_{100 << 20};
  Cancel cancel_;
};

TEST_F(EngineTest, TheMostRecentTracesAreKept) {
  // Written oldest last, so that order of arrival and of time differ.
  for (int i = 30; i > 0; --i) write(fmt::format("trace {:x}\n  a shop A {}s 1s\n", i, i));
  Result<SearchResult> result = search(context(), "{ name = \"A\" }", {{}, 3, 3});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->traces.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(result->traces[i].id.bytes[15], 30 - i);
  EXPECT_EQ(result->statistics.traces, 30u);
  EXPECT_EQ(search(context(), "{}", {{}, 0, 3}).error().code, ErrorCode::invalid_argument);
}

TEST_F(EngineTest, SpansPerSpansetLimitsWhatIsShownNotWhatIsCounted) {
  std::string text = "trace 1\n";
  for (int i = 0; i < 10; ++i) text += fmt::format("  s{} shop A {}ms 1ms\n", i, i);
  write(text);
  Result<SearchResult> result = search(context(), "{}", {{}, 20, 4});
  ASSERT_EQ(result->traces[0].spansets[0].spans.size(), 4u);
  EXPECT_EQ(result->traces[0].spansets[0].matched, 10u);
  EXPECT_EQ(result->traces[0].root_service, "shop");
}

TEST_F(EngineTest, ATraceWithoutItsRootSaysSo) {
  write("trace 1\n  a shop A 0s 1s parent=gone\n");
  Result<SearchResult> result = search(context(), "{}", {});
  EXPECT_EQ(result->traces[0].root_service, "<root span not yet received>");
  EXPECT_EQ(result->traces[0].root_name, "");
}

TEST_F(EngineTest, CancellationEndsAQuery) {
  write("trace 1\n  a shop A 0s 1s\n");
  cancel_.cancel();
  EXPECT_EQ(search(context(), "{}", {}).error().code, ErrorCode::cancelled);
  MetricsOptions options;
  options.range = {{kTestEpoch}, {kTestEpoch + 1}};
  EXPECT_EQ(evaluate_metrics(context(), "{} | rate()", options).error().code, ErrorCode::cancelled);
}

TEST_F(EngineTest, AQueryOverItsBudgetFails) {
  std::string text = "trace 1\n";
  for (int i = 0; i < 200; ++i) text += fmt::format("  s{} shop A {}ms 1ms span.key={}\n", i, i, i);
  write(text);
  Budget small(300'000);
  QueryContext limited{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), small, cancel_};
  MetricsOptions options;
  options.range = {{kTestEpoch}, {kTestEpoch + 10'000 * kNanosPerSecond}};
  options.step = kNanosPerSecond;
  EXPECT_EQ(evaluate_metrics(limited, "{} | rate() by (span.key)", options).error().code,
            ErrorCode::too_large);
}

TEST_F(EngineTest, SeriesAndExemplarsAreBounded) {
  std::string text = "trace 1\n";
  for (int i = 0; i < 50; ++i)
    text += fmt::format("  s{} shop A {}ms {}ms span.key={}\n", i, i * 20, i + 1, i % 5);
  write(text);
  MetricsOptions options;
  options.range = {{kTestEpoch}, {kTestEpoch + kNanosPerSecond}};
  options.step = 100 * kNanosPerMilli;
  options.series_max = 2;
  options.exemplars_max = 10;
  Result<MetricsResult> result =
      evaluate_metrics(context(), "{} | max_over_time(duration) by (span.key)", options);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->series.size(), 2u);
  EXPECT_TRUE(result->partial);
  EXPECT_EQ(result->message, "2 of 5 series are shown: the answer is limited");
  EXPECT_EQ(result->series[0].exemplars.size(), 2u);  // ten for five series
  EXPECT_EQ(result->series[0].exemplars[0].trace_id.bytes[15], 1);
  options.series_max = 100;
  EXPECT_TRUE(
      evaluate_metrics(context(), "{} | rate() with(exemplars=false)", options)->series[0].exemplars.empty());
  // An exemplar of a rate lies on its curve.
  Result<MetricsResult> rate = evaluate_metrics(context(), "{} | rate()", options);
  EXPECT_EQ(rate->series[0].exemplars[0].value, rate->series[0].values[0]);
}

TEST_F(EngineTest, ComparisonsHaveExemplarsAtTheirTotals) {
  write(R"(
trace 1
  a shop A 0s 1s span.zone="x"
  b shop B 1s 1s error
trace 2
  c shop A 30s 1s
)");
  MetricsOptions options;
  options.range = {{kTestEpoch - kNanosPerSecond}, {kTestEpoch + 59 * kNanosPerSecond}};
  options.step = 30 * kNanosPerSecond;
  options.exemplars_max = 3;
  Result<MetricsResult> result = evaluate_metrics(context(), "{} | compare({ status = error })", options);
  ASSERT_TRUE(result.ok());
  std::map<std::string, std::string> found;
  for (const MetricsSeries& series : result->series) {
    std::string labels;
    for (const auto& [name, value] : series.labels) labels += name + "=" + value_text(value.view()) + " ";
    for (const MetricsExemplar& exemplar : series.exemplars)
      found[labels] += fmt::format("{}:{} ", exemplar.trace_id.bytes[15], exemplar.value);
  }
  EXPECT_EQ(found["__meta_type=baseline_total name=nil "], "1:1 2:1 ");
  EXPECT_EQ(found["__meta_type=baseline_total span.zone=nil "], "1:1 ");
  EXPECT_EQ(found["__meta_type=selection_total rootName=nil "], "1:1 ");
  EXPECT_EQ(found.size(), 7u + 6u);  // of each side, by attribute
  options.exemplars_max = 0;
  result = evaluate_metrics(context(), "{} | compare({ status = error })", options);
  for (const MetricsSeries& series : result->series) EXPECT_TRUE(series.exemplars.empty());
}

TEST_F(EngineTest, StepAndAlignment) {
  EXPECT_EQ(default_metrics_step(3600 * kNanosPerSecond), 15 * kNanosPerSecond);
  EXPECT_EQ(default_metrics_step(240 * kNanosPerSecond), kNanosPerSecond);
  EXPECT_EQ(default_metrics_step(30 * kNanosPerSecond), 100 * kNanosPerMilli);
  EXPECT_EQ(default_metrics_step(6 * 3600 * kNanosPerSecond), 60 * kNanosPerSecond);
  EXPECT_EQ(default_metrics_step(24 * 3600 * kNanosPerSecond), 300 * kNanosPerSecond);
  write("trace 1\n  a shop A 0s 1s\n");
  MetricsOptions options;
  options.range = {{kTestEpoch + 3 * kNanosPerSecond}, {kTestEpoch + 17 * kNanosPerSecond}};
  options.step = 10 * kNanosPerSecond;
  Result<MetricsResult> result = evaluate_metrics(context(), "{} | count_over_time()", options);
  EXPECT_EQ(result->first.value, kTestEpoch + 10 * kNanosPerSecond);  // a point stands at its end
  EXPECT_EQ(result->point_count, 2u);
  EXPECT_EQ(result->series[0].values, (std::vector<double>{1, 0}));
}

TEST_F(EngineTest, FetchTraceCollapsesRepeatedSpans) {
  write("trace 1\n  a shop A 0s 1s span.x=1\n    b shop B 1s 1s\ntrace 2\n  c shop C 0s 1s\n");
  write("trace 1\n  a shop A 0s 1s span.x=1\n    d shop D 2s 1s\n");
  Result<std::vector<BatchPtr>> batches = fetch_trace(context(), *TraceId::from_hex("1"));
  ASSERT_TRUE(batches.ok());
  std::string names;
  for (const BatchPtr& batch : *batches) {
    for (std::string_view name : batch->find_fixed(column::kName)->strings) names += name;
    EXPECT_TRUE(batch->check().ok());
  }
  EXPECT_EQ(names, "ABD");
  EXPECT_TRUE(fetch_trace(context(), *TraceId::from_hex("9"))->empty());
}

std::string lowered(std::string_view filter, const ArrayColumns& arrays = {}) {
  Result<Query> query = prepare(filter);
  if (!query.ok()) return query.error().message;
  Lowered result = lower_condition(*query->pipeline->stages[0].spanset->filter, arrays);
  return (result.exact ? "exact " : "wider ") + result.expr.to_string();
}

TEST(TraceqlLowering, ConditionsBecomePredicates) {
  EXPECT_EQ(lowered("{ name = \"x\" && duration > 250ms }"), "exact (name = \"x\" and duration > 250000000)");
  EXPECT_EQ(lowered("{ span.a = 1 || resource.b =~ \"x.*\" }"),
            "exact (attribute.a = 1 or resource.b =~ x.*)");
  EXPECT_EQ(lowered("{ 250ms < duration }"), "exact duration > 250000000");
  EXPECT_EQ(lowered("{ .a = 1 }"), "exact (attribute.a = 1 or (not exists attribute.a and resource.a = 1))");
  EXPECT_EQ(lowered("{ status != error }"), "exact not status_code = 2");
  EXPECT_EQ(lowered("{ span.a + 1 = 2 && name = \"x\" }"), "wider name = \"x\"");
  EXPECT_EQ(lowered("{ span.a + 1 = 2 || name = \"x\" }"), "wider true");
  EXPECT_EQ(lowered("{ !(span.a + 1 = 2) }"), "wider true");
  EXPECT_EQ(lowered("{ event:name = \"x\" }"), "exact event_names = \"x\"");
  EXPECT_EQ(lowered("{ event.a != nil && link.b > 1 }"), "exact (exists event.a and link.b > 1)");
  EXPECT_EQ(lowered("{ event:timeSinceStart > 2ms }"), "exact event_times > 2000000");
  EXPECT_EQ(lowered("{ true }"), "exact true");
  EXPECT_EQ(lowered("{ false }"), "exact false");
  ArrayColumns arrays({{{Scope::attribute, "a"}, ColumnType::any}});
  EXPECT_EQ(lowered("{ span.a = 1 }", arrays), "wider (attribute.a = 1 or exists attribute.a of type any)");
}

std::string required(std::string_view text) {
  Result<Query> query = prepare(text);
  if (!query.ok()) return query.error().message;
  std::vector<Lowered> leaves(query->leaf_count);
  std::string names = "abcdef";
  for (size_t i = 0; i < leaves.size(); ++i) leaves[i].expr = Expr::exists(fixed_column(names.substr(i, 1)));
  std::string out;
  for (const Expr& expr : required_in_trace(*query->pipeline, leaves))
    out += (out.empty() ? "" : ", ") + expr.to_string();
  return out;
}

TEST(TraceqlLowering, WhatATraceMustHold) {
  EXPECT_EQ(required("{ .a = 1 } >> { .b = 1 }"), "exists a, exists b");
  EXPECT_EQ(required("{ .a = 1 } !>> { .b = 1 }"), "exists b");
  EXPECT_EQ(required("{ .a = 1 } && ({ .b = 1 } || { .c = 1 })"), "exists a, (exists b or exists c)");
  EXPECT_EQ(required("{ .a = 1 } | count() > 1 | { .b = 1 }"), "exists a, exists b");
  EXPECT_EQ(required("({ .a = 1 } | count() > 1) &> { .b = 1 }"), "exists a, exists b");
}

}  // namespace
}  // namespace obelisk::traceql
