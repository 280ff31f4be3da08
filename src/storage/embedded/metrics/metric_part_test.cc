// Goal: a part answers what was written; every damaged byte is found, with file and offset; cut files and
// other versions are refused; docs/formats/metric_part.md describes what the code does.
#include "storage/embedded/metrics/metric_part.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/text.h"
#include "codec/checksum.h"
#include "env/fault_disk.h"
#include "model/histogram.h"
#include "storage/embedded/metrics/metric_inspect.h"
#include "storage/embedded/metrics/metric_part_writer.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {
namespace {

constexpr int64_t kStart = 1'714'718'277'000'000'000;

// The part that the format document shows: two series of one target, one metadata row.
void write_example(File& file) {
  std::vector<LabelRef> pairs{{"__name__", "up"}, {"job", "api"}, {"job", "db"}};
  MetricPartWriter writer(file, pairs, 7, 9);
  Samples samples;
  BlockEncoder encoder;
  for (int job = 1; job <= 2; ++job) {
    samples.clear();
    for (int i = 0; i < 4; ++i) samples.add(kStart + i * 15 * kNanosPerSecond, i == 2 ? job - 1 : job, 0);
    std::vector<LabelRef> labels{pairs[0], pairs[static_cast<size_t>(job)]};
    writer.begin_series(labels);
    ASSERT_TRUE(writer.add_block(encoder.encode(samples, 0, 4)).ok());
    ASSERT_TRUE(writer.end_series().ok());
  }
  BatchBuilder builder(Table::metadata);
  builder.add_row({kStart});
  builder.set_string(Scope::fixed, column::kMetricFamily, "up");
  builder.set_string(Scope::fixed, column::kMetricType, "gauge");
  MetadataRows metadata;
  metadata.add(builder.finish());
  ASSERT_TRUE(writer.finish(metadata).ok());
}

// Enough of everything to fill several pages of each kind.
void write_large(File& file) {
  constexpr int kSeries = 700;
  std::vector<std::string> names;
  for (int i = 0; i < kSeries; ++i) names.push_back("host-" + std::to_string(1000 + i));
  std::vector<LabelRef> pairs{{"__name__", "noise"}};
  for (const std::string& name : names) pairs.push_back({"instance", name});
  MetricPartWriter writer(file, pairs, 1, 2);
  std::mt19937_64 random(5);
  BlockEncoder encoder;
  for (int i = 0; i < kSeries; ++i) {
    Samples samples;
    int64_t time = kStart;
    for (int k = 0; k < 200; ++k) {
      time += 15 * kNanosPerSecond + static_cast<int64_t>(random() % 1000) * kNanosPerMilli;
      samples.add(time, static_cast<double>(random()) / 3, 0);
    }
    std::vector<LabelRef> labels{pairs[0], pairs[static_cast<size_t>(i) + 1]};
    writer.begin_series(labels);
    for (size_t first = 0; first < samples.size();) {
      size_t count = next_block_rows(samples, first);
      ASSERT_TRUE(writer.add_block(encoder.encode(samples, first, count)).ok());
      first += count;
    }
    ASSERT_TRUE(writer.end_series().ok());
  }
  ASSERT_TRUE(writer.finish(MetadataRows()).ok());
}

template <typename Write>
std::string file_of(FaultDisk& disk, const std::string& name, Write write) {
  EXPECT_TRUE(disk.create_directories("parts").ok());
  auto file = disk.open("parts/" + name, Disk::Mode::create_new);
  EXPECT_TRUE(file.ok());
  write(**file);
  return *read_file(disk, "parts/" + name, 1 << 30);
}

void put_file(FaultDisk& disk, const std::string& name, const std::string& bytes) {
  ASSERT_TRUE(disk.remove("parts/" + name).ok());
  auto file = disk.open("parts/" + name, Disk::Mode::create_new);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->write_at(0, bytes).ok());
}

