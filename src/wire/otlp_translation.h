#pragma once
// How OTLP metrics become Prometheus series: Prometheus' `otlp` settings, with its names and defaults, which
// is also the `otlp` block of our own configuration. A plain value; read-only while requests are decoded.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "base/yaml.h"

namespace obelisk {

enum class OtlpTranslationStrategy : uint8_t {
  underscore_escaping_with_suffixes,     // a.b in s -> a_b_seconds; labels likewise
  no_utf8_escaping_with_suffixes,        // a.b in s -> a.b_seconds; labels stay
  underscore_escaping_without_suffixes,  // a.b in s -> a_b
  no_translation,                        // everything stays
};

struct OtlpTranslation {
  OtlpTranslationStrategy strategy = OtlpTranslationStrategy::underscore_escaping_with_suffixes;
  // Resource attributes that become labels of every series, not only of target_info.
  bool promote_all_resource_attributes = false;
  std::vector<std::string> promote_resource_attributes;
  std::vector<std::string> ignore_resource_attributes;  // when all are promoted: but these
  // target_info has service.name, service.namespace and service.instance.id, too.
  bool keep_identifying_resource_attributes = false;
  // otel_scope_name, otel_scope_version, otel_scope_schema_url and otel_scope_<attribute> on every series.
  bool promote_scope_metadata = false;
  // Histograms with explicit bounds become native ones with custom bounds.
  bool convert_histograms_to_nhcb = false;
  // Escaped label names: "key" in front of a single leading underscore; runs of underscores stay as they are.
  bool label_name_underscore_sanitization = true;
  bool label_name_preserve_multiple_underscores = true;

  bool escapes() const {
    return strategy == OtlpTranslationStrategy::underscore_escaping_with_suffixes ||
           strategy == OtlpTranslationStrategy::underscore_escaping_without_suffixes;
  }
  bool adds_suffixes() const {
    return strategy == OtlpTranslationStrategy::underscore_escaping_with_suffixes ||
           strategy == OtlpTranslationStrategy::no_utf8_escaping_with_suffixes;
  }
  bool operator==(const OtlpTranslation&) const = default;
};

// The `otlp` mapping of a configuration file; errors name file and line. What Prometheus refuses is refused:
// promoting all and some, ignoring without promoting all, empty or repeated names, unknown strategies and
// keys.
Result<OtlpTranslation> read_otlp_translation(const YamlNode& node, const std::string& file);

// The settings in force, which a reload replaces while requests read them. Thread safe.
class OtlpSettings {
 public:
  OtlpSettings() : current_(std::make_shared<const OtlpTranslation>()) {}
  std::shared_ptr<const OtlpTranslation> current() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return current_;
  }
  void replace(OtlpTranslation settings) EXCLUDES(mutex_) {
    auto next = std::make_shared<const OtlpTranslation>(std::move(settings));
    MutexLock lock(mutex_);
    current_.swap(next);
  }

 private:
  // Not std::atomic<std::shared_ptr>: that of libstdc++ 12 gives its lock back with a relaxed store after a
  // load, so that the next store does not happen after it.
  mutable Mutex mutex_;
  std::shared_ptr<const OtlpTranslation> current_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
