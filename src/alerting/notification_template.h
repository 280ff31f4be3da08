#pragma once
// Templates in receiver configurations (Alertmanager's notification templates): Go's text/template over
// .Receiver, .Status, .Alerts (each .Status, .Labels, .Annotations, .StartsAt, .EndsAt, .GeneratorURL,
// .Fingerprint), .GroupLabels, .CommonLabels, .CommonAnnotations and .ExternalURL, with the functions of rule
// templates that need no query, and join. Pure functions.
#include <string>
#include <string_view>

#include "alerting/notification.h"
#include "base/result.h"

namespace obelisk::alerting {

Result<void> check_notification_template(std::string_view text);
// A template that fails becomes "<error expanding template: ...>", so that the notification still goes out.
std::string expand_notification_template(std::string_view text, const Notification& notification);

}  // namespace obelisk::alerting
