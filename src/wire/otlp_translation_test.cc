#include "wire/otlp_translation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace obelisk {
namespace {

// Goal: a reload may replace the settings while requests read them. Both lists of every value that is read
// are of the same replacement; under ./dev tsan the accesses themselves are judged.
TEST(OtlpSettings, AreReadWholeWhileTheyAreReplaced) {
  OtlpSettings settings;
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        std::shared_ptr<const OtlpTranslation> seen = settings.current();
        if (seen->promote_resource_attributes != seen->ignore_resource_attributes) ++torn;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    OtlpTranslation next;
    next.promote_resource_attributes = next.ignore_resource_attributes = {"attribute." + std::to_string(i)};
    settings.replace(std::move(next));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(settings.current()->promote_resource_attributes, std::vector<std::string>{"attribute.1999"});
}

}  // namespace
}  // namespace obelisk
