// Goal: searches of log lines give what the memory store gives, whatever coding the lines have: in the head,
// in parts, merged (small row groups put together, large ones copied), reopened. Method: lines of several
// services (samples of real systems from ../shared/data/loghub where they are there, made-up ones otherwise)
// with trace ids as structured metadata; filters of all kinds cut out of the lines; scans newest first with a
// limit, and counts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "env/fault_disk.h"
#include "storage/embedded/engine.h"
#include "storage/memory/memory_store.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr int64_t kStep = 50'000'000;

std::vector<std::string> lines_of(const std::string& name) {
  const char* shared = std::getenv("OBELISK_SHARED");
  std::ifstream file(
      std::string(shared != nullptr ? shared : "../shared") + "/data/loghub/" + name + "_2k.log",
      std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  std::mt19937_64 random(name.size());
  while (lines.size() < 500) {
    lines.push_back(fmt::format("{} 12:{:02}:{:02} request {} of user-{} took {} ms id {:016x}", name,
                                random() % 60, random() % 60, random() % 100'000, random() % 50,
                                random() % 900, random()));
  }
  return lines;
}

class LogCorpus {
 public:
  LogCorpus() {
    for (const char* name : {"HDFS", "OpenSSH", "Spark"}) services_.push_back({name, lines_of(name)});
  }

  // `count` lines from number `first` on. The same for the same numbers.
  Batch batch(int64_t first, int64_t count) const {
    BatchBuilder builder(Table::logs);
    for (size_t service = 0; service < services_.size(); ++service) {
      for (int host = 0; host < 2; ++host) {
        std::string host_name = fmt::format("host-{}", host);
        LabelRef stream[] = {{"host", host_name}, {"service", services_[service].first}};
        builder.begin_group_copy(stream);
        for (int64_t i = first; i < first + count; ++i) {
          if (static_cast<int>(i % 2) != host || static_cast<size_t>(i % 3) != service) continue;
          std::mt19937_64 random(static_cast<uint64_t>(i) * 77 + 1);
          const std::vector<std::string>& lines = services_[service].second;
          builder.add_row({kBegin + i * kStep});
          builder.set_string(Scope::fixed, column::kLine,
                             builder.arena().copy(lines[random() % lines.size()]));
          if (random() % 2 == 0) continue;
          TraceId id = trace_id(i);
          builder.set_trace_id(Scope::fixed, column::kTraceId, id);
          // Sometimes written otherwise than the digits we would write.
          std::string digits = i % 997 == 5 ? "not-an-id" : id.to_hex();
          builder.set_string(Scope::attribute, "trace_id", builder.arena().copy(digits));
        }
      }
    }
    return builder.finish();
  }

  static TraceId trace_id(int64_t number) {
    TraceId id;
    std::mt19937_64 random(static_cast<uint64_t>(number));
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
    return id;
  }

  const std::string& line(std::mt19937_64& random) const {
    const auto& lines = services_[random() % services_.size()].second;
    return lines[random() % lines.size()];
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> services_;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!isalnum(static_cast<unsigned char>(c))) out += '\\';
    out += c;
  }
  return out;
}

Expr leaf(const LogCorpus& corpus, int64_t rows, std::mt19937_64& random) {
  ColumnId line = fixed_column(column::kLine);
  const std::string& from = corpus.line(random);
  size_t begin = from.empty() ? 0 : random() % from.size();
  std::string piece = from.substr(begin, 1 + random() % 20);
  std::erase_if(piece, [](char c) { return static_cast<unsigned char>(c) >= 127 || c < 32; });
  if (piece.empty()) piece = "a";
  auto regex = [&](const std::string& pattern) {
    return Expr::matches(line, *Regex::compile(pattern, Regex::Mode::searching));
  };
  std::string id = LogCorpus::trace_id(static_cast<int64_t>(random()) % rows).to_hex();
  switch (random() % 9) {
    case 0:
      return regex("(?i)" + escaped(piece));
    case 1:
      return regex(escaped(piece.substr(0, 3)) + ".*[0-9]+" + (random() % 2 == 0 ? "$" : ""));
    case 2:
      return regex("[0-9]{3}[^0-9]" + escaped(piece.substr(piece.size() - 1)));
    case 3:
      return Expr::compare(line, CompareOp::equal, from);
    case 4:
      return Expr::compare({Scope::attribute, "trace_id"}, CompareOp::equal, id);
    case 5:
      return Expr::any_of({Expr::compare(label_column("trace_id"), CompareOp::equal, id),
                           Expr::compare({Scope::attribute, "trace_id"}, CompareOp::equal, id)});
    case 6:
      return Expr::compare(label_column("service"), CompareOp::equal, std::string("Spark"));
    default:
      return Expr::contains(line, piece);
  }
}

