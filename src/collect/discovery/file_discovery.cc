// file_sd_configs: lists of target groups in JSON or YAML files. Files are looked at every kLookNanos, and
// read when their time, size or number has changed, and at the latest after refresh_interval. A file that
// cannot be read keeps what it had; one that is gone loses its groups.
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"

namespace obelisk::collect {
namespace {

constexpr int64_t kLookNanos = 2 * kNanosPerSecond;
constexpr size_t kFilesMax = 10'000;

Result<std::vector<TargetGroup>> read_groups(const std::string& path) {
  OBELISK_TRY(std::string text, read_small_file(path, kAnswerBytesMax));
  YamlNode root;
  if (to_lower(path).ends_with(".json")) {
    OBELISK_TRY(root, parse_json_tree(text, path));
  } else {
    OBELISK_TRY(root, parse_yaml(text, path));
  }
  if (root.kind != YamlNode::Kind::list && root.kind != YamlNode::Kind::null)
    return yaml_error(path, root, "must be a list of target groups");
  std::vector<TargetGroup> groups;
  for (const YamlNode& item : root.items) {
    OBELISK_TRY(TargetGroup group, read_target_group(item, path, NameScheme::utf8));
    group.source = fmt::format("{}:{}", path, groups.size());
    group.labels.set("__meta_filepath", path);
    groups.push_back(std::move(group));
  }
  return groups;
}

class FileDiscoverer : public Discoverer {
 public:
  explicit FileDiscoverer(FileDiscovery settings) : settings_(std::move(settings)) {}

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>&) override {
    auto now = std::chrono::steady_clock::now();
    bool all = !last_full_ || now - *last_full_ >= std::chrono::nanoseconds(settings_.refresh_nanos);
    if (all) last_full_ = now;
    std::map<std::string, File> files;
    for (const std::string& path : paths()) {
      auto known = files_.find(path);
      File file = known != files_.end() ? std::move(known->second) : File{};
      refresh(path, file, all);
      files.emplace(path, std::move(file));
    }
    files_ = std::move(files);
    std::vector<TargetGroup> groups;
    for (const auto& [path, file] : files_)
      groups.insert(groups.end(), file.groups.begin(), file.groups.end());
    return groups;
  }
  int64_t pause_nanos() const override { return std::min(settings_.refresh_nanos, kLookNanos); }

 private:
  struct File {
    struct timespec time {};
    off_t size = -1;
    ino_t number = 0;
    std::vector<TargetGroup> groups;
    bool failing = false;
  };

  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const std::string& pattern : settings_.files) {
      glob_t found{};
      int code = glob(pattern.c_str(), 0, nullptr, &found);
      for (size_t i = 0; code == 0 && i < found.gl_pathc && all.size() < kFilesMax; ++i)
        all.emplace_back(found.gl_pathv[i]);
      globfree(&found);
    }
    return all;
  }

  static void refresh(const std::string& path, File& file, bool always) {
    struct stat now {};
    if (stat(path.c_str(), &now) != 0) return;
    bool same = now.st_size == file.size && now.st_ino == file.number &&
                now.st_mtim.tv_sec == file.time.tv_sec && now.st_mtim.tv_nsec == file.time.tv_nsec;
    if (same && !always) return;
    file.time = now.st_mtim;
    file.size = now.st_size;
    file.number = now.st_ino;
    Result<std::vector<TargetGroup>> groups = read_groups(path);
    if (groups.ok()) {
      file.groups = std::move(*groups);
    } else {
      counter("obelisk_discovery_file_errors_total", "Discovery files that could not be read.").add();
      if (!file.failing) log_warning("discovery", groups.error().message);
    }
    file.failing = !groups.ok();
  }

  const FileDiscovery settings_;
  std::map<std::string, File> files_;
  std::optional<std::chrono::steady_clock::time_point> last_full_;
};

}  // namespace

std::unique_ptr<Discoverer> make_file_discoverer(FileDiscovery settings) {
  return std::make_unique<FileDiscoverer>(std::move(settings));
}

}  // namespace obelisk::collect
