#pragma once
// Serves the interface under /ui/. Every GET below /ui/ that names no file and accepts HTML gets index.html,
// since views are paths of the interface's own; anything else unknown is 404. All of it is below /ui/ because
// the server's own addresses
// (/metrics for one) are what other programs expect there.
// Files are sent as they lie in the binary, compressed at build time: brotli, gzip or plain by
// Accept-Encoding. Hashed names may be cached for ever, index.html must be asked for again each time (ETag,
// 304).
#include <span>

#include "api/ui/embedded_files.h"
#include "net/router.h"

namespace obelisk {

// No script, style, font or connection but from this server; no frames, no plugins, no forms to elsewhere.
inline constexpr std::string_view kUiContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

// Adds nothing when `files` holds no index.html. True when it does. `files` must outlive the router.
bool register_ui_api(Router& router, std::span<const ui::EmbeddedFile> files = ui::embedded_files());

}  // namespace obelisk
