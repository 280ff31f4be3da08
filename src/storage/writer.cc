#include "storage/writer.h"

#include <future>

namespace obelisk {

Result<EraseReport> Writer::erase(const Scan& what) {
  return make_error(ErrorCode::unsupported,
                    "this store does not erase rows of the table " + std::string(table_name(what.table)));
}

Result<bool> Writer::is_erased(const Tenant&, const EraseReport&) {
  return true;
}

Result<void> check_erasable(const Scan& what) {
  bool plain = what.marks.empty() && what.require_marks.empty() && what.unit == Unit::row &&
               what.columns.empty() && !what.all_columns && !what.newest_only && what.order == Order::any &&
               what.limit == 0;
  if (plain) return {};
  return make_error(ErrorCode::invalid_argument, "an erasure takes a table, a time range and a where alone");
}

Result<LogPosition> append_and_wait(Writer& writer, WriteRequest request) {
  auto promise = std::make_shared<std::promise<Result<LogPosition>>>();
  std::future<Result<LogPosition>> future = promise->get_future();
  writer.append(std::move(request),
                [promise](Result<LogPosition> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace obelisk
