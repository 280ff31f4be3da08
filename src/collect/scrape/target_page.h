#pragma once
// Of TargetSeries alone: what one page adds up to while it is read.
#include "collect/scrape/target_series.h"

namespace obelisk::scrape {

struct TargetSeries::Page {
  UnixNanos time;
  SampleBatchBuilder samples;
  BatchBuilder exemplars{Table::exemplars};
  std::shared_ptr<Arena> histograms = std::make_shared<Arena>();  // their bytes
  BatchBuilder metadata{Table::metadata};
  std::vector<Batch> finished;
  std::vector<uint32_t> added;  // series not known before
  uint32_t previous = kNone;    // the text before
  size_t scraped = 0;
  size_t kept = 0;
  bool again = false;  // the page was begun once before, and what was noted of it may be its own

  // Back to the beginning; series that were added stay.
  void restart() {
    samples = SampleBatchBuilder();
    exemplars = BatchBuilder(Table::exemplars);
    finished.clear();
    previous = kNone;
    scraped = kept = 0;
    again = true;
  }
};

}  // namespace obelisk::scrape
