// Protobuf pages become rows: native histograms, their exemplars and start times, and what the settings make
// of them.
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "collect/scrape/batch_lines_test.h"
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

struct PageWriter {
  uint32_t state = 11;
  uint32_t random(uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  }

  std::string label(const char* name, const std::string& value) {
    std::string out;
    Writer(out).add_string(1, name);
    Writer(out).add_string(2, value);
    return out;
  }

  // A counter, gauge or untyped metric with whatever may stand in one.
  std::string metric(int32_t type, uint32_t number) {
    static constexpr uint32_t kFields[] = {3, 2, 0, 5};
    std::string value, out;
    if (random(8) != 0) Writer(value).add_double(1, random(2) == 0 ? random(5) : 0.1 * random(100));
    if (type == 0 && random(6) == 0) Writer(value).add_message(2, exemplar("a", 1 + random(3)));
    if (type == 0 && random(3) == 0) Writer(value).add_message(3, timestamp(40 + random(2)));
    bool late_label = random(12) == 0;
    if (number > 0) Writer(out).add_message(1, label("n", std::to_string(number)));
    if (random(10) == 0) Writer(out).add_message(1, label("empty", ""));
    if (!late_label) Writer(out).add_message(1, label("x", "1"));
    Writer(out).add_message(kFields[type], value);
    if (late_label) Writer(out).add_message(1, label("x", "1"));
    if (random(6) == 0) Writer(out).add_int64(6, 1'000 * random(90));
    return out;
  }

  std::string page() {
    std::string page;
    for (int32_t type : {0, 1, 3, 4}) {
      if (random(8) == 0) continue;
      std::string family;
      Writer(family).add_string(1, "family_" + std::to_string(type));
      if (random(2) == 0) Writer(family).add_string(2, "help " + std::to_string(random(20) / 19));
      Writer(family).add_enum(3, type);
      if (type == 4) {
        std::string one = page_with({exemplar("a", 10 + random(3))});
        page += one;
        continue;
      }
      for (uint32_t number = 0; number < 6; ++number) {
        if (random(4) != 0) Writer(family).add_message(4, metric(type, number));
      }
      if (random(3) == 0) Writer(family).add_string(5, "seconds");
      protozero::write_varint(std::back_inserter(page), family.size());
      page += family;
    }
    return page;
  }
};

// Goal: a page whose series are known says the same as one that is parsed as a whole. Method: random pages,
// beside a target that forgets its spellings before each.
TEST(ProtobufPage, KnownMetricsSayTheSameAsUnknownOnes) {
  PageWriter writer;
  TargetSeries known(Labels{{"job", "shop"}, {"x", "own"}});
  TargetSeries plain(Labels{{"job", "shop"}, {"x", "own"}});
  for (int page_number = 1; page_number <= 600; ++page_number) {
    std::string page = writer.page();
    PageSettings settings;
    settings.sample_limit = page_number % 2 == 0 ? 1'000'000 : 0;
    plain.set_settings(settings);
    UnixNanos now{page_number * kNanosPerSecond};
    ScrapeReport expected_report, report;
    auto expected = plain.accept_page(ExpositionFormat::prometheus_protobuf, page, now, expected_report);
    auto got = known.accept_page(ExpositionFormat::prometheus_protobuf, page, now, report);
    ASSERT_TRUE(expected.ok()) << expected.error().to_string();
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    for (Table table : {Table::samples, Table::metadata, Table::exemplars})
      ASSERT_EQ(lines_of(*got, table), lines_of(*expected, table)) << "page " << page_number;
    EXPECT_EQ(report.samples_scraped, expected_report.samples_scraped);
    EXPECT_EQ(report.samples_kept, expected_report.samples_kept);
  }
}

// Goal: a page that is cut or damaged is refused as if nothing of it were known.
TEST(ProtobufPage, DamagedPagesAreRefusedTheSame) {
  PageWriter writer;
  std::string page = writer.page();
  TargetSeries known(Labels{{"job", "shop"}});
  accept(known, page, 100);
  for (size_t cut = 0; cut < page.size(); ++cut) {
    for (bool damaged : {false, true}) {
      std::string odd = damaged ? page : page.substr(0, cut);
      if (damaged) odd[cut] = static_cast<char>(odd[cut] ^ 0x55);
      ScrapeReport report;
      TargetSeries fresh(Labels{{"job", "shop"}});
      UnixNanos now{200 * kNanosPerSecond};
      auto expected = fresh.accept_page(ExpositionFormat::prometheus_protobuf, odd, now, report);
      auto got = known.accept_page(ExpositionFormat::prometheus_protobuf, odd, now, report);
      ASSERT_EQ(got.ok(), expected.ok()) << "at " << cut << (damaged ? " damaged" : " cut");
      if (!got.ok()) {
        EXPECT_EQ(got.error().to_string(), expected.error().to_string());
      }
    }
  }
}

}  // namespace
}  // namespace obelisk::scrape
