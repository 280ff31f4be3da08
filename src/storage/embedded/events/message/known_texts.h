#pragma once
// What is kept in memory of one message block that was read: its head and template numbers, and what searches
// made of them: the numbers opened, and what the last conditions found out about its templates. With it most
// searches need not read the block again, and a search that is asked again (a dashboard, the next page, the
// chart above the lines) does not judge again.
// Bounds: opened numbers of all blocks together kOpenNumbersBytesMax, let go of when nothing used them
// between two calls of release_unused; verdicts of the last kConditionsMax conditions, of all blocks together
// kVerdictsBytesMax. Beyond, they are made anew each time. Any thread.
#include <array>
#include <memory>

#include "base/hash.h"
#include "base/thread_annotations.h"
#include "storage/embedded/events/message/message_head.h"
#include "storage/embedded/events/message/template_numbers.h"
#include "storage/embedded/events/message/template_verdicts.h"

namespace obelisk::message {

class TextPredicate;

class KnownTexts {
 public:
  // A byte or two a row: of the ten million rows read last.
  static constexpr size_t kOpenNumbersBytesMax = 16 << 20;
  static constexpr size_t kConditionsMax = 4;
  // A byte a template.
  static constexpr size_t kVerdictsBytesMax = 4 << 20;

  // Copies the planes.
  KnownTexts(std::shared_ptr<const MessageHead> head, const TemplatePlanes& planes, bool has_raw_lines);
  ~KnownTexts();
  KnownTexts(const KnownTexts&) = delete;
  KnownTexts& operator=(const KnownTexts&) = delete;

  const std::shared_ptr<const MessageHead>& head() const { return head_; }
  bool has_raw_lines() const { return has_raw_lines_; }
  Result<std::shared_ptr<const TemplateNumbers>> numbers() const EXCLUDES(mutex_);
  std::shared_ptr<const TemplateVerdicts> verdicts_of(const TextPredicate& predicate) const EXCLUDES(mutex_);
  // What looking at the rows has shown on top of what verdicts_of says.
  void learn(const TextPredicate& predicate, std::shared_ptr<const TemplateVerdicts> verdicts) const
      EXCLUDES(mutex_);
  void release_unused() const EXCLUDES(mutex_);
  // Without what searches made of it.
  size_t memory_bytes() const { return head_->memory_bytes() + planes_->stored_bytes(); }

 private:
  struct Judged {
    Hash128 condition;
    std::shared_ptr<const TemplateVerdicts> verdicts;
  };

  const std::shared_ptr<const MessageHead> head_;
  const std::shared_ptr<const TemplatePlanes> planes_;
  const bool has_raw_lines_;

  mutable Mutex mutex_;
  mutable std::shared_ptr<const TemplateNumbers> numbers_ GUARDED_BY(mutex_);
  mutable bool numbers_used_ GUARDED_BY(mutex_) = false;
  mutable std::array<Judged, kConditionsMax> judged_ GUARDED_BY(mutex_);
  mutable size_t next_judged_ GUARDED_BY(mutex_) = 0;
};

}  // namespace obelisk::message
