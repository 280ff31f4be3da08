#include "plan/scan.h"

#include <fmt/format.h>

namespace obelisk {
std::string mark_column_name(size_t index) {
  return fmt::format("mark.{}", index);
}
}  // namespace obelisk
