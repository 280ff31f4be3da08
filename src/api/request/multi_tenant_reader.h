#pragma once
// A reader that answers for several tenants at once: "a|b" reads both and adds the label __tenant_id__ to
// every series and stream, as Loki and Mimir do. A name without '|' goes straight to the store.
//
// A snapshot of several tenants holds one of each. Predicates on __tenant_id__ are applied here, everything
// else by the store, tenant by tenant; order over all tenants is the caller's work (open_scan does it). A
// label __tenant_id__ that a stream brought itself is overwritten. Thread safe as the store is, which must
// outlive it.
#include "storage/reader.h"

namespace obelisk {

inline constexpr std::string_view kTenantLabel = "__tenant_id__";
inline constexpr size_t kTenantsPerQueryMax = 100;  // each costs a snapshot and a scan

class MultiTenantReader : public Reader {
 public:
  explicit MultiTenantReader(Reader& store) : store_(store) {}

  Result<Snapshot> snapshot(const Tenant& tenant) override;
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override;
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override;
  // Of one tenant, by the store. Plans over several never say `aggregated`: their rows are folded.
  Result<AggregateAnswer> aggregate(const Plan& plan, Budget& budget, const Cancel& cancel) override;
  // Of one tenant; unsupported of several.
  Result<CardinalityReport> cardinality(const Snapshot& at, const CardinalityQuery& query,
                                        const Cancel& cancel) override;
  // Of several tenants: what the tiers of all of them hold.
  Result<TierReport> tiers(const Snapshot& at, int64_t after_ms, int64_t until_ms) override;
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override;
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override;
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override;

 private:
  Result<std::vector<ValueCount>> label_values(const Snapshot& at, const Scan& scan, std::string_view name,
                                               uint64_t limit, const Cancel& cancel);
  Reader& store_;
};

// The tenants of "a|b|a", sorted, each once, joined again: what MultiTenantReader is asked for.
std::string join_tenants(std::vector<std::string> tenants);
// The tenants of such a name, one for a plain one.
std::vector<std::string> split_tenants(std::string_view joined);

}  // namespace obelisk
