#include "api/request/multi_tenant_reader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace obelisk {
namespace {

struct TenantSnapshot {
  Tenant tenant;
  Snapshot at;
};
using TenantSnapshots = std::vector<TenantSnapshot>;

bool names_several(const Tenant& tenant) {
  return tenant.find('|') != Tenant::npos;
}

// The deleter of what a snapshot of several tenants holds: by it such a snapshot is known.
struct DeleteSnapshots {
  void operator()(const TenantSnapshots* snapshots) const { delete snapshots; }
};
bool is_of_several(const Snapshot& at) {
  return std::get_deleter<DeleteSnapshots>(at.pin) != nullptr;
}

const TenantSnapshots& snapshots_of(const Snapshot& at) {
  OBELISK_ASSERT(is_of_several(at));
  return *static_cast<const TenantSnapshots*>(at.pin.get());
}

Scan scan_of(const Scan& scan, const Tenant& tenant) {
  Scan own = scan;
  own.tenant = tenant;
  return own;
}

bool reads_tenant(const Expr& expr) {
  std::vector<ColumnId> columns;
  expr.collect_columns(columns);
  return std::find(columns.begin(), columns.end(), label_column(kTenantLabel)) != columns.end();
}

// The parts of a conjunction that the stores can apply, and those that need the tenant's label.
void split(const Expr& where, std::vector<Expr>& pushed, std::vector<Expr>& kept) {
  if (where.kind() == Expr::Kind::all_of) {
    for (const Expr& child : where.children()) split(child, pushed, kept);
  } else if (!where.is_always()) {
    (reads_tenant(where) ? kept : pushed).push_back(where);
  }
}

Labels with_tenant(const Labels& labels, const Tenant& tenant) {
  Labels copy = labels;
  copy.set(kTenantLabel, tenant);
  return copy;
}

// The batch with the tenant's label in every group that has labels. Spans have none.
BatchPtr with_tenant(const BatchPtr& batch, const Tenant& tenant) {
  if (batch->table == Table::spans || batch->table == Table::metadata) return batch;
  auto copy = std::make_shared<Batch>(batch->table);
  copy->row_count = batch->row_count;
  copy->columns = batch->columns;
  copy->owners.push_back(batch);
  auto kept_tenant = std::make_shared<const std::string>(tenant);
  copy->owners.push_back(kept_tenant);
  for (const Group& group : batch->groups) {
    auto labels = std::make_shared<std::vector<LabelRef>>();
    for (const LabelRef& label : group.labels) {
      if (label.name != kTenantLabel) labels->push_back(label);
    }
    auto at =
        std::lower_bound(labels->begin(), labels->end(), kTenantLabel,
                         [](const LabelRef& label, std::string_view name) { return label.name < name; });
    labels->insert(at, {kTenantLabel, *kept_tenant});
    Group& named = copy->groups.emplace_back(group);
    named.labels = *labels;
    named.labels_hash = hash_labels(named.labels);
    copy->owners.push_back(std::move(labels));
  }
  return copy;
}

// One tenant after the other.
class TenantsCursor : public Cursor {
 public:
  struct Part {
    Tenant tenant;
    std::unique_ptr<Cursor> cursor;
  };
  explicit TenantsCursor(std::vector<Part> parts) : parts_(std::move(parts)) {}

  Result<BatchPtr> next() override {
    for (; index_ < parts_.size(); ++index_) {
      OBELISK_TRY(BatchPtr batch, parts_[index_].cursor->next());
      if (batch) return with_tenant(batch, parts_[index_].tenant);
    }
    return BatchPtr();
  }

  Coverage coverage() const override {
    Coverage all;
    for (const Part& part : parts_) {
      Coverage one = part.cursor->coverage();
      all.rows_read += one.rows_read;
      all.bytes_read += one.bytes_read;
      if (one.complete || !all.complete) continue;
      all.complete = false;
      all.reason = part.tenant + ": " + one.reason;
    }
    return all;
  }

 private:
  std::vector<Part> parts_;
  size_t index_ = 0;
};

}  // namespace

