#include "wire/events_and_links.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "codec/byte_reader.h"
#include "codec/varint.h"
#include "wire/any_value_decode.h"
#include "wire/any_value_encode.h"
#include "wire/protobuf.h"
#include "wire/span_rows.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// The values of one column in one row, taken one after the other.
class ColumnValues {
 public:
  // `count`: how many the records name.
  ColumnValues(const Batch& batch, size_t row, const ColumnId& id, size_t count) {
    for (const ColumnData& data : batch.columns) {
      if (data.id.scope != id.scope || data.id.name != id.name || !data.is_present(row)) continue;
      AnyValueView value = value_at(data, row);
      if (count == 1 || value.type != ColumnType::any) {
        values_.push_back(value);
      } else {
        values_ = read_any_array(value.text).value_or(std::vector<AnyValueView>());
      }
      return;
    }
  }

  // Null when there are no more.
  const AnyValueView* next() { return next_ < values_.size() ? &values_[next_++] : nullptr; }
  std::string_view next_text() {
    const AnyValueView* value = next();
    return value == nullptr ? std::string_view() : value->text;
  }
  int64_t next_integer() {
    const AnyValueView* value = next();
    return value == nullptr ? 0 : value->integer;
  }

 private:
  std::vector<AnyValueView> values_;
  size_t next_ = 0;
};

struct RecordShape {
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
  std::string_view trace_state;
  std::vector<std::string_view> keys;
};

// All records, as far as the bytes are whole.
std::vector<RecordShape> read_shapes(std::string_view bytes, Scope scope) {
  std::vector<RecordShape> shapes;
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    RecordShape shape;
    shape.dropped_attributes_count = static_cast<uint32_t>(reader.varint());
    if (scope == Scope::link) {
      shape.flags = static_cast<uint32_t>(reader.varint());
      shape.trace_state = reader.text();
    }
    for (uint64_t left = reader.varint_up_to(reader.left()); left > 0 && !reader.failed(); --left)
      shape.keys.push_back(reader.text());
    if (reader.failed()) break;
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

// The attributes of a span's records, whose values are handed out in their order.
class NestedAttributes {
 public:
  NestedAttributes(const Batch& batch, size_t row, Scope scope, const std::vector<RecordShape>& shapes) {
    for (const RecordShape& shape : shapes) keys_.insert(keys_.end(), shape.keys.begin(), shape.keys.end());
    std::sort(keys_.begin(), keys_.end());
    for (size_t begin = 0, end = 0; begin < keys_.size(); begin = end) {
      while (end < keys_.size() && keys_[end] == keys_[begin]) ++end;
      values_.emplace_back(batch, row, ColumnId{scope, std::string(keys_[begin])}, end - begin);
    }
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }

  std::vector<AttributeView> next(const RecordShape& shape) {
    std::vector<AttributeView> attributes;
    for (std::string_view key : shape.keys) {
      size_t at = static_cast<size_t>(std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
      if (const AnyValueView* value = values_[at].next()) attributes.push_back({key, *value});
    }
    return attributes;
  }

 private:
  std::vector<std::string_view> keys_;
  std::vector<ColumnValues> values_;  // one a key
};

}  // namespace

std::vector<SpanEventView> read_span_events(const Batch& batch, size_t row) {
  std::vector<SpanEventView> events;
  std::vector<RecordShape> shapes = read_shapes(SpanRow{&batch, row}.text(column::kEvents), Scope::event);
  if (shapes.empty()) return events;
  NestedAttributes attributes(batch, row, Scope::event, shapes);
  ColumnValues names(batch, row, fixed_column(column::kEventNames), shapes.size());
  ColumnValues times(batch, row, fixed_column(column::kEventTimes), shapes.size());
  uint64_t start = static_cast<uint64_t>(batch.times()[row]);
  for (const RecordShape& shape : shapes) {
    SpanEventView event;
    event.time.value = static_cast<int64_t>(start + static_cast<uint64_t>(times.next_integer()));
    event.name = names.next_text();
    event.attributes = attributes.next(shape);
    event.dropped_attributes_count = shape.dropped_attributes_count;
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<SpanLinkView> read_span_links(const Batch& batch, size_t row) {
  std::vector<SpanLinkView> links;
  std::vector<RecordShape> shapes = read_shapes(SpanRow{&batch, row}.text(column::kLinks), Scope::link);
  if (shapes.empty()) return links;
  NestedAttributes attributes(batch, row, Scope::link, shapes);
  ColumnValues trace_ids(batch, row, fixed_column(column::kLinkTraceIds), shapes.size());
  ColumnValues span_ids(batch, row, fixed_column(column::kLinkSpanIds), shapes.size());
  for (const RecordShape& shape : shapes) {
    SpanLinkView link;
    link.trace_id = TraceId::from_hex(trace_ids.next_text()).value_or(TraceId{});
    link.span_id = SpanId::from_hex(span_ids.next_text()).value_or(SpanId{});
    link.trace_state = shape.trace_state;
    link.attributes = attributes.next(shape);
    link.dropped_attributes_count = shape.dropped_attributes_count;
    link.flags = shape.flags;
    links.push_back(std::move(link));
  }
  return links;
}

void NestedRecords::clear() {
  shape_.clear();
  attributes_.clear();
  of_records_ = 0;
  times_.clear();
  names_.clear();
  trace_ids_.clear();
  span_ids_.clear();
}

void NestedRecords::end_record() {
  append_varint(shape_, attributes_.size() - of_records_);
  for (; of_records_ < attributes_.size(); ++of_records_) append_text(shape_, attributes_[of_records_].key);
}

void NestedRecords::add_event(UnixNanos time, std::string_view name, uint32_t dropped_attributes_count) {
  times_.push_back(static_cast<uint64_t>(time.value));
  names_.push_back(name);
  append_varint(shape_, dropped_attributes_count);
  end_record();
}

void NestedRecords::add_link(std::string_view trace_id, std::string_view span_id,
                             std::string_view trace_state, uint32_t dropped_attributes_count,
                             uint32_t flags) {
  trace_ids_.push_back(to_hex(trace_id));
  span_ids_.push_back(to_hex(span_id));
  append_varint(shape_, dropped_attributes_count);
  append_varint(shape_, flags);
  append_text(shape_, trace_state);
  end_record();
}

namespace {

AttributeView attribute_of(std::string_view message) {
  AttributeView attribute;
  if (!decode_short_attribute(message, attribute)) attribute = decode_attribute(message);
  return attribute;
}

}  // namespace

void NestedRecords::decode_event(std::string_view message) {
  UnixNanos time{0};
  std::string_view name;
  uint32_t dropped = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::fixed64_field(1):
        time.value = static_cast<int64_t>(reader.get_fixed64());
        break;
      case protobuf::length_field(2):
        name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(3):
        add_attribute(attribute_of(protobuf::string_of(reader)));
        break;
      case protobuf::varint_field(4):
        dropped = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
  add_event(time, name, dropped);
}

void NestedRecords::decode_link(std::string_view message) {
  std::string_view trace_id, span_id, trace_state;
  uint32_t dropped = 0, flags = 0;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        trace_id = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        span_id = protobuf::string_of(reader);
        break;
      case protobuf::length_field(3):
        trace_state = protobuf::string_of(reader);
        break;
      case protobuf::length_field(4):
        add_attribute(attribute_of(protobuf::string_of(reader)));
        break;
      case protobuf::varint_field(5):
        dropped = reader.get_uint32();
        break;
      case protobuf::fixed32_field(6):
        flags = reader.get_fixed32();
        break;
      default:
        reader.skip();
    }
  }
  add_link(trace_id, span_id, trace_state, dropped, flags);
}

bool NestedRecords::sort_attributes() {
  order_.resize(attributes_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    int order = attributes_[a].key.compare(attributes_[b].key);
    return order != 0 ? order < 0 : a < b;
  });
  size_t keys = order_.empty() ? 0 : 1;
  for (size_t i = 1; i < order_.size(); ++i)
    keys += attributes_[order_[i]].key != attributes_[order_[i - 1]].key ? 1 : 0;
  return keys <= kKeysMax;
}

