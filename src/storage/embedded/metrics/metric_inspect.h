#pragma once
// A metric part as text: what `obelisk inspect` prints. Everything is read and checked; the first damage
// found ends the text with its error.
#include <string>

#include "env/disk.h"

namespace obelisk {

struct InspectMetricPartOptions {
  uint64_t series_max = 20;  // series printed with their blocks; all are checked
};

std::string inspect_metric_part(Disk& disk, const std::string& directory, const std::string& name,
                                const InspectMetricPartOptions& options = {});

}  // namespace obelisk
