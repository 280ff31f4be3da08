// Any text is either refused or runs to an end within its bounds.
#include "base/fuzz_driver.h"
#include "query/core/go_template.h"

namespace obelisk {
std::vector<std::string> fuzz_seeds() {
  return {
      "{{ if eq .a \"x\" }}{{ .b | printf \"%5s\" }}{{ else }}{{ range $i, $e := .l }}{{ $i }}{{ end }}{{ "
      "end }}",
      "{{- with $x := .m.k }}{{ index $x 0 }}{{ end -}} {{ define \"t\" }}{{ . }}{{ end }}{{ template \"t\" "
      "1.5e3 }}",
      "{{ printf \"%*d|%+.3e|%x|%q\" 5 .n 1.5 \"a\\u00e9\" 'x' }}{{/* c */}}{{ slice .s 1 2 }}{{ .t.Format "
      "\"Mon 2006\" }}"};
}
}  // namespace obelisk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  static const TemplateFunctions none;
  Result<GoTemplate> parsed = GoTemplate::parse("f", {reinterpret_cast<const char*>(data), size}, none);
  if (!parsed.ok()) return 0;
  TemplateMap root{{"a", "x"},
                   {"b", 1.5},
                   {"n", 42},
                   {"s", "text"},
                   {"t", TemplateValue(UnixNanos{1})},
                   {"l", TemplateValue(TemplateList{1, "b"})},
                   {"m", TemplateValue(TemplateMap{{"k", TemplateValue(TemplateList{1})}})}};
  TemplateScope scope{TemplateValue(std::move(root)), nullptr};
  std::string out;
  (void)parsed->execute(scope, out).ok();
  std::vector<std::string> names;
  bool whole = false;
  parsed->collect_root_fields(names, whole);
  // The bound is checked between nodes: one value more may stand behind it.
  OBELISK_ASSERT(out.size() <= 2 * GoTemplate::kOutputBytesMax + size);
  return 0;
}
