// Protobuf pages become rows: native histograms, their exemplars and start times, and what the settings make
// of them.
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "collect/scrape/target_series.h"
#include "model/histogram.h"

namespace obelisk::scrape {
namespace {

using Writer = protozero::pbf_writer;

std::string timestamp(int64_t seconds) {
  std::string out;
  Writer(out).add_int64(1, seconds);
  return out;
}

std::string exemplar(const char* trace_id, int64_t seconds) {
  std::string label, out;
  Writer(label).add_string(1, "trace_id");
  Writer(label).add_string(2, trace_id);
  Writer(out).add_message(1, label);
  Writer(out).add_double(2, 0.5);
  Writer(out).add_message(3, timestamp(seconds));
  return out;
}

// A page with one histogram that has both forms.
std::string page_with(std::initializer_list<std::string> exemplars) {
  std::string span, bucket, histogram, metric, family, page;
  Writer(span).add_uint32(2, 2);
  Writer(bucket).add_uint64(1, 1);
  Writer(bucket).add_double(2, 1);
  Writer writer(histogram);
  writer.add_uint64(1, 3);
  writer.add_double(2, 4.5);
  writer.add_message(3, bucket);
  writer.add_sint32(5, 2);
  writer.add_double(6, 1e-9);
  writer.add_message(12, span);
  writer.add_sint64(13, 1);
  writer.add_sint64(13, 1);
  writer.add_message(15, timestamp(50));
  for (const std::string& one : exemplars) writer.add_message(16, one);
  Writer(metric).add_message(7, histogram);
  Writer(family).add_string(1, "h");
  Writer(family).add_enum(3, 4);
  Writer(family).add_message(4, metric);
  protozero::write_varint(std::back_inserter(page), family.size());
  return page + family;
}

std::vector<Batch> accept(TargetSeries& series, const std::string& page, int64_t seconds) {
  ScrapeReport report;
  Result<std::vector<Batch>> batches = series.accept_page(ExpositionFormat::prometheus_protobuf, page,
                                                          UnixNanos{seconds * kNanosPerSecond}, report);
  EXPECT_TRUE(batches.ok()) << batches.error().to_string();
  return batches.ok() ? std::move(*batches) : std::vector<Batch>();
}

const Batch* table_of(const std::vector<Batch>& batches, Table table) {
  for (const Batch& batch : batches) {
    if (batch.table == table) return &batch;
  }
  return nullptr;
}

TEST(ProtobufPage, NativeHistogramsAndNewExemplars) {
  TargetSeries series(Labels{{"job", "shop"}});
  PageSettings settings;
  series.set_settings(settings);
  std::vector<Batch> first = accept(series, page_with({exemplar("a", 10), exemplar("b", 20)}), 100);
  const Batch* samples = table_of(first, Table::samples);
  ASSERT_NE(samples, nullptr);
  ASSERT_TRUE(samples->check().ok());
  ASSERT_EQ(samples->row_count, 1u);
  EXPECT_EQ(Labels(samples->groups[0].labels).to_string(), R"(h{job="shop"})");
  Result<Histogram> histogram = decode_histogram(samples->find_fixed(column::kHistogram)->strings.at(0));
  ASSERT_TRUE(histogram.ok());
  EXPECT_EQ(histogram->positive_counts, (std::vector<double>{1, 2}));
  EXPECT_EQ(samples->find_fixed(column::kStartTime)->ints.at(0), 50 * kNanosPerSecond);
  ASSERT_NE(table_of(first, Table::exemplars), nullptr);
  EXPECT_EQ(table_of(first, Table::exemplars)->row_count, 2u);
  // Of the next page only the exemplar that was not there before.
  std::vector<Batch> second = accept(series, page_with({exemplar("b", 20), exemplar("c", 30)}), 115);
  ASSERT_NE(table_of(second, Table::exemplars), nullptr);
  EXPECT_EQ(table_of(second, Table::exemplars)->row_count, 1u);
  EXPECT_EQ(table_of(second, Table::exemplars)->times().at(0), 30 * kNanosPerSecond);
  // A histogram that is gone ends with a stale marker.
  std::vector<Batch> third = accept(series, "", 130);
  const Batch* ended = table_of(third, Table::samples);
  ASSERT_NE(ended, nullptr);
  EXPECT_TRUE(obelisk::is_stale_marker(ended->find_fixed(column::kValue)->floats.at(0)));
}

TEST(ProtobufPage, SettingsChooseTheForm) {
  auto rows = [](const PageSettings& settings) {
    TargetSeries series(Labels{{"job", "shop"}});
    series.set_settings(settings);
    std::vector<Batch> batches = accept(series, page_with({}), 100);
    const Batch* samples = table_of(batches, Table::samples);
    return samples == nullptr ? size_t{0} : samples->row_count;
  };
  PageSettings settings;
  EXPECT_EQ(rows(settings), 1u);
  settings.exposition.always_classic = true;
  EXPECT_EQ(rows(settings), 5u) << "count, sum, two buckets and the native form";
  settings.exposition = {};
  settings.exposition.native_histograms = false;
  EXPECT_EQ(rows(settings), 4u);
  settings.exposition.classic_to_custom_bounds = true;
  EXPECT_EQ(rows(settings), 1u) << "as custom bounds";
}

}  // namespace
}  // namespace obelisk::scrape
