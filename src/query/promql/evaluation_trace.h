#pragma once
// What an evaluation did, node by node: filled by the Evaluator when it is given one, read by explain.cc. One
// object a query, on its thread.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "query/promql/ast.h"

namespace obelisk::promql {

struct TracedNode {
  const Node* node = nullptr;
  double seconds = 0;  // of the node and all below
  uint64_t series_read = 0;
  uint64_t samples_read = 0;  // by the node and all below
  uint64_t series = 0;        // of its result
  uint64_t points = 0;
  bool has_result = false;
  // Of a selector: the times it read, in milliseconds.
  int64_t read_after_ms = 0;
  int64_t read_until_ms = 0;
  std::vector<std::string> notes;
  std::vector<TracedNode> children;
};

class EvaluationTrace {
 public:
  // Between them other nodes are entered and left: its operands.
  void enter(const Node& node) {
    open_.push_back({});
    open_.back().traced.node = &node;
    open_.back().begin = Clock::now();
  }
  void leave(uint64_t samples_read, uint64_t series, uint64_t points, bool has_result) {
    TracedNode done = std::move(open_.back().traced);
    done.seconds = std::chrono::duration<double>(Clock::now() - open_.back().begin).count();
    done.samples_read = samples_read;
    done.series = series;
    done.points = points;
    done.has_result = has_result;
    open_.pop_back();
    (open_.empty() ? roots_ : open_.back().traced.children).push_back(std::move(done));
  }
  void note(std::string text) {
    if (!open_.empty()) open_.back().traced.notes.push_back(std::move(text));
  }
  void loaded(int64_t after_ms, int64_t until_ms, uint64_t series) {
    if (open_.empty()) return;
    TracedNode& traced = open_.back().traced;
    traced.read_after_ms = after_ms;
    traced.read_until_ms = until_ms;
    traced.series_read = series;
  }

  std::vector<TracedNode> take() { return std::move(roots_); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    TracedNode traced;
    Clock::time_point begin;
  };
  std::vector<Open> open_;
  std::vector<TracedNode> roots_;
};

}  // namespace obelisk::promql
