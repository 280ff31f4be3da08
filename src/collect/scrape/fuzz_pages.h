#pragma once
// What both fuzz targets of pages ask of TargetSeries: one that knows the series of the pages before, and one
// that knows nothing, agree on whether a page is good and on how many samples it has; batches are sound.
#include "base/assert.h"
#include "collect/scrape/target_series.h"

namespace obelisk::scrape {

inline Labels fuzz_target_labels() {
  return Labels{{"job", "j"}, {"instance", "i"}};
}

// Whether the page was good. After one that was not, the series of `knowing` have ended.
inline bool read_page_both_ways(TargetSeries& knowing, ExpositionFormat format, std::string_view page,
                                UnixNanos time) {
  TargetSeries fresh(fuzz_target_labels());
  ScrapeReport expected, report;
  auto plain = fresh.accept_page(format, page, time, expected);
  auto quick = knowing.accept_page(format, page, time, report);
  OBELISK_ASSERT(plain.ok() == quick.ok());
  if (!quick.ok()) {
    knowing.end_all(time);
    return false;
  }
  OBELISK_ASSERT(report.samples_scraped == expected.samples_scraped);
  for (const Batch& batch : *quick) OBELISK_ASSERT(batch.check().ok());
  return true;
}

}  // namespace obelisk::scrape
