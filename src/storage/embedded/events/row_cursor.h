#pragma once
// Rows of a scan (Unit::row). Without an order they come unit by unit. With one, units are read by the best
// time they can contain; rows that beat every unit still unread are final, so that "the newest hundred" reads
// a few row groups and stops, and a full scan holds only what overlaps.
#include <memory>

#include "storage/embedded/events/event_view.h"
#include "storage/embedded/events/scan_units.h"
#include "storage/reader.h"

namespace obelisk {

std::unique_ptr<Cursor> make_row_cursor(EventViewPtr view, const Scan& scan, std::vector<ScanUnit> units,
                                        Budget& budget, const Cancel& cancel);

}  // namespace obelisk
