#include "api/tempo/grpc_query.h"

namespace obelisk::tempo {
namespace {

Result<std::shared_ptr<QueryRun>> begin_call(const ApiContext& context, const GrpcCallPtr& call) {
  HttpRequest head;
  head.headers = call->request().metadata;
  OBELISK_TRY(Tenant tenant, readable_tenants_of(context, head));
  QueryText about{"", call->request().path, ""};
  OBELISK_TRY(std::shared_ptr<QueryRun> run, enter_query(context, std::move(tenant), std::move(about),
                                                         call->request().timeout_nanos.value_or(0)));
  call->on_cancel([weak = std::weak_ptr<QueryRun>(run)] {
    if (std::shared_ptr<QueryRun> alive = weak.lock()) alive->cancel.cancel();
  });
  return run;
}

Result<std::vector<std::string>> run_method(const ApiContext& api, const GrpcMethod& method,
                                            const GrpcCallPtr& call) {
  if (call->request().messages.size() != 1) {
    return make_error(ErrorCode::invalid_argument, "expected exactly one request message");
  }
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_call(api, call));
  return method(TempoCall{api, nullptr, {}, std::move(run)}, call->request().messages[0]);
}

// Messages that wait for those before them to be written.
struct Outgoing {
  GrpcCallPtr call;
  std::vector<std::string> messages;
  size_t next = 0;
};

void send_next(const std::shared_ptr<Outgoing>& outgoing) {
  if (outgoing->next == outgoing->messages.size()) return outgoing->call->finish(GrpcStatus::ok);
  std::string message = std::move(outgoing->messages[outgoing->next++]);
  outgoing->call->send(std::move(message), [outgoing](bool written) {
    if (written) send_next(outgoing);
  });
}

void send_all(const GrpcCallPtr& call, std::vector<std::string> messages) {
  size_t bytes = 0;
  for (const std::string& message : messages) bytes += message.size();
  if (bytes > HttpExchange::kStreamQueueBytesMax / 2)
    return send_next(std::make_shared<Outgoing>(Outgoing{call, std::move(messages), 0}));
  for (std::string& message : messages) call->send(std::move(message));
  call->finish(GrpcStatus::ok);
}

}  // namespace

GrpcHandler grpc_handler_of(const ApiContext& api, GrpcMethod method) {
  return [&api, method = std::move(method)](GrpcCallPtr call) {
    Result<std::vector<std::string>> messages = run_method(api, method, call);
    if (!messages.ok()) return call->finish(grpc_status_of(messages.error().code), messages.error().message);
    send_all(call, std::move(*messages));
  };
}

}  // namespace obelisk::tempo
