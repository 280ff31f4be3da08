#include "api/request/archive_view.h"

#include "api/request/multi_tenant_reader.h"
#include "model/archive_tenant.h"

namespace obelisk {

Result<uint64_t> archived_rows(Reader& reader, const Tenant& tenant) {
  Scan scan;
  scan.tenant = archive_of(tenant);
  scan.table = Table::spans;
  OBELISK_TRY(Snapshot at, reader.snapshot(scan.tenant));
  OBELISK_TRY(Plan plan, reader.plan(at, scan));
  return plan.cost.rows;
}

Result<QueryContext> with_archive(QueryContext context) {
  std::vector<std::string> tenants = split_tenants(context.tenant);
  const size_t asked = tenants.size();
  for (size_t i = 0; i < asked; ++i) {
    OBELISK_TRY(uint64_t rows, archived_rows(context.reader, tenants[i]));
    if (rows > 0) tenants.push_back(archive_of(tenants[i]));
  }
  if (tenants.size() == asked) return context;
  context.tenant = join_tenants(std::move(tenants));
  OBELISK_TRY(context.at, context.reader.snapshot(context.tenant));
  return context;
}

Result<void> include_archive(Reader& reader, QueryRun& run) {
  OBELISK_TRY(QueryContext both, with_archive({reader, run.tenant, run.at, run.budget, run.cancel}));
  run.tenant = std::move(both.tenant);
  run.at = std::move(both.at);
  return {};
}

}  // namespace obelisk
