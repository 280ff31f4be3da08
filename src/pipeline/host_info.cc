#include "pipeline/host_info.h"

#include <set>

#include "query/core/attribute_columns.h"

namespace obelisk {

HostInfo::HostInfo(const Clock& clock, HostInfoOptions options)
    : clock_(clock),
      options_(std::move(options)),
      series_(std::make_shared<DerivedSeries>(
          "host_info",
          std::vector<DerivedFamily>{{options_.metric_name, "Hosts that send spans.", true, true}},
          std::vector<DerivedFamily>{}, std::vector<double>{}, options_.series)) {}

std::function<void()> HostInfo::prepare(const Tenant& tenant, const Batch& spans) {
  std::vector<std::pair<std::string, AttributeColumns>> sources;
  for (const std::string& name : options_.host_identifiers)
    sources.emplace_back(name, AttributeColumns(spans, name, AttributeColumns::Where::resource));
  auto hosts = std::make_shared<std::set<std::pair<std::string, std::string>>>();  // (id, source)
  std::string last;
  for (size_t row = 0; row < spans.row_count; ++row) {
    for (const auto& [name, columns] : sources) {
      std::string id = columns.first_of(row);
      if (id.empty()) continue;
      if (id != last) hosts->emplace(id, name);  // rows of one resource stand together
      last = std::move(id);
      break;
    }
  }
  if (hosts->empty()) return {};
  return [series = series_, &clock = clock_, tenant, hosts] {
    DerivedValues one = series->zero();
    one.counters[0] = 1;
    for (const auto& [id, source] : *hosts) {
      series->add(
          tenant, source + '\0' + id,
          [&id = id, &source = source] {
            return Labels{{"grafana_host_id", id}, {"host_source", source}};
          },
          one, clock.now());
    }
  };
}

}  // namespace obelisk
