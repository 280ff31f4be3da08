#pragma once
// Scans over one tenant's event tables, heads and parts together: everything of a Scan is taken over, nothing
// is left residual. Pure functions over an immutable view; a cursor holds the view, and belongs to one thread
// at a time.
#include <memory>
#include <string_view>
#include <vector>

#include "storage/embedded/events/event_view.h"
#include "storage/reader.h"

namespace obelisk {

// What the scan's table and time range hold: an upper bound of what it reads.
Cost event_scan_cost(const EventView& view, const Scan& scan);
Result<std::unique_ptr<Cursor>> open_event_scan(EventViewPtr view, const Scan& scan, Budget& budget,
                                                const Cancel& cancel);
Result<std::vector<Labels>> event_series(const EventView& view, const Scan& scan, const Cancel& cancel);
// The values of a label, sorted, without putting label sets together: 24 bytes a stream (event_streams.cc).
Result<std::vector<ValueCount>> event_label_values(const EventView& view, const Scan& scan,
                                                   std::string_view name, uint64_t limit,
                                                   const Cancel& cancel);
Result<std::vector<ColumnInfo>> event_columns(const EventView& view, const Scan& scan);
// Exact counts, most frequent first (event_values.cc). With a limit of any number of distinct values; without
// one too_large when there are more than kEventValuesMax, which would all have to be held.
Result<std::vector<ValueCount>> event_values(const EventView& view, const Scan& scan, const ColumnId& column,
                                             uint64_t limit, const Cancel& cancel);

}  // namespace obelisk
