#pragma once
// scrape_failure_log_file: a line of JSON for each scrape that failed. Thread safe. A file that cannot be
// written is counted (obelisk_scrape_failure_log_errors_total); the scrape goes on.
#include <string>

#include "base/time.h"

namespace obelisk::scrape {

struct ScrapeFailure {
  UnixNanos time;
  std::string job_name;
  std::string target;
  std::string error;
};

void append_failure(const std::string& file, const ScrapeFailure& failure);

}  // namespace obelisk::scrape
