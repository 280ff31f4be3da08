// Goal: no bytes make the decoders of a part's pieces read outside their memory or take memory without bound.
// Checksums are below these decoders (a page that fails its checksum never reaches them), so the pieces are
// fed directly; whole files too, for the footer.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "env/fault_disk.h"
#include "storage/embedded/metrics/head_samples.h"
#include "storage/embedded/metrics/histogram_block.h"
#include "storage/embedded/metrics/metadata_rows.h"
#include "storage/embedded/metrics/metric_inspect.h"
#include "storage/embedded/metrics/metric_part_build.h"

namespace {

using namespace obelisk;

std::string example_file() {
  BatchBuilder builder(Table::samples);
  for (int series = 0; series < 5; ++series) {
    Labels labels{{"__name__", "up"}, {"instance", "host" + std::to_string(series)}};
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    for (int64_t i = 0; i < 150; ++i) {
      builder.add_row({i * kNanosPerMilli});
      builder.set_float(Scope::fixed, column::kValue, static_cast<double>(i * series));
    }
  }
  auto head = std::make_shared<MetricHead>();
  Batch batch = builder.finish();
  std::vector<uint32_t> numbers;
  head->index()->resolve(batch.groups, numbers);
  head->append(batch, numbers);
  auto metadata = std::make_shared<MetadataRows>();
  metadata->add_row(std::string("\0\0", 2), 1, 2);
  FaultDisk disk;
  OBELISK_ASSERT(disk.create_directories("p").ok());
  auto file = disk.open("p/x", Disk::Mode::create_new);
  OBELISK_ASSERT(write_part_of_heads(
                     **file, {{head, metadata, 1, 1, head->index()->pair_count(), head->index()->ranks()}})
                     .ok());
  return *read_file(disk, "p/x", 1 << 20);
}

PartDirectory example_directory() {
  PartDirectory directory;
  directory.data_pages = {{16, 4000}, {4016, 4000}};
  directory.time_pages = {{{8016, 100}, 0}};
  directory.time_column_count = 3;
  directory.names = {{"__name__", 0, 1, 0}, {"job", 1, 2, 1}};
  directory.value_pages = {{{9000, 50}, "up"}, {{9050, 50}, "api"}};
  directory.pair_count = 3;
  directory.series_pages = {{{9100, 100}, 0}};
  directory.series_count = 2;
  directory.metadata = {9200, 20};
  return directory;
}

SeriesPage example_series_page() {
  SeriesPage page;
  page.label_ids = {0, 1, 0, 2};
  page.blocks = {{false, 120, 0, 119'000'000, 0, kNoColumn, 0, 0, 100},
                 {true, 4, 1'000'000, 9'000'000, 1, 2, 1, 0, 50}};
  page.series = {{0, 2, 0, 1}, {2, 2, 1, 1}};
  return page;
}

void fuzz_whole_file(const std::string& bytes) {
  FaultDisk disk;
  OBELISK_ASSERT(disk.create_directories("p").ok());
  auto file = disk.open("p/x", Disk::Mode::create_new);
  OBELISK_ASSERT((*file)->write_at(0, bytes).ok());
  (void)inspect_metric_part(disk, "p", "x");
}

}  // namespace

// The first byte chooses the decoder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Arena arena;
  switch (data[0] % 8) {
    case 0:
      (void)decode_part_directory(bytes, 10'000);
      break;
    case 1: {
      static const PartDirectory directory = example_directory();
      auto page = decode_series_page(bytes, directory);
      if (page.ok()) (void)encode_series_page(*page).size();
      break;
    }
    case 2:
      (void)decode_value_page(bytes, 100);
      break;
    case 3:
      (void)decode_time_page(bytes);
      break;
    case 4: {
      MetadataRows rows;
      if (rows.decode(bytes).ok()) (void)rows.to_batch(TimeRange{});
      break;
    }
    case 5: {
      std::vector<std::string_view> histograms(5);
      (void)decode_histogram_block(bytes, histograms, arena);
      break;
    }
    case 6: {
      Samples samples;
      if (bytes.size() < 4096) (void)decode_head_records(bytes, true, samples, arena);
      break;
    }
    default:
      fuzz_whole_file(bytes);
  }
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  auto add = [&](char kind, const std::string& bytes) { seeds.push_back(kind + bytes); };
  add(0, encode_part_directory(example_directory()));
  add(1, encode_series_page(example_series_page()));
  add(2, encode_value_page({{"alpha", 1, 7, 0}, {"alpine", 9, 500, 20}, {"beta", 3, 520, 12}}));
  add(3, encode_time_page({"one", "column", "more"}));
  MetadataRows rows;
  BatchBuilder builder(Table::metadata);
  Labels labels{{"job", "x"}};
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  builder.add_row({5});
  builder.set_string(Scope::fixed, column::kMetricFamily, "up");
  builder.set_float(Scope::attribute, "weight", 1.5);
  builder.set_int(Scope::attribute, "flag", 1, ColumnType::boolean);
  rows.add(builder.finish());
  add(4, rows.encode());
  std::string histograms;
  std::vector<std::string_view> list{"opaque", "bytes", "a", "b", "c"};
  encode_histogram_block(list, histograms);
  add(5, histograms);
  HeadSamples samples;
  Arena arena;
  for (int64_t i = 0; i < 40; ++i) samples.add(i, static_cast<double>(i), i % 3, arena);
  samples.add_histogram(50, "x", 0, arena);
  std::string records;
  samples.copy_to(INT64_MIN, INT64_MAX, records);
  add(6, records);
  add(7, example_file());
  return seeds;
}
