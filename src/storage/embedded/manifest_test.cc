// Goal: the manifest comes back from its bytes, the document shows real ones, and a damaged one is refused.
#include "storage/embedded/manifest.h"

#include <gtest/gtest.h>

#include "storage/test_document_hexdump.h"

namespace obelisk {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.log_from = 41;
  manifest.last_sequence = 42;
  manifest.tenants["a"] = {42, 41, {"logs/20260503/0000000000000001.part"}, {"m1"}, 3, {}, {}, {}, {}};
  manifest.tenants["a"].tier_parts = {"300000-19704-1-000000000000002a.tier"};
  manifest.tenants["a"].raw_after_ms = 1'702'425'600'000;
  manifest.tenants["a"].dirty_days = {19'704};
  manifest.tenants["a"].erasures.push_back(
      {3, Table::samples, 40, {{-5}, {1'714'718'277'000'000'000}}, std::string(1, '\0')});
  return manifest;
}

TEST(Manifest, TheDocumentShowsARealManifest) {
  std::string documented = bytes_of_document("docs/formats/manifest.md", "## Worked example");
  ASSERT_EQ(documented, encode_manifest(example())) << "docs/formats/manifest.md should show:\n"
                                                    << hexdump_text(encode_manifest(example()));
  auto parsed = parse_manifest(documented);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, example());
}

TEST(Manifest, AnyChangedBitAndAnyCutIsRefused) {
  std::string bytes = encode_manifest(example());
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    EXPECT_FALSE(parse_manifest(damaged).ok()) << at;
    EXPECT_FALSE(parse_manifest(bytes.substr(0, at)).ok()) << at;
  }
}

TEST(Manifest, TenantDirectoriesAreSafeAndDistinct) {
  EXPECT_EQ(tenant_directory("team-a_1"), "tenants/team-a_1");
  EXPECT_EQ(tenant_directory("../x"), "tenants/%2e%2e%2fx");
  EXPECT_NE(tenant_directory("%2e"), tenant_directory("."));
  std::string first(150, '/'), second = first;
  second.back() = '\\';
  EXPECT_NE(tenant_directory(first), tenant_directory(second));
  EXPECT_LT(tenant_directory(first).size(), 240u);
}

}  // namespace
}  // namespace obelisk
