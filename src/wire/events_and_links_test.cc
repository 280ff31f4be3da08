#include "wire/events_and_links.h"

#include <gtest/gtest.h>

#include <random>

#include "base/test_seed.h"
#include "wire/otlp_test_messages.h"

namespace obelisk {
namespace {

using namespace otlp_test;

constexpr UnixNanos kStart{1'000'000};

AttributeView text(std::string_view key, std::string_view value) {
  return {key, {ColumnType::string, 0, 0, value}};
}
AttributeView number(std::string_view key, int64_t value) {
  return {key, {ColumnType::int64, value, 0, {}}};
}

// One row with the records' columns.
Batch row_of(NestedRecords& events, NestedRecords& links) {
  BatchBuilder rows(Table::spans);
  rows.add_row(kStart);
  EXPECT_TRUE(events.empty() || events.set_events(rows, kStart));
  EXPECT_TRUE(links.empty() || links.set_links(rows));
  Batch batch = rows.finish();
  EXPECT_TRUE(batch.check().ok());
  return batch;
}

void expect_same(const std::vector<AttributeView>& is, const std::vector<AttributeView>& wanted) {
  ASSERT_EQ(is.size(), wanted.size());
  for (size_t i = 0; i < is.size(); ++i) {
    EXPECT_EQ(is[i].key, wanted[i].key);
    EXPECT_EQ(is[i].value.type, wanted[i].value.type) << wanted[i].key;
    EXPECT_EQ(is[i].value.integer, wanted[i].value.integer);
    EXPECT_EQ(is[i].value.number, wanted[i].value.number);
    EXPECT_EQ(is[i].value.text, wanted[i].value.text);
  }
}

TEST(EventsAndLinks, WhatOneEventSaysStandsInColumnsOfItsTypes) {
  NestedRecords events, links;
  events.add_attribute(text("exception.type", "Timeout"));
  events.add_attribute(number("retries", 3));
  events.add_event({kStart.value + 250}, "exception", 2);
  Batch batch = row_of(events, links);
  const ColumnData* type = batch.find({Scope::event, "exception.type"}, ColumnType::string);
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->strings[0], "Timeout");
  EXPECT_EQ(batch.find({Scope::event, "retries"}, ColumnType::int64)->ints[0], 3);
  EXPECT_EQ(batch.find(fixed_column(column::kEventNames), ColumnType::string)->strings[0], "exception");
  EXPECT_EQ(batch.find(fixed_column(column::kEventTimes), ColumnType::int64)->ints[0], 250);
  std::vector<SpanEventView> read = read_span_events(batch, 0);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].dropped_attributes_count, 2u);
  EXPECT_EQ(read[0].time.value, kStart.value + 250);
}

TEST(EventsAndLinks, SeveralEventsComeBackWithTheirOwnAttributesInOrder) {
  NestedRecords events, links;
  events.add_attribute(number("id", 1));
  events.add_attribute(text("only.first", "x"));
  events.add_event({kStart.value + 1}, "message", 0);
  events.add_event({kStart.value - 5}, "", 0);  // no name, no attribute, before the span
  events.add_attribute(text("id", "two"));      // another type
  events.add_attribute(number("id", 3));        // and twice in one event
  events.add_event({kStart.value + 9}, "message", 7);
  Batch batch = row_of(events, links);
  EXPECT_NE(batch.find({Scope::event, "id"}, ColumnType::any), nullptr);
  EXPECT_NE(batch.find({Scope::event, "only.first"}, ColumnType::string), nullptr);
  std::vector<SpanEventView> read = read_span_events(batch, 0);
  ASSERT_EQ(read.size(), 3u);
  expect_same(read[0].attributes, {number("id", 1), text("only.first", "x")});
  EXPECT_EQ(read[1].name, "");
  EXPECT_EQ(read[1].time.value, kStart.value - 5);
  EXPECT_TRUE(read[1].attributes.empty());
  expect_same(read[2].attributes, {text("id", "two"), number("id", 3)});
  EXPECT_EQ(read[2].dropped_attributes_count, 7u);
}

TEST(EventsAndLinks, AnArrayIsNotTakenForTheValuesOfSeveralEvents) {
  std::string array = array_value({int_value(1), int_value(2)});
  AttributeView list{"list", {ColumnType::any, 0, 0, array}};
  for (size_t count : {1u, 2u}) {
    NestedRecords events, links;
    for (size_t i = 0; i < count; ++i) {
      events.add_attribute(list);
      events.add_event(kStart, "e", 0);
    }
    Batch batch = row_of(events, links);
    std::vector<SpanEventView> read = read_span_events(batch, 0);
    ASSERT_EQ(read.size(), count);
    for (const SpanEventView& event : read) expect_same(event.attributes, {list});
  }
}

