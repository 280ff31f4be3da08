#pragma once
// What may be deleted by, as the condition that Writer::erase takes. A stream selector with line filters
// (|= != |~ !~, no ip(), no pattern) and label filters that compare text, joined by and, or, comma: on labels
// of the stream and on structured metadata. Exactly the lines that the query would show, with one difference
// that keeps lines: what has no value under a name is not deleted by a filter on that name, also not by !=
// and !~. A parser's idea of a line is no safe ground for deleting it, and is refused; so is metadata that is
// not text.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/scan.h"
#include "storage/reader.h"

namespace obelisk::loki {

// Without what is stored: whether it is a query that can be deleted by (invalid_argument says why not).
Result<void> check_deletion(std::string_view query);
// The lines of `query` with a time in `range`. `columns`: those of the tenant's logs.
Result<Scan> deletion_of(const Tenant& tenant, std::string_view query, const TimeRange& range,
                         const std::vector<ColumnInfo>& columns);

}  // namespace obelisk::loki
