#include "pipeline/target_info.h"

#include <algorithm>
#include <set>

#include "query/core/span_dimensions.h"

namespace obelisk {
namespace {

constexpr auto kResource = AttributeColumns::Where::resource;
const std::string kNamespace = "service.namespace";
const std::string kName = "service.name";
const std::string kInstance = "service.instance.id";

}  // namespace

TargetReader::TargetReader(const Batch& spans, const std::vector<std::string>& excluded, bool with_instance)
    : namespaces_(spans, kNamespace, kResource),
      names_(spans, kName, kResource),
      instances_(spans, kInstance, kResource),
      with_instance_(with_instance) {
  std::set<std::string> known{kNamespace, kName, kInstance};
  known.insert(excluded.begin(), excluded.end());
  for (const ColumnData& data : spans.columns) {
    if (data.id.scope != Scope::resource || !known.insert(data.id.name).second) continue;
    others_.push_back({dimension_label(data.id.name, {"job", "instance"}),
                       AttributeColumns(spans, data.id.name, kResource)});
  }
}

std::string TargetReader::job(size_t row) const {
  std::string name = names_.first_of(row);
  if (name.empty()) return name;
  std::string name_space = namespaces_.first_of(row);
  return name_space.empty() ? name : name_space + "/" + name;
}

std::string TargetReader::instance(size_t row) const {
  return with_instance_ ? instances_.first_of(row) : "";
}

void TargetReader::append_key(size_t row, std::string& key) const {
  for (const AttributeColumns* columns : {&namespaces_, &names_, &instances_}) {
    columns->append_first_of(row, key);
    key += '\0';
  }
  for (const Attribute& attribute : others_) {
    attribute.columns.append_first_of(row, key);
    key += '\0';
  }
}

Labels TargetReader::labels(size_t row) const {
  Labels labels;
  for (const Attribute& attribute : others_) {
    std::string value = attribute.columns.first_of(row);
    if (!value.empty()) labels.set(attribute.label, value);
  }
  std::string job_name = job(row), instance_name = instance(row);
  if (labels.size() == 0 || (job_name.empty() && instance_name.empty())) return {};
  if (!job_name.empty()) labels.set("job", job_name);
  if (!instance_name.empty()) labels.set("instance", instance_name);
  return labels;
}

}  // namespace obelisk
