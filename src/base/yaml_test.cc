#include "base/yaml.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

struct Example {
  std::string name;
  int64_t interval = 0;
  uint64_t size = 0;
  bool on = false;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
};

Result<Example> read(std::string_view text) {
  OBELISK_TRY(YamlNode node, parse_yaml(text, "x.yml"));
  Example example;
  YamlMap map(node, "x.yml", "example");
  map.required_string("name", example.name);
  map.duration("interval", example.interval);
  map.byte_size("size", example.size);
  map.boolean("on", example.on);
  map.string_list("list", example.list);
  map.string_map("map", example.map);
  map.refuse({"later"}, "is not supported yet");
  OBELISK_CHECK_OK(map.finish());
  return example;
}

TEST(Yaml, ReadsTypedValues) {
  Result<Example> example =
      read("name: a\ninterval: 1m30s\nsize: 64MB\non: true\nlist: [x, y]\nmap: {k: v}\n");
  ASSERT_TRUE(example.ok()) << example.error().to_string();
  EXPECT_EQ(example->interval, 90'000'000'000);
  EXPECT_EQ(example->size, 64u << 20);
  EXPECT_TRUE(example->on);
  EXPECT_EQ(example->list.size(), 2u);
  EXPECT_EQ(example->map["k"], "v");
}

TEST(Yaml, TypesAreThoseThatWereWritten) {
  EXPECT_TRUE(read("name: a\non: YES\n")->on);
  EXPECT_TRUE(read("name: a\non: y\n")->on);
  EXPECT_FALSE(read("name: a\non: Off\n")->on);
  EXPECT_FALSE(read("name: a\non: yEs\n").ok());
  EXPECT_FALSE(read("name: a\non: 'true'\n").ok()) << "a text";
  EXPECT_EQ(read("name: a\nlist: x\n").error().message, "x.yml:2: example: list must be a list");
  EXPECT_TRUE(read("name: a\nlist:\n")->list.empty());
}

TEST(Yaml, ErrorsNameFileLineAndTheNearestKey) {
  EXPECT_EQ(read("name: a\nintervall: 1m\n").error().message,
            "x.yml:2: example: unknown key \"intervall\", did you mean \"interval\"?");
  EXPECT_EQ(read("name: a\nlater: 1\n").error().message, "x.yml:2: example: later is not supported yet");
  EXPECT_EQ(read("interval: 1m\n").error().message, "x.yml:1: example: name is missing");
  EXPECT_NE(read("name: a\nname: b\n").error().message.find("x.yml:2: key \"name\" stands twice"),
            std::string::npos);
  EXPECT_NE(read("name: [a\n").error().message.find("x.yml:"), std::string::npos);
  EXPECT_FALSE(read("name: a\non: maybe\n").ok());
  EXPECT_FALSE(read("name: a\nsize: 5 parsecs\n").ok());
  EXPECT_FALSE(read("- a\n").ok());
}

TEST(Yaml, HostileNestingIsRefused) {
  EXPECT_FALSE(parse_yaml(std::string(200, '[') + std::string(200, ']'), "x.yml").ok());
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'l'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string(i ? ",*" : "*") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  EXPECT_FALSE(parse_yaml(bomb, "x.yml").ok());
}

TEST(Yaml, CarriesOutMergeKeys) {
  auto root = parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{z: 4}, *a], x: 5}\n", "f");
  ASSERT_TRUE(root.ok()) << root.error().to_string();
  const YamlNode* b = root->find("b");
  EXPECT_EQ(b->find("x")->scalar, "1");
  EXPECT_EQ(b->find("y")->scalar, "3");
  EXPECT_EQ(b->find("<<"), nullptr);
  const YamlNode* c = root->find("c");
  EXPECT_EQ(c->find("x")->scalar, "5");
  EXPECT_EQ(c->find("z")->scalar, "4");
  EXPECT_FALSE(parse_yaml("a: {<<: 3}\n", "f").ok());
}

TEST(Yaml, RefusesBinaryAndTellsOfMoreDocuments) {
  EXPECT_FALSE(parse_yaml("a: !!binary \"/w==\"\n", "f").ok());
  EXPECT_FALSE(parse_yaml("!!binary \"/w==\": a\n", "f").ok());
  EXPECT_FALSE(parse_yaml("a: 1\n---\nb: 2\n", "f").ok());
  bool more = false;
  auto first = parse_first_yaml("a: 1\n---\nb: 2\n", "f", more);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(more);
  EXPECT_EQ(first->find("a")->scalar, "1");
}

}  // namespace
}  // namespace obelisk
