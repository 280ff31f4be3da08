#pragma once
// Traces by parts: /obelisk/api/v1/traces/{id}/overview, /tree, /aggregate, /critical-path, for traces that
// are too large to be sent whole. docs/api/obelisk.md. The outline of a trace is kept for a few seconds, so
// that the pages a viewer asks for show one state of it and cost no second reading; a trace of a million
// spans takes 80 MB of the cache, which holds at most kOutlineCacheBytesMax.
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

inline constexpr size_t kOutlineCacheBytesMax = 128 << 20;

// The context must outlive the router.
void register_trace_parts(Router& router, ApiContext& context);

}  // namespace obelisk
