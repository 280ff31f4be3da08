// obelisk backfill openmetrics: old data from OpenMetrics files, of any size, into a data directory (while no
// server uses it) or into a running server. Every sample needs a timestamp. Doing it again is harmless: a
// sample that is there already is the same sample. Memory is bounded by a few pages of kPageBytes; an
// interrupted run is simply repeated.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/log.h"
#include "env/clock.h"
#include "env/disk.h"
#include "ingest/intake.h"
#include "net/http_client.h"
#include "server/commands.h"
#include "storage/embedded/engine.h"
#include "wire/exposition_rows.h"
#include "wire/openmetrics.h"
#include "wire/openmetrics_chunks.h"

namespace obelisk::server {
namespace {

constexpr size_t kReadBytes = 1 << 20;
// A store that is behind with flushing answers "overloaded"; a server may be restarting.
constexpr int kAttemptsMax = 120;
constexpr std::chrono::milliseconds kPause{500};

bool is_worth_retrying(ErrorCode code) {
  return code == ErrorCode::overloaded || code == ErrorCode::unavailable || code == ErrorCode::timeout;
}

// Where pages go.
class BackfillTarget {
 public:
  virtual ~BackfillTarget() = default;
  // Stores the page; gives the number of samples.
  virtual Result<uint64_t> store(const OpenMetricsPage& page) = 0;
  virtual Result<void> close() = 0;
};

Result<std::vector<Batch>> rows_of(const OpenMetricsPage& page, uint64_t& samples) {
  auto text = std::make_shared<const std::string>(page.text);
  ExpositionOptions options;
  options.created_as_start_time = true;
  OBELISK_TRY(Exposition parsed, parse_openmetrics(*text, OpenMetricsMode::lenient, options));
  samples = parsed.samples.size();
  ExpositionRowOptions row_options;
  row_options.now = SystemClock().now();
  return exposition_rows(text, std::move(parsed), row_options);
}

// The engine on a data directory of its own.
class DirectoryTarget : public BackfillTarget {
 public:
  static Result<std::unique_ptr<BackfillTarget>> open(const std::string& directory) {
    auto target = std::make_unique<DirectoryTarget>();
    OBELISK_TRY(target->disk_, open_posix_disk(directory));
    EngineOptions options;  // retention is for the server to apply
    options.disk = target->disk_.get();
    options.clock = &target->clock_;
    Result<std::unique_ptr<Engine>> engine = Engine::open(options);
    if (!engine.ok()) return engine.error().with_context("data directory " + directory);
    target->engine_ = std::move(*engine);
    target->intake_ = std::make_unique<Intake>(*target->engine_, target->clock_);
    return std::unique_ptr<BackfillTarget>(std::move(target));
  }

  Result<uint64_t> store(const OpenMetricsPage& page) override {
    for (int attempt = 1;; ++attempt) {
      uint64_t samples = 0;
      OBELISK_TRY(std::vector<Batch> batches, rows_of(page, samples));
      Result<IntakeOutcome> outcome = write(std::move(batches));
      if (outcome.ok() && outcome->rejected_rows > 0)
        return make_error(ErrorCode::invalid_argument, outcome->message);
      if (outcome.ok()) return samples;
      if (!is_worth_retrying(outcome.error().code) || attempt == kAttemptsMax) return outcome.error();
      std::this_thread::sleep_for(kPause);
    }
  }

  Result<void> close() override { return engine_->close(); }

 private:
  Result<IntakeOutcome> write(std::vector<Batch> batches) {
    std::promise<Result<IntakeOutcome>> promise;
    std::future<Result<IntakeOutcome>> written = promise.get_future();
    intake_->write(kDefaultTenant, std::move(batches),
                   [&](Result<IntakeOutcome> outcome) { promise.set_value(std::move(outcome)); });
    return written.get();
  }

  SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Intake> intake_;
};

// A running server's import endpoint.
class ServerTarget : public BackfillTarget {
 public:
  explicit ServerTarget(std::string url) : url_(std::move(url)) {
    while (url_.ends_with('/')) url_.pop_back();
    url_ += "/api/v1/import/prometheus";
  }

  Result<uint64_t> store(const OpenMetricsPage& page) override {
    uint64_t samples = 0;
    OBELISK_TRY(std::vector<Batch> batches,
                rows_of(page, samples));  // mistakes are found here, with their line
    batches.clear();
    ClientRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"content-type", "application/openmetrics-text; version=1.0.0"}};
    request.body = page.text;
    request.timeout_ms = 60'000;
    for (int attempt = 1;; ++attempt) {
      Result<ClientResponse> response = client_.request(request);
      if (response.ok() && response->status / 100 == 2) return samples;
      bool again = response.ok() ? response->status == 429 || response->status / 100 == 5
                                 : is_worth_retrying(response.error().code);
      if (!again || attempt == kAttemptsMax) {
        if (!response.ok()) return response.error();
        return make_error(
            ErrorCode::invalid_argument,
            fmt::format("{} answered {}: {}", url_, response->status, response->body.substr(0, 500)));
      }
      std::this_thread::sleep_for(kPause);
    }
  }

