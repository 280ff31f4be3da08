#pragma once
// What the admin endpoints do to the engine: erase, merge, copy. Snapshots lie below snapshots/ in the data
// directory, each a data directory of its own.
#include "api/prometheus/prometheus_api.h"
#include "env/clock.h"
#include "storage/embedded/engine.h"

namespace obelisk::server {

// The engine and the clock outlive what is returned.
AdminProviders admin_actions(Engine& engine, const Clock& clock, bool enabled);

}  // namespace obelisk::server
