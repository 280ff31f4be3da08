#pragma once
// Reading a trace by its id finds what was archived, too (api/jaeger/trace_archive.h): the tenants that are
// asked and their archives are read as several tenants are, and a span that lies in both is one span, as one
// that was sent twice. Thread safe.
#include "api/request/context.h"
#include "query/core/query_context.h"

namespace obelisk {

// The same query over what the tenants of the context have archived besides; unchanged where that is nothing.
Result<QueryContext> with_archive(QueryContext context);
// The same for a run whose every reading goes by one trace id.
Result<void> include_archive(Reader& reader, QueryRun& run);
// How many rows lie in a tenant's archive; a span that was archived twice counts twice.
Result<uint64_t> archived_rows(Reader& reader, const Tenant& tenant);

}  // namespace obelisk
