#include "collect/discovery/kubernetes_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>

#include "base/log.h"
#include "base/self_metrics.h"
#include "collect/discovery/json_tree.h"
#include "collect/discovery/kubernetes_objects.h"

namespace obelisk::collect {
namespace {

struct WatchMetrics {
  Counter& events = counter("obelisk_discovery_watch_events_total", "Events of Kubernetes watches.");
  Counter& lists = counter("obelisk_discovery_watch_lists_total",
                           "Lists that Kubernetes watches began with, first or after they had expired.");
  Counter& failures =
      counter("obelisk_discovery_watch_failures_total", "Lists and watches of Kubernetes that failed.");
};

WatchMetrics& metrics() {
  static WatchMetrics instance;
  return instance;
}

// What no label is made of, and is most of an object.
bool is_left_out(std::string_view key) {
  static constexpr std::array<std::string_view, 18> kKeys = {
      "managedFields",  "volumes",      "env",
      "envFrom",        "volumeMounts", "resources",
      "command",        "args",         "livenessProbe",
      "readinessProbe", "startupProbe", "securityContext",
      "tolerations",    "affinity",     "imagePullSecrets",
      "lifecycle",      "images",       "volumesAttached"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

// Labels and annotations may have any name: they are kept whole.
YamlNode pruned(const YamlNode& from) {
  YamlNode to;
  to.kind = from.kind;
  to.quoted = from.quoted;
  to.scalar = from.scalar;
  for (const YamlNode& item : from.items) to.items.push_back(pruned(item));
  for (const YamlEntry& entry : from.entries) {
    if (entry.key == "labels" || entry.key == "annotations") {
      to.entries.push_back(entry);
    } else if (!is_left_out(entry.key)) {
      to.entries.push_back({entry.key, pruned(entry.value)});
    }
  }
  return to;
}

size_t nodes_of(const YamlNode& node) {
  size_t nodes = 1;
  for (const YamlNode& item : node.items) nodes += nodes_of(item);
  for (const YamlEntry& entry : node.entries) nodes += nodes_of(entry.value);
  return nodes;
}

std::string version_of(const YamlNode& object) {
  return text_at(object, {"metadata", "resourceVersion"});
}

// Not for secrets: watches and retries of many servers must not beat in time.
double random_share() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<>(0, 1)(random);
}

}  // namespace

void KubernetesNews::tell() {
  {
    MutexLock lock(mutex_);
    ++told_;
  }
  changed_.notify_all();
}

uint64_t KubernetesNews::told() const {
  MutexLock lock(mutex_);
  return told_;
}

uint64_t KubernetesNews::wait(uint64_t seen, const std::atomic<bool>& stop, int64_t nanos_max) {
  // `stop` is another's and tells nobody: it is looked at now and then.
  constexpr auto kLook = std::chrono::milliseconds(250);
  auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanos_max);
  MutexLock lock(mutex_);
  while (told_ == seen && !stop && std::chrono::steady_clock::now() < until) lock.wait_for(changed_, kLook);
  return told_;
}

KubernetesWatch::KubernetesWatch(const KubernetesClient& client, KubernetesCollection collection,
                                 KubernetesNews& news, KubernetesWatchOptions options)
    : client_(client), collection_(std::move(collection)), news_(news), options_(options) {
  thread_ = std::thread([this] { run(); });
}

void KubernetesWatch::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
}

KubernetesWatch::~KubernetesWatch() {
  stop();
  thread_.join();
  MutexLock lock(mutex_);
  for (const auto& [key, object] : objects_) news_.nodes -= nodes_of(object);
}

bool KubernetesWatch::is_listed() const {
  MutexLock lock(mutex_);
  return is_listed_;
}

Result<void> KubernetesWatch::last_error() const {
  MutexLock lock(mutex_);
  return last_error_;
}

bool KubernetesWatch::useless() const {
  MutexLock lock(mutex_);
  return useless_;
}

void KubernetesWatch::visit(const KubernetesClient::Each& each) const {
  MutexLock lock(mutex_);
  for (const auto& [key, object] : objects_) each(object);
}

void KubernetesWatch::run() {
  int failures = 0;
  while (!stopping_ && !useless()) {
    events_ = 0;
    auto started = std::chrono::steady_clock::now();
    Result<void> done = version_.empty() ? list() : follow();
    if (stopping_) return;
    bool was_short = std::chrono::steady_clock::now() - started < std::chrono::seconds(1);
    bool failed = !done.ok();
    bool first_time = false;
    {
      MutexLock lock(mutex_);
      first_time = failed && last_error_.ok();
      last_error_ = done;
    }
    if (failed) {
      metrics().failures.add();
      if (first_time) log_warning("discovery", done.error().to_string());
      news_.tell();
    }
    // A server that ends every watch at once must not be asked without a pause.
    bool useful = !failed && (events_ > 0 || !was_short);
    failures = useful ? 0 : failures + 1;
    if (failed || failures > 1) pause(failures);
  }
}

