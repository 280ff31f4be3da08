// Prometheus protobuf exposition: no crash, sound labels, readable histograms, bounded memory.
#include "wire/exposition_protobuf.h"

#include <protozero/pbf_writer.hpp>

#include "base/fuzz_driver.h"
#include "base/text.h"
#include "model/histogram.h"

using namespace obelisk;
using MessageWriter = protozero::pbf_writer;

namespace {

void check(const Result<Exposition>& page) {
  if (!page.ok()) {
    OBELISK_ASSERT(page.error().position.has_value());
    return;
  }
  for (const ExpositionSample& sample : page->samples) {
    OBELISK_ASSERT(sample.family < page->families.size());
    OBELISK_ASSERT(!label_value(sample.labels, kMetricNameLabel).empty());
    for (size_t i = 0; i < sample.labels.size(); ++i) {
      OBELISK_ASSERT(!sample.labels[i].value.empty() && is_valid_utf8(sample.labels[i].value));
      OBELISK_ASSERT(i == 0 || sample.labels[i - 1].name < sample.labels[i].name);
    }
    if (!sample.histogram.empty()) OBELISK_ASSERT(decode_histogram(sample.histogram).ok());
    for (uint32_t i = 0; i < sample.exemplar_count; ++i)
      OBELISK_ASSERT(static_cast<size_t>(sample.exemplar) + i < page->exemplars.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string page(reinterpret_cast<const char*>(data), size);
  ExpositionOptions options;
  check(parse_exposition(ExpositionFormat::prometheus_protobuf, page, options));
  options.classic_to_custom_bounds = options.always_classic = true;
  check(parse_exposition(ExpositionFormat::prometheus_protobuf, page, options));
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string label, exemplar, time, bucket, span, histogram, metric, family, page;
  MessageWriter(label).add_string(1, "a");
  MessageWriter(label).add_string(2, "b");
  MessageWriter(time).add_int64(1, 5);
  MessageWriter(exemplar).add_message(1, label);
  MessageWriter(exemplar).add_double(2, 1.5);
  MessageWriter(exemplar).add_message(3, time);
  MessageWriter(bucket).add_uint64(1, 2);
  MessageWriter(bucket).add_double(2, 0.5);
  MessageWriter(bucket).add_message(3, exemplar);
  MessageWriter(span).add_sint32(1, -2);
  MessageWriter(span).add_uint32(2, 2);
  MessageWriter writer(histogram);
  writer.add_uint64(1, 5);
  writer.add_double(2, 9);
  writer.add_message(3, bucket);
  writer.add_sint32(5, 3);
  writer.add_message(12, span);
  writer.add_sint64(13, 2);
  writer.add_sint64(13, 1);
  writer.add_message(15, time);
  writer.add_message(16, exemplar);
  MessageWriter(metric).add_message(1, label);
  MessageWriter(metric).add_message(7, histogram);
  MessageWriter(family).add_string(1, "h");
  MessageWriter(family).add_enum(3, 4);
  MessageWriter(family).add_message(4, metric);
  protozero::write_varint(std::back_inserter(page), family.size());
  return {page + family};
}