  Result<void> close() override { return {}; }

 private:
  std::string url_;
  HttpClient client_;
};

// One line on standard error, rewritten on a terminal, else written every few seconds.
class Progress {
 public:
  void begin(const std::string& file, uint64_t bytes) {
    file_ = file;
    file_bytes_ = bytes;
    started_ = shown_ = std::chrono::steady_clock::now();
    samples_ = 0;
  }
  void add(uint64_t read_bytes, uint64_t samples) {
    samples_ += samples;
    auto now = std::chrono::steady_clock::now();
    std::chrono::milliseconds pause(is_terminal_ ? 200 : 5000);
    if (now - shown_ < pause) return;
    shown_ = now;
    fmt::print(stderr, "{}{}{}", is_terminal_ ? "\r\x1b[K" : "", text(read_bytes), is_terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  void end(uint64_t lines) {
    fmt::print(stderr, "{}{}, {} lines\n", is_terminal_ ? "\r\x1b[K" : "", text(file_bytes_), lines);
  }
  void interrupt() {
    if (is_terminal_) fmt::print(stderr, "\n");
  }

 private:
  std::string text(uint64_t read_bytes) const {
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    double percent =
        file_bytes_ == 0 ? 100 : 100.0 * static_cast<double>(read_bytes) / static_cast<double>(file_bytes_);
    double rate = seconds > 0 ? static_cast<double>(samples_) / seconds : 0;
    return fmt::format("{}: {:.0f} % of {:.1f} MB, {} samples, {:.0f} a second", file_, percent,
                       static_cast<double>(file_bytes_) / 1e6, samples_, rate);
  }

  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  std::string file_;
  uint64_t file_bytes_ = 0;
  uint64_t samples_ = 0;
  std::chrono::steady_clock::time_point started_, shown_;
};

// "file:line: message"
Error at_place(const std::string& file, uint64_t line, const Error& error) {
  return make_error(error.code, fmt::format("{}:{}: {}", file, line, error.message));
}

Result<void> store_pages(BackfillTarget& target, const std::string& file, std::vector<OpenMetricsPage>& pages,
                         uint64_t read_bytes, Progress& progress) {
  for (const OpenMetricsPage& page : pages) {
    Result<uint64_t> samples = target.store(page);
    if (!samples.ok()) {
      const Error& error = samples.error();
      return at_place(file, error.position ? page.line_of(error.position->line) : page.first_line, error);
    }
    progress.add(read_bytes, *samples);
  }
  pages.clear();
  return {};
}

Result<void> backfill_file(BackfillTarget& target, const std::string& file, Progress& progress) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return make_error(ErrorCode::not_found, "cannot open " + file);
  std::error_code ignored;
  uint64_t bytes = std::filesystem::file_size(file, ignored);
  progress.begin(file, ignored ? 0 : bytes);
  OpenMetricsChunker chunker;
  std::vector<OpenMetricsPage> pages;
  std::string block(kReadBytes, '\0');
  uint64_t read_bytes = 0;
  auto in_file = [&](const Error& error) {
    return at_place(file, error.position ? error.position->line : chunker.line_count(), error);
  };
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())), stream.gcount() > 0) {
    auto count = static_cast<size_t>(stream.gcount());
    read_bytes += count;
    if (Result<void> fed = chunker.feed({block.data(), count}, pages); !fed.ok()) return in_file(fed.error());
    OBELISK_CHECK_OK(store_pages(target, file, pages, read_bytes, progress));
  }
  if (Result<void> finished = chunker.finish(pages); !finished.ok()) return in_file(finished.error());
  OBELISK_CHECK_OK(store_pages(target, file, pages, read_bytes, progress));
  progress.end(chunker.line_count());
  return {};
}

Result<void> backfill(const BackfillFlags& flags) {
  if (flags.data_dir.empty() == flags.url.empty())
    return make_error(ErrorCode::invalid_argument, "backfill needs either --data-dir or --url");
  std::unique_ptr<BackfillTarget> target;
  if (!flags.url.empty()) {
    target = std::make_unique<ServerTarget>(flags.url);
  } else {
    OBELISK_TRY(target, DirectoryTarget::open(flags.data_dir));
  }
  Progress progress;
  for (const std::string& file : flags.files) {
    Result<void> done = backfill_file(*target, file, progress);
    if (!done.ok()) {
      progress.interrupt();
      Result<void> closed = target->close();
      return done.error().with_context(closed.ok() ? "stopped" : "stopped, and the store did not close");
    }
  }
  return target->close();
}

}  // namespace

int run_backfill(const BackfillFlags& flags) {
  set_log_level(LogLevel::warning);
  Result<void> done = backfill(flags);
  if (done.ok()) return 0;
  fmt::print(stderr, "obelisk: {}\n", done.error().message);
  return 1;
}

}  // namespace obelisk::server
