#pragma once
// For the tests of this directory: where discovery reads from, and what it found as lines of text.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "collect/discovery/discoverer.h"
#include "net/test_server.h"

namespace obelisk::collect {

using Lines = std::vector<std::string>;

inline const std::atomic<bool> kGoOn{false};

// Every target with its group's labels, sorted.
inline Lines lines_of(const std::vector<TargetGroup>& groups) {
  Lines lines;
  for (const TargetGroup& group : groups) {
    for (const Labels& target : group.targets) {
      Labels all = group.labels;
      for (const Label& label : target) all.set(label.name, label.value);
      lines.push_back(all.to_string());
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

inline Lines discovered(Discoverer& discoverer) {
  auto groups = discoverer.discover(kGoOn);
  EXPECT_TRUE(groups.ok()) << groups.error().to_string();
  return groups.ok() ? lines_of(*groups) : Lines();
}

// A server that answers paths (with their queries) with JSON.
class JsonServer {
 public:
  void set(const std::string& target, std::string body, std::string content_type = "application/json") {
    MutexLock lock(mutex_);
    answers_[target] = {std::move(body), std::move(content_type)};
  }
  std::string url(std::string_view target) const { return server_.url(target); }
  std::string address() { return server_.server().address(); }
  HttpRequest last() {
    MutexLock lock(mutex_);
    return last_;
  }

 private:
  void serve(HttpExchangePtr exchange) {
    MutexLock lock(mutex_);
    last_ = exchange->request();
    auto found = answers_.find(last_.target);
    if (found == answers_.end()) return exchange->respond_text(404, "no " + last_.target);
    exchange->respond(
        {200, {{"content-type", found->second.second}, {"x-consul-index", "7"}}, found->second.first});
  }
  Mutex mutex_;
  HttpRequest last_;
  std::map<std::string, std::pair<std::string, std::string>> answers_;
  TestServer server_{[this](HttpExchangePtr exchange) { serve(std::move(exchange)); }};
};

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("obelisk_sd_{}_{}", getpid(), ++count_)) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }
  // Written beside and renamed, as it should be.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name + ".new")) << text;
    std::filesystem::rename(file(name + ".new"), file(name));
  }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

}  // namespace obelisk::collect
