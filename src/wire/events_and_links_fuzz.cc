// Readers of the columns of events and links: any bytes in them, and columns that do not fit, give an answer.
#include "base/fuzz_driver.h"
#include "wire/events_and_links.h"
#include "wire/otlp_test_messages.h"

using namespace obelisk;
using namespace obelisk::otlp_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string_view shape = bytes.substr(0, size / 2), values = bytes.substr(size / 2);
  BatchBuilder rows(Table::spans);
  rows.add_row(UnixNanos{1});
  rows.set_string(Scope::fixed, column::kEvents, shape, ColumnType::bytes);
  rows.set_string(Scope::fixed, column::kLinks, shape, ColumnType::bytes);
  rows.set_string(Scope::fixed, column::kEventNames, values, ColumnType::any);
  rows.set_string(Scope::fixed, column::kLinkTraceIds, values);
  rows.set_string(Scope::event, "k", values, ColumnType::any);
  rows.set_string(Scope::link, "k", values);
  Batch batch = rows.finish();
  read_span_events(batch, 0);
  read_span_links(batch, 0);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string one("\x00\x01\x01k", 4), two = one + one;
  return {one + string_value("v"), two + array_value({string_value("a"), int_value(1)}),
          std::string(64, '\xff')};
}