TEST(EventsAndLinks, LinksKeepIdsStateFlagsAndAttributes) {
  NestedRecords events, links;
  std::string trace(16, '\x0a'), span(8, '\x0b');
  links.add_attribute(text("kind", "retry"));
  links.add_link(trace, span, "vendor=1", 4, 0x101);
  links.add_link(trace, "short", "", 0, 0);
  Batch batch = row_of(events, links);
  std::vector<SpanLinkView> read = read_span_links(batch, 0);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].trace_id.view(), trace);
  EXPECT_EQ(read[0].span_id.to_bytes(), span);
  EXPECT_EQ(read[0].trace_state, "vendor=1");
  EXPECT_EQ(read[0].dropped_attributes_count, 4u);
  EXPECT_EQ(read[0].flags, 0x101u);
  expect_same(read[0].attributes, {text("kind", "retry")});
  EXPECT_EQ(read[1].trace_id.view(), trace);
  EXPECT_TRUE(read_span_events(batch, 0).empty());
}

TEST(EventsAndLinks, TooManyDifferentAttributesAreRefusedAndRepeatedOnesAreNot) {
  std::vector<std::string> keys;
  for (size_t i = 0; i <= NestedRecords::kKeysMax; ++i) keys.push_back("k" + std::to_string(i));
  NestedRecords events;
  for (const std::string& key : keys) {
    events.add_attribute(text(key, "v"));
    events.add_event(kStart, "e", 0);
  }
  BatchBuilder rows(Table::spans);
  rows.add_row(kStart);
  EXPECT_FALSE(events.set_events(rows, kStart));
  EXPECT_EQ(rows.column_count(), 0u);
  events.clear();
  for (size_t i = 0; i < 3 * NestedRecords::kKeysMax; ++i) {
    events.add_attribute(number("same", static_cast<int64_t>(i)));
    events.add_event(kStart, "e", 0);
  }
  ASSERT_TRUE(events.set_events(rows, kStart));
  Batch batch = rows.finish();
  std::vector<SpanEventView> read = read_span_events(batch, 0);
  ASSERT_EQ(read.size(), 3 * NestedRecords::kKeysMax);
  EXPECT_EQ(read.back().attributes.at(0).value.integer, static_cast<int64_t>(read.size()) - 1);
}

// Random records, read back one for one.
TEST(EventsAndLinks, RandomRecordsComeBack) {
  std::mt19937_64 random(test_seed());
  auto below = [&](uint64_t n) { return random() % n; };
  const std::string_view keys[] = {"a", "b", "c", "a.b", ""};
  const std::string_view words[] = {"", "x", "yes", "a longer text than the others"};
  std::string array = array_value({string_value("p"), bool_value(true)});
  for (int round = 0; round < 500; ++round) {
    std::vector<SpanEventView> wanted(below(5));
    NestedRecords events, links;
    for (SpanEventView& event : wanted) {
      for (uint64_t left = below(5); left > 0; --left) {
        AnyValueView value;
        switch (below(5)) {
          case 0:
            value = {ColumnType::string, 0, 0, words[below(4)]};
            break;
          case 1:
            value = {ColumnType::int64, static_cast<int64_t>(random()), 0, {}};
            break;
          case 2:
            value = {ColumnType::float64, 0, static_cast<double>(below(100)) / 8, {}};
            break;
          case 3:
            value = {ColumnType::boolean, static_cast<int64_t>(below(2)), 0, {}};
            break;
          default:
            value = {ColumnType::any, 0, 0, below(2) == 0 ? std::string_view(array) : std::string_view()};
        }
        event.attributes.push_back({keys[below(5)], value});
        events.add_attribute(event.attributes.back());
      }
      event.time.value = static_cast<int64_t>(random());
      event.name = words[below(4)];
      events.add_event(event.time, event.name, 0);
    }
    Batch batch = row_of(events, links);
    std::vector<SpanEventView> read = read_span_events(batch, 0);
    ASSERT_EQ(read.size(), wanted.size());
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].time.value, wanted[i].time.value);
      EXPECT_EQ(read[i].name, wanted[i].name);
      expect_same(read[i].attributes, wanted[i].attributes);
    }
  }
}

}  // namespace
}  // namespace obelisk