bool NestedRecords::set_columns(BatchBuilder& rows, Scope scope, UnixNanos start) {
  if (!sort_attributes()) return false;
  bool events = scope == Scope::event;
  rows.set_string(Scope::fixed, events ? column::kEvents : column::kLinks, rows.arena().copy(shape_),
                  ColumnType::bytes);
  auto set_texts = [&](std::string_view column, const auto& texts) {
    values_.clear();
    for (std::string_view text : texts) values_.push_back({ColumnType::string, 0, 0, text});
    set_values(rows, Scope::fixed, column, values_);
  };
  if (events) {
    set_texts(column::kEventNames, names_);
    values_.clear();
    for (uint64_t time : times_)
      values_.push_back(
          {ColumnType::int64, static_cast<int64_t>(time - static_cast<uint64_t>(start.value)), 0, {}});
    set_values(rows, Scope::fixed, column::kEventTimes, values_);
  } else {
    for (auto* ids : {&trace_ids_, &span_ids_}) {
      values_.clear();
      for (const std::string& id : *ids) values_.push_back({ColumnType::string, 0, 0, rows.arena().copy(id)});
      set_values(rows, Scope::fixed, ids == &trace_ids_ ? column::kLinkTraceIds : column::kLinkSpanIds,
                 values_);
    }
  }
  set_attributes(rows, scope);
  return true;
}

void NestedRecords::set_attributes(BatchBuilder& rows, Scope scope) {
  for (size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
    std::string_view key = attributes_[order_[begin]].key;
    values_.clear();
    for (; end < order_.size() && attributes_[order_[end]].key == key; ++end)
      values_.push_back(attributes_[order_[end]].value);
    set_values(rows, scope, key, values_);
  }
}

void NestedRecords::set_values(BatchBuilder& rows, Scope scope, std::string_view name,
                               const std::vector<AnyValueView>& values) {
  if (values.size() == 1) return set_attribute(rows, scope, {name, values[0]});
  array_.clear();
  {
    protozero::pbf_writer any(array_);
    protozero::pbf_writer elements(any, 5);
    for (const AnyValueView& value : values) add_any_value(elements, 1, value);
  }
  rows.set_string(scope, name, rows.arena().copy(array_), ColumnType::any);
}

}  // namespace obelisk