void KubernetesWatch::pause(int failures) {
  int64_t pause = options_.pause_nanos_min << std::min(failures - 1, 20);
  pause = std::min(pause, options_.pause_nanos_max);
  pause = static_cast<int64_t>(static_cast<double>(pause) * (0.75 + random_share() / 2));
  auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(pause);
  MutexLock lock(mutex_);
  while (!stopping_ && std::chrono::steady_clock::now() < until)
    lock.wait_for(stopped_, until - std::chrono::steady_clock::now());
}

bool KubernetesWatch::put(Objects& objects, const YamlNode& object) {
  std::string key = kubernetes_key(object);
  YamlNode kept = pruned(object);
  drop(objects, key);
  size_t nodes = nodes_of(kept);
  if (news_.nodes.fetch_add(nodes) + nodes > options_.nodes_max) {
    news_.nodes -= nodes;
    return false;
  }
  objects.emplace(std::move(key), std::move(kept));
  return true;
}

void KubernetesWatch::drop(Objects& objects, const std::string& key) {
  auto known = objects.find(key);
  if (known == objects.end()) return;
  news_.nodes -= nodes_of(known->second);
  objects.erase(known);
}

void KubernetesWatch::give_up(std::string why) {
  log_warning("discovery", fmt::format("Kubernetes: {}: {}; it is listed every now and then instead",
                                       collection_.path, why));
  Objects unused;
  {
    MutexLock lock(mutex_);
    useless_ = true;
    unused.swap(objects_);
  }
  for (const auto& [key, object] : unused) news_.nodes -= nodes_of(object);
  news_.tell();
}

Result<void> KubernetesWatch::list() {
  metrics().lists.add();
  Objects fresh;
  bool has_room = true;
  auto listed = client_.list(collection_, stopping_,
                             [&](const YamlNode& object) { has_room = has_room && put(fresh, object); });
  if (!listed.ok() || !has_room) {
    for (const auto& [key, object] : fresh) news_.nodes -= nodes_of(object);
    if (listed.ok()) give_up("it is too large to be kept in memory");
    return listed.ok() ? Result<void>() : listed.error();
  }
  {
    MutexLock lock(mutex_);
    objects_.swap(fresh);
    is_listed_ = true;
  }
  for (const auto& [key, object] : fresh) news_.nodes -= nodes_of(object);
  version_ = *listed;
  if (version_.empty()) {
    give_up("its list has no version to watch from");
  } else {
    news_.tell();
  }
  return {};
}

Result<void> KubernetesWatch::follow() {
  std::string rest;  // an event that is not complete
  Result<void> taken;
  auto take = [&](std::string_view piece) {
    while (taken.ok() && !stopping_) {
      size_t end = piece.find('\n');
      if (end == std::string_view::npos) break;
      if (rest.empty()) {
        taken = take_event(piece.substr(0, end));
      } else {
        rest.append(piece.substr(0, end));
        taken = take_event(rest);
        rest.clear();
      }
      piece.remove_prefix(end + 1);
      if (version_.empty() || useless()) return false;
    }
    if (rest.size() + piece.size() > kEventBytesMax)
      taken = make_error(ErrorCode::too_large, fmt::format("Kubernetes: an event of {} is over {} bytes",
                                                           collection_.path, kEventBytesMax));
    if (taken.ok()) rest.append(piece);
    return taken.ok() && !stopping_;
  };
  int seconds = options_.watch_seconds + static_cast<int>(random_share() * options_.watch_seconds / 4);
  Result<WatchEnd> end = client_.watch(collection_, version_, seconds, stopping_, take);
  if (!taken.ok()) {
    version_.clear();  // what was not understood may be missing: list again
    return taken.error();
  }
  if (!end.ok()) return end.error();
  if (*end == WatchEnd::expired) version_.clear();
  if (*end == WatchEnd::refused) give_up("the server does not let us watch it");
  return {};
}

Result<void> KubernetesWatch::take_event(std::string_view line) {
  if (line.find_first_not_of(" \r\t") == std::string_view::npos) return {};
  OBELISK_TRY(YamlNode event, parse_json_tree(line, "Kubernetes: an event of " + collection_.path));
  std::string type = text_at(event, {"type"});
  const YamlNode* object = event.find("object");
  if (object == nullptr)
    return make_error(ErrorCode::parse_error,
                      fmt::format("Kubernetes: an event of {} without an object", collection_.path));
  if (type == "ERROR") {
    if (text_at(*object, {"code"}) == "410") {
      version_.clear();
      return {};
    }
    return make_error(ErrorCode::unavailable, fmt::format("Kubernetes: the watch of {} ended: {}",
                                                          collection_.path, text_at(*object, {"message"})));
  }
  ++events_;
  metrics().events.add();
  if (std::string version = version_of(*object); !version.empty()) version_ = std::move(version);
  if (type == "BOOKMARK") return {};
  bool has_room = true;
  {
    MutexLock lock(mutex_);
    if (type == "DELETED") {
      drop(objects_, kubernetes_key(*object));
    } else if (type == "ADDED" || type == "MODIFIED") {
      has_room = put(objects_, *object);
    }
  }
  if (!has_room) {
    give_up("it is too large to be kept in memory");
    return {};
  }
  news_.tell();
  return {};
}

}  // namespace obelisk::collect
