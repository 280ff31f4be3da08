// Pages as a target may send them, one after the other: the input is cut at "\x01". A page that ends with the
// line that ends an OpenMetrics page is read as one.
#include "base/fuzz_driver.h"
#include "collect/scrape/fuzz_pages.h"

using namespace obelisk;
using scrape::fuzz_target_labels;
using scrape::read_page_both_ways;
using scrape::TargetSeries;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  TargetSeries knowing(fuzz_target_labels());
  for (int64_t second = 1; !input.empty() && second < 20; ++second) {
    std::string_view page = input.substr(0, input.find('\x01'));
    input.remove_prefix(std::min(page.size() + 1, input.size()));
    UnixNanos time{second * kNanosPerSecond};
    auto format =
        page.ends_with("# EOF\n") ? ExpositionFormat::openmetrics_text : ExpositionFormat::prometheus_text;
    bool good = read_page_both_ways(knowing, format, page, time);
    if (format == ExpositionFormat::openmetrics_text)
      OBELISK_ASSERT(good == parse_exposition(format, page).ok());
  }
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2.5 1000\n\x01# TYPE a counter\na{x=\"1\"} 2\na{x=\"3\"} "
      "2\n\x01"
      "a{x=\"3\"} 1\nb 1\na{x=\"1\"} 3\n",
      "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} NaN\n\x01h_bucket{le=\"1\"} 0x1p3\n{\"q.n\"} "
      "-1e-3\n\x01\x01a 1",
      "# TYPE a counter\na_total{x=\"1\"} 1\n# EOF\n\x01# TYPE a counter\na_total{x=\"1\"} 2 1.5 # {t=\"1\"} "
      "1\n"
      "a_created{x=\"1\"} 1\n# EOF\n\x01"
      "a_total{x=\"1\"} 3\n# EOF\n",
      // A series that its first line of the page before leads to, forgotten meanwhile.
      "a 1\n# EOF\n\x01# EOF\n\x01"
      "a 3\n# EOF\n",
  };
}
