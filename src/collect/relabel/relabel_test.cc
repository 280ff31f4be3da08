// Each action with what it does and what it refuses.
#include "collect/relabel/relabel.h"

#include <gtest/gtest.h>

namespace obelisk::collect {
namespace {

Result<RelabelRules> rules_of(const std::string& yaml, NameScheme scheme = NameScheme::utf8) {
  auto root = parse_yaml("rules:\n" + yaml, "r.yml");
  if (!root.ok()) return root.error();
  RelabelRules rules;
  YamlMap map(*root, "r.yml", "test");
  read_relabel_rules(map, "rules", "r.yml", scheme, rules);
  OBELISK_CHECK_OK(map.finish());
  return rules;
}

// The labels after the rules, "dropped", or the error.
std::string after(const std::string& yaml, Labels labels = Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}}) {
  auto rules = rules_of(yaml);
  if (!rules.ok()) return rules.error().message;
  return relabel(*rules, labels) ? labels.to_string() : "dropped";
}

TEST(Relabel, Replace) {
  EXPECT_EQ(after("- {source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch${1}'}"),
            R"({a="foo", b="bar", c="baz", d="choo-choo"})");
  EXPECT_EQ(
      after("- {source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}"),
      R"({a="boobam", b="bar", c="baz"})");
  EXPECT_EQ(after("- {source_labels: [a], regex: nothing, target_label: d}"),
            R"({a="foo", b="bar", c="baz"})");
  EXPECT_EQ(after("- {source_labels: [a, b], separator: '', target_label: d}"),
            R"({a="foo", b="bar", c="baz", d="foobar"})");
  // The defaults: the whole of a label, and an absent label removes.
  EXPECT_EQ(after("- {source_labels: [a], target_label: b}"), R"({a="foo", b="foo", c="baz"})");
  EXPECT_EQ(after("- {source_labels: [x], target_label: b}"), R"({a="foo", c="baz"})");
  EXPECT_EQ(after("- {target_label: x, replacement: fixed}"), R"({a="foo", b="bar", c="baz", x="fixed"})");
  EXPECT_EQ(after("- {target_label: a, replacement: ''}"), R"({b="bar", c="baz"})");
}

TEST(Relabel, ReplaceExpandsTheTargetToo) {
  Labels labels{{"__meta_sd_tags", "path:/secret,job:some-job"}};
  EXPECT_EQ(after("- {source_labels: [__meta_sd_tags], regex: '(?:.+,|^)path:(/[^,]+).*', target_label: "
                  "__metrics_path__}\n"
                  "- {source_labels: [__meta_sd_tags], regex: '(?:.+,|^)job:([^,]+).*', target_label: job}\n"
                  "- {regex: __meta_.*, action: labeldrop}",
                  labels),
            R"({__metrics_path__="/secret", job="some-job"})");
  Labels tag{{"t", "label:x1=y2"}};
  EXPECT_EQ(
      after("- {source_labels: [t], regex: 'label:([^=]+)=(.+)', target_label: '${1}', replacement: '${2}'}",
            tag),
      R"({t="label:x1=y2", x1="y2"})");
  // A target that expands to nothing is no label name: the rule does nothing.
  EXPECT_EQ(after("- {source_labels: [t], regex: 'label:(z?).*', target_label: '${1}', replacement: x}", tag),
            R"({t="label:x1=y2"})");
}

