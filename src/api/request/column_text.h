#pragma once
// A value of a column of any type as text, as labels of exemplars and structured metadata show it; bytes as
// hexadecimal. The row has a value. Pure.
#include <string>

#include "plan/batch.h"

namespace obelisk {

std::string column_text(const ColumnData& data, size_t row);

}  // namespace obelisk
