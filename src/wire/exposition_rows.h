#pragma once
// A page of metrics as rows: samples, exemplars and metadata, for imports (a scraper keeps state of its
// series and does this itself). Labels point into the page and its parse result, which the batches keep
// alive. Pure function.
#include <memory>
#include <string>
#include <vector>

#include "plan/batch.h"
#include "wire/exposition.h"

namespace obelisk {

struct ExpositionRowOptions {
  UnixNanos now;                          // time of metadata
  std::optional<UnixNanos> default_time;  // of samples without a time; absent: such samples are an error
  Labels extra_labels;                    // set in every series, replacing what it has
};

// `page` is the text that `exposition` was parsed from. invalid_argument for a sample without a time where
// there is no default; its message names the series.
Result<std::vector<Batch>> exposition_rows(std::shared_ptr<const std::string> page, Exposition exposition,
                                           const ExpositionRowOptions& options);

}  // namespace obelisk
