// Protobuf pages as a target may send them, one after the other: the input is pages, each with its length in
// two bytes before it.
#include <protozero/pbf_writer.hpp>

#include "base/fuzz_driver.h"
#include "collect/scrape/fuzz_pages.h"

using namespace obelisk;
using scrape::fuzz_target_labels;
using scrape::read_page_both_ways;
using scrape::TargetSeries;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  TargetSeries knowing(fuzz_target_labels());
  for (int64_t second = 1; input.size() >= 2 && second < 20; ++second) {
    size_t length = static_cast<uint8_t>(input[0]) | static_cast<size_t>(static_cast<uint8_t>(input[1])) << 8;
    std::string_view page = input.substr(2, length);
    input.remove_prefix(2 + page.size());
    UnixNanos time{second * kNanosPerSecond};
    read_page_both_ways(knowing, ExpositionFormat::prometheus_protobuf, page, time);
  }
  return 0;
}

namespace {

using Writer = protozero::pbf_writer;

// A family of two metrics; the values are in field 1 of field `value_field`.
std::string page_of(const char* name, int32_t type, uint32_t value_field, double value) {
  std::string family, page;
  Writer(family).add_string(1, name);
  Writer(family).add_enum(3, type);
  for (const char* text : {"1", "2"}) {
    std::string label, number, metric;
    Writer(label).add_string(1, "x");
    Writer(label).add_string(2, text);
    Writer(number).add_double(1, value);
    Writer(metric).add_message(1, label);
    Writer(metric).add_message(value_field, number);
    Writer(family).add_message(4, metric);
  }
  protozero::write_varint(std::back_inserter(page), family.size());
  return page + family;
}

std::string with_length(const std::string& page) {
  std::string out;
  out.push_back(static_cast<char>(page.size() & 0xff));
  out.push_back(static_cast<char>(page.size() >> 8));
  return out + page;
}

}  // namespace

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string counter = page_of("a", 0, 3, 1), gauge = page_of("b", 1, 2, 0.5),
              untyped = page_of("c", 3, 5, 7);
  return {with_length(counter) + with_length(counter + gauge) + with_length(gauge + untyped),
          with_length(page_of("a", 0, 3, 2)) + with_length(page_of("a", 1, 2, 2)) + with_length(counter)};
}
