#pragma once
// Delivers notifications over HTTP: webhooks and Slack-compatible incoming webhooks. Resolved notifications
// go only to integrations that want them. 2xx is success; network errors, 429 and 5xx are worth a retry; any
// other answer is final for this flush and reported as an error too. Thread safe.
#include "alerting/dispatcher.h"

namespace obelisk::alerting {

// `timeout_nanos` bounds one delivery.
Sender make_http_sender(int64_t timeout_nanos);

}  // namespace obelisk::alerting
