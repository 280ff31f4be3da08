#include "alerting/notification_log.h"

#include "base/json_writer.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "base/yaml.h"

namespace obelisk::alerting {
namespace {

constexpr const char* kPath = "notifications.json";
constexpr uint64_t kBytesMax = 16u << 20;

// JSON is YAML, and configuration's reader is there already.
Result<NotificationLog::Groups> parse(std::string_view text) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, kPath));
  NotificationLog::Groups groups;
  YamlMap map(root, kPath, "notification log");
  map.list("groups", [&](const YamlNode& item) -> Result<void> {
    std::string key;
    std::string last_told;
    ToldGroup group;
    YamlMap one(item, kPath, "group");
    one.required_string("key", key);
    one.required_string("last_told", last_told);
    one.list("told", [&](const YamlNode& alert) -> Result<void> {
      std::map<std::string, std::string> labels;
      bool resolved = false;
      YamlMap told(alert, kPath, "alert");
      told.string_map("labels", labels);
      told.boolean("resolved", resolved);
      OBELISK_CHECK_OK(told.finish());
      Labels set;
      for (const auto& [name, value] : labels) set.set(name, value);
      group.told[set] = resolved;
      return {};
    });
    OBELISK_CHECK_OK(one.finish());
    std::optional<int64_t> nanos = parse_int64(last_told);
    if (!nanos) return yaml_error(kPath, item, "last_told is no time");
    group.last_told = {*nanos};
    groups[key] = std::move(group);
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  return groups;
}

bool is_old(const ToldGroup& group, UnixNanos now) {
  return now - group.last_told > NotificationLog::kRetentionNanos;
}

}  // namespace

NotificationLog::Groups NotificationLog::load(UnixNanos now) {
  Result<bool> there = disk_.exists(kPath);
  if (!there.ok() || !*there) return {};
  Result<std::string> text = read_file(disk_, kPath, kBytesMax);
  Result<Groups> groups = text.ok() ? parse(*text) : Result<Groups>(text.error());
  if (!groups.ok()) {
    counter("obelisk_notification_log_damaged_total", "Starts that could not read the log of notifications.")
        .add();
    log_error("alerting", "the log of notifications cannot be read, receivers are told again: " +
                              groups.error().to_string());
    Result<void> moved = disk_.rename(kPath, std::string(kPath) + ".damaged");
    if (!moved.ok()) log_error("alerting", moved.error().to_string());
    return {};
  }
  std::erase_if(*groups, [&](const auto& entry) { return is_old(entry.second, now); });
  return std::move(*groups);
}

Result<void> NotificationLog::save(const Groups& groups, UnixNanos now) {
  JsonWriter out;
  out.begin_object().key("groups").begin_array();
  for (const auto& [key, group] : groups) {
    if (is_old(group, now)) continue;
    out.begin_object().field("key", key).field("last_told", group.last_told.value).key("told").begin_array();
    for (const auto& [labels, resolved] : group.told) {
      out.begin_object().key("labels").begin_object();
      for (const Label& label : labels) out.field(label.name, label.value);
      out.end_object().field("resolved", resolved).end_object();
    }
    out.end_array().end_object();
  }
  out.end_array().end_object();
  std::string text = out.take();
  if (text.size() > kBytesMax)
    return make_error(ErrorCode::too_large, "the log of notifications would be larger than 16 MiB");
  return replace_file(disk_, kPath, text);
}

}  // namespace obelisk::alerting
