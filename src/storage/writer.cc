#include "storage/writer.h"

#include <future>

namespace obelisk {

Result<LogPosition> append_and_wait(Writer& writer, WriteRequest request) {
  auto promise = std::make_shared<std::promise<Result<LogPosition>>>();
  std::future<Result<LogPosition>> future = promise->get_future();
  writer.append(std::move(request),
                [promise](Result<LogPosition> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace obelisk
