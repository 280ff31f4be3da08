#pragma once
// The objects of one collection of a Kubernetes API server, held as they are now: listed once, then kept up
// by a watch on a thread of its own.
//
// 1. A list gives all objects and the version from which to watch.
// 2. Events add, replace and remove objects; each, and bookmarks between them, move the version on.
// 3. A watch that ends or breaks goes on from the last version, after a pause that doubles while nothing
// comes.
// 4. A version that the server no longer knows (410) means to list again; until that is done the objects from
//    before stay.
// 5. A server that refuses to let us watch, or a collection beyond the bound, makes the watch useless(): the
//    owner lists by itself then.
//
// Memory: the parts of objects that discovery reads, at most kNodesMax values of JSON (about 120 bytes each)
// over all collections of an owner, and one event of at most kEventBytesMax. Safe from any thread.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "base/thread_annotations.h"
#include "collect/discovery/kubernetes_client.h"

namespace obelisk::collect {

// What the collections of one discovery share. Outlives them.
class KubernetesNews {
 public:
  static constexpr size_t kNodesMax = size_t{2} << 20;

  // Something changed, also for the worse.
  void tell();
  // Waits until something was told since `seen`, or `stop`, or the time is over. Gives what was told so far.
  uint64_t wait(uint64_t seen, const std::atomic<bool>& stop, int64_t nanos_max);
  uint64_t told() const;

  std::atomic<size_t> nodes{0};  // values of JSON held

 private:
  mutable Mutex mutex_;
  std::condition_variable changed_;
  uint64_t told_ GUARDED_BY(mutex_) = 0;
};

struct KubernetesWatchOptions {
  int64_t pause_nanos_min = kNanosPerSecond / 2;
  int64_t pause_nanos_max = 30 * kNanosPerSecond;
  int watch_seconds = 240;  // and up to a quarter more, so that not all end at once
  size_t nodes_max = KubernetesNews::kNodesMax;
};

class KubernetesWatch {
 public:
  static constexpr size_t kEventBytesMax = size_t{8} << 20;  // etcd holds objects of 1.5 MB at most

  // `client` is connected.
  KubernetesWatch(const KubernetesClient& client, KubernetesCollection collection, KubernetesNews& news,
                  KubernetesWatchOptions options);
  ~KubernetesWatch();
  // Begins to end, which takes up to a second: for an owner of several.
  void stop();

  // Until the first list there is nothing to see; `last_error` is why it failed so far.
  bool is_listed() const;
  Result<void> last_error() const;
  bool useless() const;
  // In the order of their names.
  void visit(const KubernetesClient::Each& each) const;

 private:
  using Objects = std::map<std::string, YamlNode>;

  void run();
  Result<void> list();
  Result<void> follow();
  Result<void> take_event(std::string_view line);
  // False when there is no room.
  bool put(Objects& objects, const YamlNode& object);
  void drop(Objects& objects, const std::string& key);
  void give_up(std::string why);
  void pause(int failures);

  const KubernetesClient& client_;
  const KubernetesCollection collection_;
  KubernetesNews& news_;
  const KubernetesWatchOptions options_;

  // Of the thread alone.
  std::string version_;  // empty: list
  uint64_t events_ = 0;  // of the watch under way

  mutable Mutex mutex_;
  std::condition_variable stopped_;
  Objects objects_ GUARDED_BY(mutex_);
  bool is_listed_ GUARDED_BY(mutex_) = false;
  bool useless_ GUARDED_BY(mutex_) = false;
  Result<void> last_error_ GUARDED_BY(mutex_);
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// kubernetes_sd_configs with other pauses and bounds than the usual ones.
std::unique_ptr<Discoverer> make_kubernetes_discoverer(KubernetesDiscovery settings, HttpFetcher& fetcher,
                                                       KubernetesWatchOptions options);

}  // namespace obelisk::collect