TEST(Relabel, ReferencesAreGos) {
  Labels labels{{"a", "one-two"}};
  auto replaced = [&](const std::string& replacement) {
    return after(
        "- {source_labels: [a], regex: '(?P<first>\\w+)-(\\w+)(x)?', target_label: r, replacement: '" +
            replacement + "'}\n- {regex: r, action: labelkeep}",
        labels);
  };
  EXPECT_EQ(replaced("$first/$2"), R"({r="one/two"})");
  EXPECT_EQ(replaced("${first}x$1x"), R"({r="onex"})");  // $1x is a group that is not there
  EXPECT_EQ(replaced("$$1 $ ${ ${1 $-"), R"({r="$1 $ ${ ${1 $-"})");
  EXPECT_EQ(replaced("<$0><$3><$9>"), R"({r="<one-two><><>"})");
}

TEST(Relabel, RegexesAreAnchoredAndDotMatchesLineEnds) {
  EXPECT_EQ(after("- {source_labels: [a], regex: 'o+', action: keep}"), "dropped");
  EXPECT_EQ(after("- {source_labels: [a], regex: 'a.b', action: keep}", Labels{{"a", "a\nb"}}),
            "{a=\"a\\nb\"}");
}

TEST(Relabel, KeepAndDrop) {
  const std::string all = R"({a="foo", b="bar", c="baz"})";
  EXPECT_EQ(after("- {source_labels: [a], regex: foo, action: keep}"), all);
  EXPECT_EQ(after("- {source_labels: [a], regex: bar, action: keep}"), "dropped");
  EXPECT_EQ(after("- {source_labels: [a], regex: .*o.*, action: drop}"), "dropped");
  EXPECT_EQ(after("- {source_labels: [a], regex: no-match, action: drop}"), all);
  EXPECT_EQ(after("- {source_labels: [x], regex: '', action: keep}"), all);
  // Nothing after a drop is looked at; the action's name may be written in any case.
  EXPECT_EQ(after("- {source_labels: [a], action: Drop}\n- {target_label: a, replacement: x}"), "dropped");
}

TEST(Relabel, KeepEqualAndDropEqual) {
  Labels labels{{"__tmp_port", "1234"}, {"__port1", "1234"}, {"__port2", "5678"}};
  const std::string all = labels.to_string();
  EXPECT_EQ(after("- {source_labels: [__tmp_port], target_label: __port1, action: keepequal}", labels), all);
  EXPECT_EQ(after("- {source_labels: [__tmp_port], target_label: __port2, action: keepequal}", labels),
            "dropped");
  EXPECT_EQ(after("- {source_labels: [__tmp_port], target_label: __port1, action: dropequal}", labels),
            "dropped");
  EXPECT_EQ(after("- {source_labels: [__tmp_port], target_label: __port2, action: dropequal}", labels), all);
}

TEST(Relabel, HashModShardsAsPrometheus) {
  // Values computed with another MD5 (python: int.from_bytes(hashlib.md5(text).digest()[8:], "big") %
  // modulus).
  EXPECT_EQ(after("- {source_labels: [c], target_label: d, action: hashmod, modulus: 1000}"),
            R"({a="foo", b="bar", c="baz", d="976"})");
  EXPECT_EQ(after("- {source_labels: [c], target_label: d, action: hashmod, modulus: 1000}",
                  Labels{{"c", "foo\nbar"}}),
            "{c=\"foo\\nbar\", d=\"734\"}");
}

TEST(Relabel, LabelMapDropAndKeep) {
  Labels meta{{"__meta_k8s_pod_name", "p"}, {"__meta_k8s_ns", "n"}, {"x", "1"}};
  EXPECT_EQ(after("- {regex: __meta_k8s_(.+), action: labelmap}\n- {regex: __.*, action: labeldrop}", meta),
            R"({ns="n", pod_name="p", x="1"})");
  EXPECT_EQ(after("- {regex: '(b.*)', action: labelmap, replacement: 'bar_${1}'}",
                  Labels{{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}}),
            R"({a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"})");
  EXPECT_EQ(after("- {regex: '(a|b)', action: labelkeep}"), R"({a="foo", b="bar"})");
  EXPECT_EQ(after("- {regex: '(a|b)', action: labeldrop}"), R"({c="baz"})");
  EXPECT_EQ(after("- {regex: '.*', action: labeldrop}"), "{}");
}

TEST(Relabel, Case) {
  EXPECT_EQ(after("- {source_labels: [f], target_label: g, action: uppercase}\n- {source_labels: [f], "
                  "target_label: h, action: lowercase}",
                  Labels{{"f", "bAr123ÄéЖ"}}),
            R"({f="bAr123ÄéЖ", g="BAR123ÄÉЖ", h="bar123äéж"})");
}

TEST(Relabel, RefusesWhatPrometheusRefuses) {
  auto refused = [](const std::string& yaml, std::string_view part) {
    auto rules = rules_of(yaml, NameScheme::legacy);
    ASSERT_FALSE(rules.ok()) << yaml;
    EXPECT_TRUE(rules.error().message.starts_with("r.yml:2: ")) << rules.error().message;
    EXPECT_NE(rules.error().message.find(part), std::string::npos) << rules.error().message;
  };
  refused("- {action: hashmod, target_label: a}", "modulus");
  refused("- {source_labels: [a]}", "target_label");
  refused("- {source_labels: [a], action: hashmod, modulus: 8}", "target_label");
  refused("- {source_labels: [a], action: lowercase}", "target_label");
  refused("- {source_labels: [a], action: lowercase, target_label: b, replacement: x}", "replacement");
  refused("- {source_labels: [a], action: keepequal, target_label: b, regex: x}", "only");
  refused("- {source_labels: [a], action: dropequal, target_label: b, separator: ','}", "only");
  refused("- {source_labels: [a], action: labeldrop}", "regex only");
  refused("- {action: labelkeep, regex: a, replacement: x}", "regex only");
  refused("- {action: labelmap, replacement: 'a-$1'}", "labelmap");
  refused("- {target_label: 'no-name'}", "no-name");
  refused("- {target_label: '${1}-x'}", "x");
  refused("- {source_labels: [no-name], target_label: a}", "no-name");
  refused("- {regex: 'abc(def', target_label: a}", "abc(def");
  refused("- {action: keeep}", "did you mean \"keep\"");
  refused("- {action: }", "action is empty");
  refused("-", "empty");
  refused("- {source_label: [a]}", "did you mean \"source_labels\"");
  EXPECT_TRUE(rules_of("- {target_label: 'no-name', replacement: x}").ok());  // UTF-8 names
}

}  // namespace
}  // namespace obelisk::collect
