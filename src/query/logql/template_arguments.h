#pragma once
// How the functions of log templates read their arguments. Internal to template_*_functions.cc.
#include <string>
#include <string_view>

#include "query/core/go_template.h"

namespace obelisk::logql {

namespace template_arguments {

Error failed(std::string message);
// The argument as text (a whole number), or Go's complaint about its type.
Result<std::string_view> text_at(TemplateArguments arguments, size_t i);
Result<int64_t> integer_at(TemplateArguments arguments, size_t i);
// Conversions that never fail: what is no number is 0.
int64_t to_integer(const TemplateValue& value);
double to_real(const TemplateValue& value);

}  // namespace template_arguments

void add_text_functions(TemplateFunctions& table);
void add_number_functions(TemplateFunctions& table);

}  // namespace obelisk::logql