TEST(MetricPart, AnswersWhatWasWritten) {
  FaultDisk disk;
  file_of(disk, "large", write_large);
  auto part = MetricPart::open(disk, "parts", "large");
  ASSERT_TRUE(part.ok()) << part.error().to_string();
  EXPECT_EQ((*part)->series_count(), 700u);
  EXPECT_EQ((*part)->footer().sample_count, 140'000u);
  EXPECT_GT((*part)->directory().data_pages.size(), 5u);
  EXPECT_GT((*part)->directory().series_pages.size(), 4u);
  EXPECT_GT((*part)->directory().time_pages.size(), 2u);
  EXPECT_EQ((**(*part)->find("instance", "host-1128")).series_count, 1u);
  EXPECT_EQ(*(*part)->postings(**(*part)->find("instance", "host-1128")), Postings{128});
  EXPECT_EQ((*part)->postings(**(*part)->find("__name__", "noise"))->size(), 700u);
  EXPECT_FALSE((*part)->find("instance", "host-0")->has_value());
  EXPECT_FALSE((*part)->find("instance", "host-9")->has_value());
  EXPECT_FALSE((*part)->find("job", "x")->has_value());
  std::string text = inspect_metric_part(disk, "parts", "large");
  EXPECT_NE(text.find("700 series"), std::string::npos) << text;
  EXPECT_NE(text.find("all checksums match"), std::string::npos) << text;
}

TEST(MetricPart, EveryDamagedByteIsFoundWithFileAndOffset) {
  FaultDisk disk;
  std::string bytes = file_of(disk, "small", write_example);
  for (size_t offset = 0; offset < bytes.size(); ++offset) {
    // The last four header bytes are reserved, nothing is read from them.
    if (offset >= 12 && offset < 16) continue;
    std::string damaged = bytes;
    damaged[offset] = static_cast<char>(damaged[offset] ^ 0x20);
    put_file(disk, "damaged", damaged);
    std::string text = inspect_metric_part(disk, "parts", "damaged");
    ASSERT_NE(text.find("error: "), std::string::npos) << "byte " << offset << "\n" << text;
    ASSERT_NE(text.find("parts/damaged at offset "), std::string::npos) << text;
  }
}

TEST(MetricPart, CutFilesAndOtherVersionsAreRefused) {
  FaultDisk disk;
  std::string bytes = file_of(disk, "small", write_example);
  for (size_t length = 0; length < bytes.size(); ++length) {
    put_file(disk, "cut", bytes.substr(0, length));
    auto part = MetricPart::open(disk, "parts", "cut");
    ASSERT_FALSE(part.ok());
    ASSERT_EQ(part.error().code, ErrorCode::corrupt) << part.error().to_string();
    ASSERT_NE(part.error().message.find("parts/cut"), std::string::npos);
  }
  bytes[8] = 2;
  put_file(disk, "future", bytes);
  auto part = MetricPart::open(disk, "parts", "future");
  ASSERT_FALSE(part.ok());
  EXPECT_EQ(part.error().code, ErrorCode::unsupported);
  EXPECT_NE(part.error().message.find("version 2"), std::string::npos);
}

std::string hexdump_of_document(const std::string& path, const std::string& heading) {
  std::ifstream file(path);
  std::string line;
  std::string bytes;
  bool in_section = heading.empty();
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.find(heading) != std::string::npos) in_section = true;
    if (inside && line == "```") break;
    if (inside) {
      // offset, two spaces, bytes in hexadecimal, then optionally two spaces and a remark
      size_t begin = line.find("  ");
      if (begin == std::string::npos) continue;
      std::string digits;
      for (size_t i = begin + 2;
           i < line.size() && !(line[i] == ' ' && i + 1 < line.size() && line[i + 1] == ' '); ++i) {
        if (line[i] != ' ') digits += line[i];
      }
      bytes += from_hex(digits).value_or("not hexadecimal");
    }
    if (in_section && line == "```hexdump") inside = true;
  }
  return bytes;
}

TEST(MetricPart, TheDocumentShowsARealFile) {
  std::string documented = hexdump_of_document("docs/formats/metric_part.md", "## Worked example");
  FaultDisk disk;
  std::string written = file_of(disk, "example", write_example);
  ASSERT_EQ(to_hex(documented), to_hex(written))
      << "docs/formats/metric_part.md no longer shows what is written";
  put_file(disk, "documented", documented);
  auto part = MetricPart::open(disk, "parts", "documented");
  ASSERT_TRUE(part.ok()) << part.error().to_string();
  PartSource source(*part, Postings{0, 1});
  std::vector<double> values;
  while (*source.next()) {
    Samples samples;
    Arena arena;
    ASSERT_TRUE(source.read({}, true, samples, arena).ok());
    values.insert(values.end(), samples.values.begin(), samples.values.end());
  }
  EXPECT_EQ(values, (std::vector<double>{1, 1, 0, 1, 2, 2, 1, 2}));
}

TEST(Histogram, TheDocumentShowsARealHistogram) {
  std::string documented = hexdump_of_document("docs/formats/histogram.md", "");
  auto histogram = decode_histogram(documented);
  ASSERT_TRUE(histogram.ok()) << histogram.error().to_string();
  EXPECT_EQ(histogram->schema, 1);
  EXPECT_EQ(histogram->count, 6);
  EXPECT_EQ(histogram->positive_counts, (std::vector<double>{2, 3}));
  EXPECT_EQ(encode_histogram(*histogram), documented);
}

}  // namespace
}  // namespace obelisk
