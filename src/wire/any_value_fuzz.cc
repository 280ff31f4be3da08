// Readers of stored AnyValue bytes: any bytes give an answer.
#include "base/fuzz_driver.h"
#include "wire/any_value.h"
#include "wire/otlp_test_messages.h"

using namespace obelisk;
using namespace obelisk::otlp_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  any_value_to_json(bytes);
  any_value_to_text(read_any_value(bytes));
  JsonWriter out;
  write_otlp_any_value(out, read_any_value(bytes));
  out.take();
  read_any_array(bytes);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string nested =
      map_value({key_value("a", array_value({int_value(1), string_value("x"), double_value(0.5)})),
                 key_value("b", map_value({key_value("c", bool_value(true))}))});
  return {nested, string_value("x")};
}
