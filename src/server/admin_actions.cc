#include "server/admin_actions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace obelisk::server {
namespace {

// 20260503T063757Z-000000000f4240: when, and a number that tells two of one second apart.
std::string snapshot_name(UnixNanos now) {
  std::string text = format_rfc3339(now.value / kNanosPerSecond * kNanosPerSecond);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("{}-{:016x}", text, static_cast<uint64_t>(now.value));
}

}  // namespace

AdminProviders admin_actions(Engine& engine, const Clock& clock, bool enabled) {
  AdminProviders actions;
  actions.enabled = enabled;
  actions.erase_series = [&engine](const Tenant& tenant, Expr where, TimeRange range) -> Result<void> {
    Scan what;
    what.tenant = tenant;
    what.table = Table::samples;
    what.range = range;
    what.where = std::move(where);
    OBELISK_TRY([[maybe_unused]] EraseReport report, engine.erase(what));
    return {};
  };
  actions.clean_tombstones = [&engine]() -> Result<void> {
    for (bool more = true; more;) {
      OBELISK_TRY(bool merged, engine.merge());
      OBELISK_TRY(bool downsampled, engine.downsample());
      more = merged || downsampled;
    }
    return {};
  };
  actions.snapshot = [&engine, &clock](bool skip_head) -> Result<std::string> {
    if (skip_head) {
      return make_error(ErrorCode::unsupported,
                        "invalid parameter \"skip_head\": a snapshot of this store holds all it has");
    }
    std::string name = snapshot_name(clock.now());
    OBELISK_CHECK_OK(engine.backup("snapshots/" + name));
    return name;
  };
  return actions;
}

}  // namespace obelisk::server