Result<Snapshot> MultiTenantReader::snapshot(const Tenant& tenant) {
  if (!names_several(tenant)) return store_.snapshot(tenant);
  std::shared_ptr<TenantSnapshots> all(new TenantSnapshots, DeleteSnapshots{});
  Snapshot joined;
  for (size_t at = 0; at <= tenant.size();) {
    size_t end = std::min(tenant.find('|', at), tenant.size());
    Tenant name = tenant.substr(at, end - at);
    OBELISK_TRY(Snapshot one, store_.snapshot(name));
    joined.sequence = std::max(joined.sequence, one.sequence);
    all->push_back({std::move(name), std::move(one)});
    at = end + 1;
  }
  joined.pin = std::move(all);
  return joined;
}

Result<Plan> MultiTenantReader::plan(const Snapshot& at, const Scan& scan) {
  if (!names_several(scan.tenant)) return store_.plan(at, scan);
  std::vector<Expr> pushed, kept;
  split(scan.where, pushed, kept);
  Plan plan;
  plan.at = at;
  plan.pushed = scan;
  plan.pushed.where = Expr::all_of(std::move(pushed));
  plan.residual = Expr::all_of(std::move(kept));
  // Rows of which some are left out afterwards cannot be counted out before.
  if (!plan.residual.is_always()) plan.pushed.limit = 0;
  for (const TenantSnapshot& tenant : snapshots_of(at)) {
    OBELISK_TRY(Plan one, store_.plan(tenant.at, scan_of(plan.pushed, tenant.tenant)));
    plan.cost.rows += one.cost.rows;
    plan.cost.bytes += one.cost.bytes;
  }
  return plan;
}

Result<std::unique_ptr<Cursor>> MultiTenantReader::open(const Plan& plan, Budget& budget,
                                                        const Cancel& cancel) {
  if (!names_several(plan.pushed.tenant)) return store_.open(plan, budget, cancel);
  std::vector<TenantsCursor::Part> parts;
  for (const TenantSnapshot& tenant : snapshots_of(plan.at)) {
    OBELISK_TRY(std::unique_ptr<Cursor> cursor,
                open_scan(store_, tenant.at, scan_of(plan.pushed, tenant.tenant), budget, cancel));
    parts.push_back({tenant.tenant, std::move(cursor)});
  }
  return std::unique_ptr<Cursor>(std::make_unique<TenantsCursor>(std::move(parts)));
}

Result<AggregateAnswer> MultiTenantReader::aggregate(const Plan& plan, Budget& budget, const Cancel& cancel) {
  OBELISK_ASSERT(!names_several(plan.pushed.tenant));
  return store_.aggregate(plan, budget, cancel);
}

Result<CardinalityReport> MultiTenantReader::cardinality(const Snapshot& at, const CardinalityQuery& query,
                                                         const Cancel& cancel) {
  if (is_of_several(at))
    return make_error(ErrorCode::unsupported, "unsupported: the cardinality of several tenants; ask for one");
  return store_.cardinality(at, query, cancel);
}

Result<TierReport> MultiTenantReader::tiers(const Snapshot& at, int64_t after_ms, int64_t until_ms) {
  if (!is_of_several(at)) return store_.tiers(at, after_ms, until_ms);
  std::optional<TierReport> common;
  for (const TenantSnapshot& tenant : snapshots_of(at)) {
    OBELISK_TRY(TierReport report, store_.tiers(tenant.at, after_ms, until_ms));
    common = common ? common_tiers(*common, report) : std::move(report);
  }
  return std::move(*common);
}

Result<std::vector<Labels>> MultiTenantReader::series(const Snapshot& at, const Scan& scan,
                                                      const Cancel& cancel) {
  if (!names_several(scan.tenant)) return store_.series(at, scan, cancel);
  std::vector<Expr> pushed, kept;
  split(scan.where, pushed, kept);
  Expr by_tenant = Expr::all_of(std::move(kept));
  Scan own = scan;
  own.where = Expr::all_of(std::move(pushed));
  if (!by_tenant.is_always()) own.limit = 0;
  std::vector<Labels> all;
  for (const TenantSnapshot& tenant : snapshots_of(at)) {
    OBELISK_TRY(std::vector<Labels> found, store_.series(tenant.at, scan_of(own, tenant.tenant), cancel));
    for (const Labels& labels : found) {
      Labels named = with_tenant(labels, tenant.tenant);
      std::vector<LabelRef> view = named.view();
      if (decide_by_labels(by_tenant, view) == Decision::no) continue;
      all.push_back(std::move(named));
    }
  }
  std::sort(all.begin(), all.end());
  if (scan.limit != 0 && all.size() > scan.limit) all.resize(scan.limit);
  return all;
}

