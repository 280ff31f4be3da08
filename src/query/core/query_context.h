#pragma once
// What the evaluation of one query is given: where to read, at which snapshot, and within which bounds.
#include "model/tenant.h"
#include "plan/budget.h"
#include "storage/reader.h"

namespace obelisk {

struct QueryContext {
  Reader& reader;
  Tenant tenant;
  Snapshot at;
  Budget& budget;
  const Cancel& cancel;
};

}  // namespace obelisk