Expr expression(const LogCorpus& corpus, int64_t rows, std::mt19937_64& random, int depth) {
  if (depth == 0 || random() % 2 == 0) return leaf(corpus, rows, random);
  Expr first = expression(corpus, rows, random, depth - 1);
  switch (random() % 3) {
    case 0:
      return Expr::not_of(std::move(first));
    case 1:
      return Expr::any_of({std::move(first), expression(corpus, rows, random, depth - 1)});
    default:
      return Expr::all_of({std::move(first), expression(corpus, rows, random, depth - 1)});
  }
}

void compare_searches(MemoryStore& oracle, Engine& engine, const LogCorpus& corpus, int64_t rows,
                      uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 40; ++i) {
    Scan scan;
    scan.table = Table::logs;
    scan.where = expression(corpus, rows, random, 2);
    if (random() % 2 == 0) {
      int64_t from = kBegin + static_cast<int64_t>(random()) % (rows * kStep);
      scan.range = {{from}, {from + static_cast<int64_t>(random() % static_cast<uint64_t>(rows * kStep))}};
    }
    scan.all_columns = random() % 2 == 0;
    if (!scan.all_columns) scan.columns.push_back(fixed_column(column::kLine));
    scan.order = static_cast<Order>(random() % 3);
    if (random() % 2 == 0) scan.limit = 1 + random() % 100;
    compare_scan(oracle, engine, scan);
    if (::testing::Test::HasFatalFailure()) return;
    scan.limit = 0;
    Aggregate& aggregate = scan.aggregate.emplace();
    aggregate.by = {{label_column("service")}};
    if (random() % 4 == 0) {
      aggregate.by.clear();
      aggregate.by_all_labels = true;
    }
    // Steps of many rows and of none, beginning before, in and after the rows.
    aggregate.first_time = kBegin + static_cast<int64_t>(random() % 3) * rows * kStep / 4 - kStep / 2;
    uint64_t whole = static_cast<uint64_t>(rows * kStep);
    aggregate.step = static_cast<int64_t>(random() % 3 == 0 ? whole / 7 : 1 + random() % whole);
    aggregate.step_count = 1 + random() % 300;
    compare_aggregate(oracle, engine, scan);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(LogSearch, AgreesWithTheMemoryStoreInEveryCoding) {
  for (size_t row_group_rows : {size_t{300}, size_t{4000}}) {
    SCOPED_TRACE(row_group_rows);
    LogCorpus corpus;
    FaultDisk disk;
    ManualClock clock{UnixNanos{kBegin}};
    EngineOptions options;
    options.disk = &disk;
    options.clock = &clock;
    options.background = false;
    options.events.row_groups.log_rows = row_group_rows;
    options.events.merge.parts_min = 2;
    auto engine = *Engine::open(options);
    MemoryStore oracle;
    constexpr int64_t kRows = 6000, kAtOnce = 500;
    for (int64_t first = 0; first < kRows; first += kAtOnce) {
      for (Writer* writer : {static_cast<Writer*>(engine.get()), static_cast<Writer*>(&oracle)}) {
        WriteRequest request;
        request.batches.push_back(corpus.batch(first, kAtOnce));
        ASSERT_TRUE(append_and_wait(*writer, std::move(request)).ok());
      }
      if (first == kAtOnce) compare_searches(oracle, *engine, corpus, kRows, 1);
      if (first / kAtOnce % 3 == 2) {
        ASSERT_TRUE(engine->flush().ok());
      }
    }
    compare_searches(oracle, *engine, corpus, kRows, 2);
    for (auto merged = engine->merge(); *merged; merged = engine->merge()) {
    }
    compare_searches(oracle, *engine, corpus, kRows, 3);
    compare_searches(oracle, *engine, corpus, kRows, 3);  // with what the parts have kept in memory by now
    ASSERT_TRUE(engine->close().ok());
    engine.reset();
    engine = *Engine::open(options);
    compare_searches(oracle, *engine, corpus, kRows, 4);
  }
}

// Goal: the same for rows in the head that have a stream each, with batches sent twice. Method: one value of
// a label, one number and one trace id a row, asked for alone and together, present and not.
class StreamCorpus {
 public:
  static Batch batch(int64_t first, int64_t count) {
    BatchBuilder builder(Table::logs);
    for (int64_t i = first; i < first + count; ++i) {
      std::string order = order_of(i), pod = fmt::format("pod-{}", i % 97);
      LabelRef stream[] = {{"app", i % 5 == 0 ? "payment" : "checkout"}, {"order", order}, {"pod", pod}};
      builder.begin_group_copy(stream);
      builder.add_row({time_of(i)});
      builder.set_string(Scope::fixed, column::kLine,
                         builder.arena().copy(fmt::format("order_number={} items={}", 100'000 + i, i % 7)));
      if (i % 3 == 0) continue;
      builder.set_trace_id(Scope::fixed, column::kTraceId, LogCorpus::trace_id(i));
      builder.set_string(Scope::attribute, "trace_id",
                         builder.arena().copy(i % 11 == 0 ? "none" : LogCorpus::trace_id(i).to_hex()));
      if (i % 4 == 0) builder.set_int(Scope::attribute, "items", i % 7);
    }
    return builder.finish();
  }

  // In no order, and every row its own, so that rows have one order by time.
  static int64_t time_of(int64_t i) { return kBegin + i * 7919 % 8192 * kStep; }
  static std::string order_of(int64_t i) { return fmt::format("order-{:x}", i * 7919); }

  static Expr leaf(std::mt19937_64& random, int64_t rows) {
    int64_t i = static_cast<int64_t>(random() % static_cast<uint64_t>(rows + rows / 4));
    ColumnId line = fixed_column(column::kLine), id_text{Scope::attribute, "trace_id"};
    std::string id = LogCorpus::trace_id(i).to_hex();
    switch (random() % 12) {
      case 0:
        return Expr::compare(label_column("order"), CompareOp::equal, order_of(i));
      case 1:
        return Expr::matches(label_column("order"),
                             *Regex::compile(order_of(i) + "|" + order_of(i + 5), Regex::Mode::anchored));
      case 2:
        return Expr::any_of({Expr::compare(label_column("trace_id"), CompareOp::equal, id),
                             Expr::compare(id_text, CompareOp::equal, id)});
      case 3:
        return Expr::in_trace_ids(fixed_column(column::kTraceId),
                                  std::make_shared<const TraceIdSet>(
                                      TraceIdSet{LogCorpus::trace_id(i), LogCorpus::trace_id(i + 1)}));
      case 4:
        return Expr::contains(line, std::to_string(100'000 + i));
      case 5:
        return Expr::compare(line, CompareOp::equal,
                             fmt::format("order_number={} items={}", 100'000 + i, i % 7));
      case 6:
        return Expr::compare(label_column("app"), CompareOp::equal, std::string("payment"));
      case 7:
        return Expr::compare(label_column("order"), CompareOp::not_equal, order_of(i));
      case 8:
        return Expr::compare(label_column("order"), CompareOp::equal, std::string());
      case 9:
        return Expr::compare({Scope::attribute, "items"}, CompareOp::equal, int64_t{3});
      case 10:
        return Expr::compare({Scope::attribute, "items"}, CompareOp::equal, std::string("3"));
      default:
        return Expr::compare(label_column("pod"), CompareOp::equal, fmt::format("pod-{}", i % 120));
    }
  }

  static Expr expression(std::mt19937_64& random, int64_t rows, int depth) {
    if (depth == 0 || random() % 3 == 0) return leaf(random, rows);
    Expr first = expression(random, rows, depth - 1);
    if (random() % 5 == 0) return Expr::not_of(std::move(first));
    std::vector<Expr> both = {std::move(first), expression(random, rows, depth - 1)};
    return random() % 3 == 0 ? Expr::any_of(std::move(both)) : Expr::all_of(std::move(both));
  }
};

TEST(LogSearch, OfVeryManyStreamsInTheHead) {
  FaultDisk disk;
  ManualClock clock{UnixNanos{kBegin}};
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.background = false;
  auto engine = *Engine::open(options);
  MemoryStore oracle;
  constexpr int64_t kRows = 6000;
  auto write = [&](int64_t first, int64_t count) {
    for (Writer* writer : {static_cast<Writer*>(engine.get()), static_cast<Writer*>(&oracle)}) {
      WriteRequest request;
      request.batches.push_back(StreamCorpus::batch(first, count));
      ASSERT_TRUE(append_and_wait(*writer, std::move(request)).ok());
    }
  };
  std::mt19937_64 random(5);
  auto ask = [&] {
    for (int i = 0; i < 150; ++i) {
      Scan scan;
      scan.table = Table::logs;
      scan.where = StreamCorpus::expression(random, kRows, 3);
      if (random() % 3 == 0) {
        int64_t from = kBegin + static_cast<int64_t>(random() % 8000) * kStep;
        scan.range = {{from}, {from + static_cast<int64_t>(random() % 8000) * kStep}};
      }
      scan.all_columns = random() % 2 == 0;
      if (!scan.all_columns) scan.columns.push_back(fixed_column(column::kLine));
      scan.order = static_cast<Order>(random() % 3);
      SCOPED_TRACE(scan.where.to_string());
      compare_scan(oracle, *engine, scan);
      Aggregate& aggregate = scan.aggregate.emplace();
      aggregate.by = {{label_column("app")}};
      aggregate.first_time = kBegin;
      aggregate.step = 800 * kStep;
      aggregate.step_count = 10;
      compare_aggregate(oracle, *engine, scan);
      if (::testing::Test::HasFatalFailure()) return;
    }
  };
  for (int64_t first = 0; first < kRows; first += 2000) write(first, 2000);
  write(500, 700);   // sent again
  write(5990, 100);  // not packed
  ask();
  ASSERT_TRUE(engine->flush().ok());
  write(0, 1000);  // of which the parts have every line
  write(0, 100);   // and not packed
  ask();
}

}  // namespace
}  // namespace obelisk
