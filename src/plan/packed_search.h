#pragma once
// Which rows of a packed batch have a value, told from the bytes of the column as they lie: a search over a
// million rows that are in memory reads their texts once, and decodes nothing of batches without a find.
// Pure. Rows are ascending; corrupt when the column is not what it should be.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "plan/packed_batch.h"

namespace obelisk {

enum class TextRelation : uint8_t { contains, equals };

// Of a column of texts: the rows with `needle`, which is not empty. Ends after `rows_max`: one more than that
// is not all there may be.
Result<std::vector<uint32_t>> rows_with_text(const PackedBatch& batch, const PackedBatch::Column& column,
                                             std::string_view needle, TextRelation relation,
                                             size_t rows_max = SIZE_MAX);
// Of a column of trace ids: the rows with one of `ids`.
Result<std::vector<uint32_t>> rows_with_trace_id(const PackedBatch& batch, const PackedBatch::Column& column,
                                                 std::span<const TraceId> ids);

}  // namespace obelisk