Result<std::vector<ColumnInfo>> MultiTenantReader::columns(const Snapshot& at, const Scan& scan) {
  if (!names_several(scan.tenant)) return store_.columns(at, scan);
  std::map<std::pair<ColumnId, ColumnType>, ColumnInfo> all;
  for (const TenantSnapshot& tenant : snapshots_of(at)) {
    OBELISK_TRY(std::vector<ColumnInfo> found, store_.columns(tenant.at, scan_of(scan, tenant.tenant)));
    for (ColumnInfo& info : found) all.try_emplace({info.id, info.type}, info);
  }
  std::vector<ColumnInfo> sorted;
  for (auto& [key, info] : all) sorted.push_back(std::move(info));
  return sorted;
}

// By the label sets, which are given the tenant as a label.
Result<std::vector<ValueCount>> MultiTenantReader::label_values(const Snapshot& at, const Scan& scan,
                                                                std::string_view name, uint64_t limit,
                                                                const Cancel& cancel) {
  Scan unlimited = scan;
  unlimited.limit = 0;
  OBELISK_TRY(std::vector<Labels> found, series(at, unlimited, cancel));
  std::map<std::string_view, std::set<std::string_view>>
      distinct;  // of the label "": names, and their values
  for (const Labels& labels : found) {
    if (std::string_view value = labels.get(name); !value.empty()) distinct[value];
    if (!name.empty()) continue;
    for (const Label& label : labels) distinct[label.name].insert(label.value);
  }
  std::vector<ValueCount> values;
  for (const auto& [value, of_name] : distinct) {
    if (limit != 0 && values.size() == limit) break;
    values.push_back({std::string(value), ColumnType::string, of_name.size()});
  }
  return values;
}

Result<std::vector<ValueCount>> MultiTenantReader::values(const Snapshot& at, const Scan& scan,
                                                          const ColumnId& column, uint64_t limit,
                                                          const Cancel& cancel) {
  if (!names_several(scan.tenant)) return store_.values(at, scan, column, limit, cancel);
  if (column.scope == Scope::label) return label_values(at, scan, column.name, limit, cancel);
  if (reads_tenant(scan.where)) {
    return make_error(
        ErrorCode::unsupported,
        "values of a column cannot be restricted by __tenant_id__: name the tenants in X-Scope-OrgID");
  }
  // All of each: what is frequent with one tenant may be rare with another, and counts are to be exact.
  std::map<std::pair<std::string, ColumnType>, uint64_t> counts;
  for (const TenantSnapshot& tenant : snapshots_of(at)) {
    OBELISK_TRY(std::vector<ValueCount> found,
                store_.values(tenant.at, scan_of(scan, tenant.tenant), column, 0, cancel));
    for (ValueCount& value : found) counts[{std::move(value.value), value.type}] += value.count;
  }
  std::vector<ValueCount> all;
  for (auto& [key, count] : counts) all.push_back({key.first, key.second, count});
  std::stable_sort(all.begin(), all.end(),
                   [](const ValueCount& a, const ValueCount& b) { return a.count > b.count; });
  if (limit != 0 && all.size() > limit) all.resize(limit);
  return all;
}

std::string join_tenants(std::vector<std::string> tenants) {
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  std::string joined;
  for (const std::string& tenant : tenants) joined += (joined.empty() ? "" : "|") + tenant;
  return joined;
}

std::vector<std::string> split_tenants(std::string_view joined) {
  std::vector<std::string> tenants;
  for (;;) {
    size_t end = std::min(joined.find('|'), joined.size());
    tenants.emplace_back(joined.substr(0, end));
    if (end == joined.size()) return tenants;
    joined.remove_prefix(end + 1);
  }
}

}  // namespace obelisk
