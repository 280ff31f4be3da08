#include "collect/scrape/failure_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "net/url.h"

namespace obelisk::scrape {

// One write of a whole line to a file opened for appending: lines of several threads do not mix, and the file
// may be rotated at any time.
void append_failure(const std::string& file, const ScrapeFailure& failure) {
  JsonWriter json;
  json.begin_object()
      .field("time", format_rfc3339(failure.time.value))
      .field("level", "error")
      .field("job_name", failure.job_name)
      .field("target", without_credentials(failure.target))
      .field("err", failure.error)
      .end_object();
  std::string line = json.take() + "\n";
  int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ssize_t written = descriptor < 0 ? -1 : ::write(descriptor, line.data(), line.size());
  if (descriptor >= 0) close(descriptor);
  if (written == static_cast<ssize_t>(line.size())) return;
  counter("obelisk_scrape_failure_log_errors_total", "Failed scrapes that could not be logged to their file.")
      .add();
}

}  // namespace obelisk::scrape
