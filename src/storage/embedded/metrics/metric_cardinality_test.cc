// Goal: the report counts every series once, whatever holds it (head, frozen head, parts, or several of
// them).
#include <gtest/gtest.h>

#include "env/fault_disk.h"
#include "storage/embedded/metrics/metric_store.h"

namespace obelisk {
namespace {

void write(MetricStore& store, uint64_t sequence, int pods, int64_t time) {
  BatchBuilder rows(Table::samples);
  for (int pod = 0; pod < pods; ++pod) {
    Labels labels{{"__name__", pod % 2 == 0 ? "even" : "odd"}, {"job", "api"}, {"pod", std::to_string(pod)}};
    rows.begin_group_copy(labels.view());
    rows.add_row({time});
    rows.set_float(Scope::fixed, column::kValue, pod);
  }
  store.apply(std::make_shared<const Batch>(rows.finish()), sequence);
}

CardinalityReport report_of(const MetricStore& store, const CardinalityQuery& query) {
  Cancel cancel;
  auto report = store.cardinality(query, cancel);
  EXPECT_TRUE(report.ok()) << report.error().to_string();
  return *report;
}

TEST(MetricCardinality, CountsSeriesOfPartsAndHeads) {
  FaultDisk disk;
  auto store = std::move(*MetricStore::open(disk, "m", {}, {}));
  CardinalityQuery query;
  EXPECT_EQ(report_of(*store, query).series, 0u);
  write(*store, 1, 10, 1000);
  store->commit(*store->flush());
  write(*store, 2, 15, 2000);
  store->commit(*store->flush());
  write(*store, 3, 11, 3000);
  CardinalityReport report = report_of(*store, query);
  EXPECT_EQ(report.series, 15u);
  EXPECT_EQ(report.samples, 36u);
  EXPECT_EQ(report.label_pairs, 2u + 1 + 15);
  EXPECT_EQ(report.first_seen.value, 1000);
  EXPECT_EQ(report.last_seen.value, 3000);
  ASSERT_EQ(report.groups.size(), 2u);
  EXPECT_EQ(report.groups[0].values, std::vector<std::string>{"even"});
  EXPECT_EQ(report.groups[0].series, 8u);
  EXPECT_GT(report.groups[0].bytes, 0u);
  EXPECT_EQ(report.groups[1].series, 7u);
  ASSERT_EQ(report.names.size(), 3u);
  EXPECT_EQ(report.names[0].name, "pod");
  EXPECT_EQ(report.names[0].values, 15u);
  EXPECT_EQ(report.names[0].text_bytes, 10u + 5 * 2);
  EXPECT_EQ(report.pairs[0].value, "api");
  EXPECT_EQ(report.pairs[0].series, 15u);

  query.range = {{1500}, {2500}};
  query.by = {"job", "missing"};
  query.limit = 1;
  report = report_of(*store, query);
  EXPECT_EQ(report.series, 15u);
  EXPECT_EQ(report.groups[0].values, (std::vector<std::string>{"api", ""}));
  EXPECT_EQ(report.names.size(), 1u);
  query.where = Expr::compare(label_column("pod"), CompareOp::equal, std::string("14"));
  EXPECT_EQ(report_of(*store, query).series, 1u);
}

}  // namespace
}  // namespace obelisk
