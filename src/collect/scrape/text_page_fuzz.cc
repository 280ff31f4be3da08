// Pages as a target may send them, one after the other: the input is cut at "\x01" and read by one
// TargetSeries, which knows the series of the pages before, and each page also by one that knows nothing.
// Both must agree on whether the page is good and on how many samples it has; batches must be sound. A page
// that ends with the line that ends an OpenMetrics page is read as one.
#include "base/fuzz_driver.h"
#include "collect/scrape/target_series.h"

using namespace obelisk;
using scrape::ScrapeReport;
using scrape::TargetSeries;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  TargetSeries knowing(Labels{{"job", "j"}, {"instance", "i"}});
  for (int64_t second = 1; !input.empty() && second < 20; ++second) {
    std::string_view page = input.substr(0, input.find('\x01'));
    input.remove_prefix(std::min(page.size() + 1, input.size()));
    UnixNanos time{second * kNanosPerSecond};
    TargetSeries fresh(Labels{{"job", "j"}, {"instance", "i"}});
    ScrapeReport expected, report;
    auto format =
        page.ends_with("# EOF\n") ? ExpositionFormat::openmetrics_text : ExpositionFormat::prometheus_text;
    auto plain = fresh.accept_page(format, page, time, expected);
    auto quick = knowing.accept_page(format, page, time, report);
    OBELISK_ASSERT(plain.ok() == quick.ok());
    if (format == ExpositionFormat::openmetrics_text)
      OBELISK_ASSERT(quick.ok() == parse_exposition(format, page).ok());
    if (!quick.ok()) {
      knowing.end_all(time);
      continue;
    }
    OBELISK_ASSERT(report.samples_scraped == expected.samples_scraped);
    for (const Batch& batch : *quick) OBELISK_ASSERT(batch.check().ok());
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
  };
}
