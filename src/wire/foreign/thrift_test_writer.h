#pragma once
// Writes Thrift's compact and binary protocols, for tests and fuzz seeds. Not part of the server.
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "wire/foreign/thrift_reader.h"

namespace obelisk {

class ThriftTestWriter {
 public:
  explicit ThriftTestWriter(ThriftProtocol protocol) : compact_(protocol == ThriftProtocol::compact) {}

  void message(std::string_view name) {
    if (compact_) {
      out_ += "\x82\x81";  // one-way, version 1
      varint(7);
      text_value(name);
    } else {
      big_endian(0x80010004, 4);
      text_value(name);
      big_endian(7, 4);
    }
  }
  void begin_struct() { last_[++depth_] = 0; }
  void end_struct() {
    out_ += '\0';
    --depth_;
  }
  void integer(int id, int64_t value, bool wide = true) {
    header(id, wide ? 6 : 5, wide ? 10 : 8);
    integer_value(value, wide);
  }
  void number(int id, double value) {
    header(id, 7, 4);
    uint64_t bits = std::bit_cast<uint64_t>(value);
    if (compact_) {
      out_.append(reinterpret_cast<const char*>(&bits), 8);
    } else {
      big_endian(bits, 8);
    }
  }
  void boolean(int id, bool value) {
    header(id, value ? 1 : 2, 2);
    if (!compact_) out_ += value ? '\1' : '\0';
  }
  void text(int id, std::string_view value) {
    header(id, 8, 11);
    text_value(value);
  }
  void structure(int id) {
    header(id, 12, 12);
    begin_struct();
  }
  void list_of_structs(int id, size_t count) {
    header(id, 9, 15);
    if (!compact_) {
      out_ += '\x0C';
      big_endian(count, 4);
    } else if (count < 15) {
      out_ += static_cast<char>(count << 4 | 12);
    } else {
      out_ += '\xFC';
      varint(count);
    }
  }
  const std::string& bytes() const { return out_; }

 private:
  void header(int id, int compact_type, int binary_type) {
    if (!compact_) {
      out_ += static_cast<char>(binary_type);
      big_endian(static_cast<uint64_t>(id), 2);
      return;
    }
    int delta = id - last_[depth_];
    if (delta > 0 && delta < 16) {
      out_ += static_cast<char>(delta << 4 | compact_type);
    } else {
      out_ += static_cast<char>(compact_type);
      zigzag(id);
    }
    last_[depth_] = id;
  }
  void integer_value(int64_t value, bool wide) {
    if (compact_) {
      zigzag(value);
    } else {
      big_endian(static_cast<uint64_t>(value), wide ? 8 : 4);
    }
  }
  void text_value(std::string_view value) {
    if (compact_) {
      varint(value.size());
    } else {
      big_endian(value.size(), 4);
    }
    out_ += value;
  }
  void zigzag(int64_t value) {
    varint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
  }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void big_endian(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) out_ += static_cast<char>(value >> (8 * i));
  }

  bool compact_;
  std::string out_;
  int depth_ = 0;
  int last_[32] = {};
};

// A zipkincore.Span with both halves of a call from "web" to "api".
inline void write_zipkin_span(ThriftTestWriter& writer) {
  auto annotation = [&](int64_t time, std::string_view value, std::string_view service) {
    writer.begin_struct();
    writer.integer(1, time);
    writer.text(2, value);
    writer.structure(3);
    writer.integer(1, 0x0A000002, false);
    writer.text(3, service);
    writer.end_struct();
    writer.end_struct();
  };
  auto binary = [&](std::string_view key, std::string_view value, int type) {
    writer.begin_struct();
    writer.text(1, key);
    writer.text(2, value);
    writer.integer(3, type, false);
    writer.end_struct();
  };
  writer.begin_struct();
  writer.integer(1, 2);
  writer.text(3, "get");
  writer.integer(4, 10);
  writer.integer(5, 9);
  writer.list_of_structs(6, 5);
  annotation(1000, "cs", "web");
  annotation(1010, "sr", "api");
  annotation(1020, "cache miss", "api");
  annotation(1040, "ss", "api");
  annotation(1050, "cr", "web");
  writer.list_of_structs(8, 3);
  binary("http.path", "/x", 6);
  binary("http.status", std::string_view("\0\0\1\xF4", 4), 3);
  binary("ok", std::string_view("\1", 1), 0);
  writer.integer(12, 1);
  writer.end_struct();
}

// A jaeger.thrift Batch: service "shop" with a tag, one span with every field.
inline void write_jaeger_batch(ThriftTestWriter& writer, bool process_last = false) {
  auto tag = [&](std::string_view key, int type) {
    writer.begin_struct();
    writer.text(1, key);
    writer.integer(2, type, false);
  };
  auto process = [&] {
    writer.structure(1);
    writer.text(1, "shop");
    writer.list_of_structs(2, 1);
    tag("hostname", 0);
    writer.text(3, "node-1");
    writer.end_struct();
    writer.end_struct();
  };
  writer.begin_struct();
  if (!process_last) process();
  writer.list_of_structs(2, 1);
  writer.begin_struct();
  writer.integer(1, 2);
  writer.integer(2, 1);
  writer.integer(3, -5);
  writer.integer(4, 0);
  writer.text(5, "charge");
  writer.list_of_structs(6, 2);
  for (int64_t span : {9, 8}) {  // follows-from 9, child-of 8: the child-of one is the parent
    writer.begin_struct();
    writer.integer(1, span == 9 ? 1 : 0, false);
    writer.integer(2, 2);
    writer.integer(3, 1);
    writer.integer(4, span);
    writer.end_struct();
  }
  writer.integer(7, 1, false);
  writer.integer(8, 1'000'000);
  writer.integer(9, 250);
  writer.list_of_structs(10, 5);
  tag("span.kind", 0);
  writer.text(3, "server");
  writer.end_struct();
  tag("error", 2);
  writer.boolean(5, true);
  writer.end_struct();
  tag("amount", 1);
  writer.number(4, 12.5);
  writer.end_struct();
  tag("retries", 3);
  writer.integer(6, -3);
  writer.end_struct();
  tag("raw", 4);
  writer.text(7, std::string("\0\1", 2));
  writer.end_struct();
  writer.list_of_structs(11, 1);
  writer.begin_struct();
  writer.integer(1, 1'000'100);
  writer.list_of_structs(2, 2);
  tag("event", 0);
  writer.text(3, "declined");
  writer.end_struct();
  tag("code", 3);
  writer.integer(6, 51);
  writer.end_struct();
  writer.end_struct();
  writer.end_struct();
  if (process_last) process();
  writer.end_struct();
}

}  // namespace obelisk
