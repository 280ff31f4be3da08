#pragma once
// Which spans of one trace fit: those that a search pipeline finds (structure, aggregates and all), or those
// with a text in their service, name or attributes. Filters on facts of the span alone are answered row by
// row from the indexes of the store, so that a trace of a million spans is not put together; what relates
// spans reads the columns it names of the whole trace. Bounds: the caller's budget and cancellation; 16 bytes
// a found span.
#include <string_view>

#include "query/traceql/engine.h"
#include "query/traceql/trace_outline.h"

namespace obelisk::traceql {

// Spans of an outline, in pre-order. Spans that came after the outline was made are not among them.
// `query`: a search, no metrics query.
Result<OutlinePage> search_outline(const QueryContext& context, const TraceOutline& outline,
                                   std::string_view query, size_t offset, size_t limit);
// `text`: is contained (byte-wise) in the name, the service, the status message or an attribute of span,
// resource or instrumentation scope; numbers are equal to it.
Result<OutlinePage> search_outline_for_text(const QueryContext& context, const TraceOutline& outline,
                                            std::string_view text, size_t offset, size_t limit);

}  // namespace obelisk::traceql
