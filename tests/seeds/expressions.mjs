// Every expression printed in the documents that the project came from, with what it is asked of and what it must
// answer. `seeds_test.mjs` asks them all through the API.
//
// on: 'recorded'  asked of the samples and lines below, at the recorded time; the answer must be exactly `expect`
// on: 'demo'      asked of the running shop after its burst; `holds` says what must be true of the answer
// fragments       not complete expressions, each with the reason why it is not run
//
// expect for vectors: [[labels, value], ...] in any order; for log queries: the lines in order, newest first.

// --- recorded samples -----------------------------------------------------------------------------------------------
// A series is [name, labels, value at the recorded time, change per second]; it has a sample every 15 s for 65 minutes
// up to the recorded time. Series that only went up recently are written as such.

const sample = { job: 'sample-app', instance: 'sample-app:8889' };

export const series = [
  // The sample app: 2/s hello, 0.5/s errors and 0.5/s successes of /error, 0.25/s slow. 3.25/s in all, 0.5/s of it 5xx.
  ['app_http_requests_total', { ...sample, method: 'GET', route: '/hello', status: '200' }, 20000, 2],
  ['app_http_requests_total', { ...sample, method: 'GET', route: '/error', status: '500' }, 5000, 0.5],
  ['app_http_requests_total', { ...sample, method: 'GET', route: '/error', status: '200' }, 5000, 0.5],
  ['app_http_requests_total', { ...sample, method: 'GET', route: '/slow', status: '200' }, 2500, 0.25],
  // /hello: all below 0.25 s, half of them below 0.1 s. /slow: all between 1 and 2.5 s.
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/hello', le: '0.1' }, 10000, 1],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/hello', le: '0.25' }, 20000, 2],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/hello', le: '1' }, 20000, 2],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/hello', le: '2.5' }, 20000, 2],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/hello', le: '+Inf' }, 20000, 2],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/slow', le: '0.1' }, 0, 0],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/slow', le: '0.25' }, 0, 0],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/slow', le: '1' }, 0, 0],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/slow', le: '2.5' }, 5000, 0.5],
  ['app_http_request_duration_seconds_bucket', { ...sample, route: '/slow', le: '+Inf' }, 5000, 0.5],
  ['app_http_active_requests', { ...sample, route: '/hello' }, 3, 0],
  ['app_http_active_requests', { ...sample, route: '/slow' }, 2, 0],
  ['up', sample, 0, 0],
  ['up', { job: 'prometheus', instance: 'localhost:9090' }, 1, 0],

  // The shop as two histograms: orders between 0.25 and 2.5 s, stock checks below 0.05 s, reserves 0.25 to 0.5 s.
  ['http_request_duration_seconds_bucket', { job: 'order-service', endpoint: '/orders', le: '0.25' }, 0, 0],
  ['http_request_duration_seconds_bucket', { job: 'order-service', endpoint: '/orders', le: '2.5' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'order-service', endpoint: '/orders', le: '+Inf' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}', le: '0.05' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}', le: '0.25' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}', le: '+Inf' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}/reserve', le: '0.25' }, 0, 0],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}/reserve', le: '0.5' }, 1000, 1],
  ['http_request_duration_seconds_bucket', { job: 'inventory-service', endpoint: '/stock/{item}/reserve', le: '+Inf' }, 1000, 1],

  // Containers, as cAdvisor reports them.
  ['container_memory_working_set_bytes', { namespace: 'production', pod: 'api-1', name: 'sample-app' }, 100e6, 0],
  ['container_memory_working_set_bytes', { namespace: 'production', pod: 'api-1', name: 'sidecar' }, 20e6, 0],
  ['container_memory_working_set_bytes', { namespace: 'production', pod: 'api-2', name: 'other' }, 80e6, 0],
  ['container_memory_working_set_bytes', { namespace: 'staging', pod: 'api-9', name: 'other' }, 70e6, 0],
  ['container_cpu_usage_seconds_total', { name: 'sample-app' }, 4000, 0.25],
  ['container_cpu_usage_seconds_total', { name: 'other' }, 9000, 0.5],
  ['container_network_receive_bytes_total', { name: 'sample-app' }, 1e9, 1000],
  ['container_oom_events_total', { name: 'sample-app' }, 7, 0],

  // Host, as node_exporter reports it: cpu 0 idle 75 %, cpu 1 idle 25 %.
  ['node_cpu_seconds_total', { instance: 'host-a', cpu: '0', mode: 'idle' }, 50000, 0.75],
  ['node_cpu_seconds_total', { instance: 'host-a', cpu: '1', mode: 'idle' }, 50000, 0.25],
  ['node_cpu_seconds_total', { instance: 'host-a', cpu: '0', mode: 'user' }, 50000, 0.25],
  ['node_memory_MemAvailable_bytes', { instance: 'host-a' }, 6e9, 0],
  ['node_memory_MemTotal_bytes', { instance: 'host-a' }, 24e9, 0],
  ['node_filesystem_size_bytes', { instance: 'host-a', mountpoint: '/' }, 200e9, 0],
  ['node_filesystem_avail_bytes', { instance: 'host-a', mountpoint: '/' }, 50e9, 0],
  ['node_network_receive_bytes_total', { instance: 'host-a', device: 'eth0' }, 1e9, 2000],
  ['node_network_receive_bytes_total', { instance: 'host-a', device: 'lo' }, 1e9, 9],
  ['node_network_transmit_bytes_total', { instance: 'host-a', device: 'eth0' }, 1e9, 3000],
  ['node_load1', { instance: 'host-a' }, 0.5, 0],
  ['node_load5', { instance: 'host-a' }, 0.75, 0],
  ['node_load15', { instance: 'host-a' }, 1.25, 0],

  // Kubernetes, as kube-state-metrics and the kubelet report it.
  ['kube_pod_status_phase', { pod: 'a', phase: 'Running' }, 1, 0],
  ['kube_pod_status_phase', { pod: 'b', phase: 'Pending' }, 1, 0],
  ['kube_pod_status_phase', { pod: 'b', phase: 'Running' }, 0, 0],
  ['kube_pod_status_phase', { pod: 'c', phase: 'Failed' }, 0, 0],
  ['kube_deployment_status_replicas_available', { deployment: 'api' }, 2, 0],
  ['kube_deployment_spec_replicas', { deployment: 'api' }, 4, 0],
  ['kube_pod_container_resource_requests', { namespace: 'x', pod: 'a', resource: 'cpu' }, 0.5, 0],
  ['kube_pod_container_resource_requests', { namespace: 'x', pod: 'b', resource: 'cpu' }, 1.5, 0],
  ['kube_pod_container_resource_requests', { namespace: 'x', pod: 'b', resource: 'memory' }, 1e9, 0],
  ['kubelet_volume_stats_available_bytes', { persistentvolumeclaim: 'data' }, 30e9, 0],
  ['kubelet_volume_stats_capacity_bytes', { persistentvolumeclaim: 'data' }, 120e9, 0],
  ['kube_pod_container_status_restarts_total', { pod: 'crashing' }, 90, 1 / 180],
  ['kube_pod_container_status_restarts_total', { pod: 'calm' }, 3, 0],

  // Data engineering: Airflow through statsd_exporter, Kafka through kminion, table freshness.
  ['airflow_dagrun_duration_failed_total', { dag_id: 'daily_etl' }, 36, 1 / 1200],
  ['airflow_dagrun_duration_failed_total', { dag_id: 'hourly' }, 4, 0],
  ['airflow_dag_last_run_timestamp', { dag_id: 'daily_etl' }, 'recorded - 6000', 0],
  ['kminion_kafka_consumer_group_topic_partition_lag', { consumer_group: 'order-processor', topic: 'orders', partition: '0' }, 9000, 0],
  ['kminion_kafka_consumer_group_topic_partition_lag', { consumer_group: 'order-processor', topic: 'orders', partition: '1' }, 2500, 0],
  ['kminion_kafka_consumer_group_topic_partition_lag', { consumer_group: 'order-processor', topic: 'refunds', partition: '0' }, 40, 0],
  ['kminion_kafka_consumer_group_topic_partition_lag', { consumer_group: 'mailer', topic: 'orders', partition: '0' }, 7, 0],
  ['sql_table_age_seconds', { table_name: 'events' }, 7200, 0],
  ['sql_table_column_count', { table: 'events' }, 12, 0],

  // The names of the cheat sheet.
  ['metric_name', { label: 'value' }, 5, 0],
  ['metric_name', { label: 'val2' }, 6, 0],
  ['metric_name', { label: 'other' }, 7, 0],
  ['counter', { a: 'x' }, 10000, 2],
  ['gauge', { a: 'x' }, 3600, 1],
  ['hist_bucket', { le: '1' }, 10000, 1],
  ['hist_bucket', { le: '2' }, 20000, 2],
  ['hist_bucket', { le: '+Inf' }, 20000, 2],
  ['metric', { label: 'a', pod: 'p1', status: '500' }, 1, 0],
  ['metric', { label: 'a', pod: 'p2', status: '200' }, 3, 0],
  ['metric', { label: 'b', pod: 'p1', status: '500' }, 5, 0],
  ['req', { svc: 'a', status: '200' }, 90000, 9],
  ['req', { svc: 'a', status: '503' }, 10000, 1],
  ['req', { svc: 'b', status: '200' }, 50000, 5],
  ['metric_a', { service: 's1' }, 8, 0],
  ['metric_a', { service: 's2' }, 9, 0],
  ['metric_b', { service: 's1' }, 2, 0],
  ['total', {}, 200, 0],
  ['available', {}, 50, 0],
  ['duration_bucket', { le: '0.3' }, 8000, 8],
  ['duration_bucket', { le: '1.2' }, 9000, 9],
  ['duration_count', {}, 10000, 10],
];

// --- recorded lines ---------------------------------------------------------------------------------------------------
// [labels, seconds before the recorded time, line]; trace ids as the seeds print them.

const app = { service: 'sample-app', container: 'sample-app' };
const line = (fields) => JSON.stringify(fields);
const hello = (latency_ms, at) => line({ latency_ms, event: 'hello request processed', level: 'info', timestamp: at, route: '/hello' });
export const slowLine = line({ latency_s: 1.83, threshold_s: 0.5, event: 'slow request detected', level: 'warning', timestamp: '2026-02-23T10:12:34.123Z', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' });
export const errorLine = line({ reason: 'random failure', event: 'simulated internal error', level: 'error', timestamp: '2026-02-23T10:12:35.000Z', trace_id: '4bf92f3577b34da6a3ce929d0e0e4737' });
const healthLine = line({ event: 'health checked', level: 'debug', timestamp: '2026-02-23T10:12:36.000Z' });
const textLine = 'GET /hello latency=250ms done';
const hello50 = hello(50, '2026-02-23T10:12:30.000Z');
const hello150 = hello(150, '2026-02-23T10:12:31.000Z');
export const orderError = line({ item: 'popular_item', quantity: 9, error: 'payment failed', event: 'order_processing_failed', trace_id: '566acdc19b877beb6c75892a54376696', level: 'error', timestamp: '2026-05-03T06:37:57.625976Z' });
const orderInfo = line({ item: 'book', quantity: 2, event: 'order_created', level: 'info' });
const stockInfo = line({ item: 'popular_item', quantity: 9, event: 'stock_reserved', level: 'info' });
const apiError = line({ level: 'error', event: 'payment_failed', user_id: 12345, retries: 3 });
const mine = (level, msg, status, latency_ms) => line({ level, msg, status_code: status, duration: `${latency_ms}ms`, latency_ms });

export const lines = [
  [app, 50, hello50], [app, 40, hello150], [app, 30, slowLine], [app, 20, errorLine], [app, 10, healthLine], [app, 5, textLine],
  [{ service: 'order-service', container: 'order-service' }, 40, orderInfo],
  [{ service: 'order-service', container: 'order-service' }, 20, orderError],
  [{ service: 'inventory-service', container: 'inventory-service' }, 30, stockInfo],
  [{ app: 'api' }, 100, apiError], [{ app: 'api' }, 60, apiError],
  [{ app: 'myapp', env: 'prod', service: 'm' }, 30, mine('error', 'boom', 500, 1500)],
  [{ app: 'myapp', env: 'prod', service: 'm' }, 20, mine('info', 'fine', 200, 100)],
  [{ app: 'myapp-canary', env: 'dev', service: 'm' }, 10, mine('debug', 'trace health', 200, 300)],
];

// A push without a service_name label gets one, as Loki 3 does: the first of service, app, ... that is there.
const appLines = [textLine, healthLine, errorLine, slowLine, hello150, hello50];
const jsonLines = [healthLine, errorLine, slowLine, hello150, hello50];
const bytesOf = (texts) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

// --- expressions --------------------------------------------------------------------------------------------------------

const byRoute = (requests) => Object.entries(requests).map(([route, value]) => [{ route }, value]);
const errorShare = 0.5 / 3.25;
const p99 = (low, high) => low + (high - low) * 0.99; // linear inside the one bucket

const appRate = (factor) => [
  [{ ...sample, method: 'GET', route: '/hello', status: '200' }, 2 * factor],
  [{ ...sample, method: 'GET', route: '/error', status: '500' }, 0.5 * factor],
  [{ ...sample, method: 'GET', route: '/error', status: '200' }, 0.5 * factor],
  [{ ...sample, method: 'GET', route: '/slow', status: '200' }, 0.25 * factor],
];

export const promql = [
  // seed 000, step 1
  { query: 'histogram_quantile(0.99,\n  sum(rate(http_request_duration_seconds_bucket[2m])) by (le, job, endpoint)\n)',
    expect: [[{ job: 'order-service', endpoint: '/orders' }, p99(0.25, 2.5)], [{ job: 'inventory-service', endpoint: '/stock/{item}' }, 0.05 * 0.99],
      [{ job: 'inventory-service', endpoint: '/stock/{item}/reserve' }, p99(0.25, 0.5)]] },
  { query: 'histogram_quantile(0.99,\n  sum(rate(http_request_duration_seconds_bucket{job="inventory-service"}[2m])) by (le, endpoint)\n)',
    expect: [[{ endpoint: '/stock/{item}' }, 0.05 * 0.99], [{ endpoint: '/stock/{item}/reserve' }, p99(0.25, 0.5)]] },
  // seed 004, section 2
  { query: 'app_http_requests_total{job="sample-app"}', expect: series.filter(([name]) => name === 'app_http_requests_total').map(([name, labels, value]) => [{ __name__: name, ...labels }, value]) },
  // section 4
  { query: 'rate(app_http_requests_total[5m])', expect: appRate(1) },
  { query: 'increase(app_http_requests_total[1h])', expect: appRate(3600) },
  { query: 'rate(app_http_requests_total{status="500"}[5m])\n  /\nrate(app_http_requests_total[5m])\n* 100',
    expect: [[{ ...sample, method: 'GET', route: '/error', status: '500' }, 100]] },
  { query: 'histogram_quantile(0.99,\n  sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le, route)\n)',
    expect: [[{ route: '/hello' }, 0.1 + 0.15 * 0.98], [{ route: '/slow' }, p99(1, 2.5)]] },
  { query: 'sum(container_memory_working_set_bytes{namespace="production"}) by (pod)', expect: [[{ pod: 'api-1' }, 120e6], [{ pod: 'api-2' }, 80e6]] },
  { query: 'rate(container_cpu_usage_seconds_total[5m])', expect: [[{ name: 'sample-app' }, 0.25], [{ name: 'other' }, 0.5]] },
  { query: 'sum(rate(app_http_requests_total[5m])) by (job, route)', expect: [[{ job: 'sample-app', route: '/hello' }, 2], [{ job: 'sample-app', route: '/error' }, 1], [{ job: 'sample-app', route: '/slow' }, 0.25]] },
  { query: 'sum(rate(app_http_requests_total{status=~"5.."}[5m])) by (job)\n/\nsum(rate(app_http_requests_total[5m])) by (job)', expect: [[{ job: 'sample-app' }, errorShare]] },
  // section 6, alerts
  { query: '(\n  sum(rate(app_http_requests_total{status=~"5.."}[5m]))\n  /\n  sum(rate(app_http_requests_total[5m]))\n) > 0.01', expect: [[{}, errorShare]] },
  { query: 'histogram_quantile(0.99,\n  sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le, route)\n) > 1.0', expect: [[{ route: '/slow' }, p99(1, 2.5)]] },
  { query: 'up{job="sample-app"} == 0', expect: [[{ __name__: 'up', ...sample }, 0]] },
  { query: '(\n  sum(rate(app_http_requests_total{status=~"5.."}[1h]))\n  /\n  sum(rate(app_http_requests_total[1h]))\n) > 14 * 0.001', expect: [[{}, errorShare]] },
  // section 7, dashboards
  { query: 'sum(rate(app_http_requests_total[5m])) by (route)', expect: byRoute({ '/hello': 2, '/error': 1, '/slow': 0.25 }) },
  { query: '(\n  sum(rate(app_http_requests_total{status=~"5.."}[5m]))\n  /\n  sum(rate(app_http_requests_total[5m]))\n) * 100', expect: [[{}, errorShare * 100]] },
  { query: 'histogram_quantile(0.50, sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le))', expect: [[{}, 0.1 + 0.15 * 0.25]] },
  { query: 'histogram_quantile(0.95, sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le))', expect: [[{}, 1 + 1.5 * 0.75]] },
  { query: 'histogram_quantile(0.99, sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le))', expect: [[{}, 1 + 1.5 * 0.95]] },
  { query: 'sum(app_http_active_requests)', expect: [[{}, 5]] },
  { query: 'sum(rate(app_http_requests_total[5m]))', expect: [[{}, 3.25]] },
  { query: 'sum(rate(app_http_requests_total{status=~"5.."}[5m])) / sum(rate(app_http_requests_total[5m])) * 100', expect: [[{}, errorShare * 100]] },
  // section 8, SLOs. Only 65 minutes are recorded: both increases are extrapolated alike, so the ratio is exact.
  { query: '(\n  sum(increase(app_http_requests_total{status!~"5.."}[30d]))\n  /\n  sum(increase(app_http_requests_total[30d]))\n)', expect: [[{}, 1 - errorShare]] },
  { query: '1 - (\n  (1 - sum(increase(app_http_requests_total{status!~"5.."}[30d]))\n         / sum(increase(app_http_requests_total[30d])))\n  / (1 - 0.999)\n)', expect: [[{}, 1 - errorShare / 0.001]] },
  { query: '(sum(rate(app_http_requests_total{status=~"5.."}[1h]))\n / sum(rate(app_http_requests_total[1h])))\n> 14 * 0.001\nAND\n(sum(rate(app_http_requests_total{status=~"5.."}[5m]))\n / sum(rate(app_http_requests_total[5m])))\n> 14 * 0.001', expect: [[{}, errorShare]] },
  // section 10, data engineering
  { query: 'increase(airflow_dagrun_duration_failed_total[1h]) > 0', expect: [[{ dag_id: 'daily_etl' }, 3]] },
  { query: 'time() - airflow_dag_last_run_timestamp{dag_id="daily_etl"} > 5400', expect: [[{ dag_id: 'daily_etl' }, 6000]] },
  { query: 'sum(kminion_kafka_consumer_group_topic_partition_lag{\n  consumer_group="order-processor"\n}) by (topic)', expect: [[{ topic: 'orders' }, 11500], [{ topic: 'refunds' }, 40]] },
  { query: 'sum(kminion_kafka_consumer_group_topic_partition_lag{\n  consumer_group="order-processor"\n}) > 10000', expect: [[{}, 11540]] },
  { query: 'sql_table_age_seconds{table_name="events"} > 3600', expect: [[{ __name__: 'sql_table_age_seconds', table_name: 'events' }, 7200]] },
  { query: 'delta(sql_table_column_count{table="events"}[1h]) != 0', expect: [] },
  // section 13, infrastructure
  { query: '100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100)', expect: [[{ instance: 'host-a' }, 50]] },
  { query: 'node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100', expect: [[{ instance: 'host-a' }, 25]] },
  { query: '(node_filesystem_size_bytes - node_filesystem_avail_bytes)\n  / node_filesystem_size_bytes * 100', expect: [[{ instance: 'host-a', mountpoint: '/' }, 75]] },
  { query: 'rate(node_network_receive_bytes_total{device!="lo"}[5m])', expect: [[{ instance: 'host-a', device: 'eth0' }, 2000]] },
  { query: 'rate(node_network_transmit_bytes_total{device!="lo"}[5m])', expect: [[{ instance: 'host-a', device: 'eth0' }, 3000]] },
  { query: 'node_load1', expect: [[{ __name__: 'node_load1', instance: 'host-a' }, 0.5]] },
  { query: 'node_load5', expect: [[{ __name__: 'node_load5', instance: 'host-a' }, 0.75]] },
  { query: 'node_load15', expect: [[{ __name__: 'node_load15', instance: 'host-a' }, 1.25]] },
  { query: 'rate(container_cpu_usage_seconds_total{name="sample-app"}[5m]) * 100', expect: [[{ name: 'sample-app' }, 25]] },
  { query: 'container_memory_working_set_bytes{name="sample-app"}', expect: [[{ __name__: 'container_memory_working_set_bytes', namespace: 'production', pod: 'api-1', name: 'sample-app' }, 100e6]] },
  { query: 'rate(container_network_receive_bytes_total{name="sample-app"}[5m])', expect: [[{ name: 'sample-app' }, 1000]] },
  { query: 'increase(container_oom_events_total[5m])', expect: [[{ name: 'sample-app' }, 0]] },
  { query: 'kube_pod_status_phase{phase!="Running", phase!="Succeeded"} == 1', expect: [[{ __name__: 'kube_pod_status_phase', pod: 'b', phase: 'Pending' }, 1]] },
  { query: 'kube_deployment_status_replicas_available\n  / kube_deployment_spec_replicas', expect: [[{ deployment: 'api' }, 0.5]] },
  { query: 'sum(kube_pod_container_resource_requests{resource="cpu"}) by (namespace)', expect: [[{ namespace: 'x' }, 2]] },
  { query: '(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) * 100', expect: [[{ persistentvolumeclaim: 'data' }, 25]] },
  { query: 'rate(kube_pod_container_status_restarts_total[15m]) * 60 * 15 > 0', expect: [[{ pod: 'crashing' }, 5]] },
  // section 14, triage (URL-encoded there)
  { query: 'rate(app_http_requests_total{status=~"5.."}[5m])', expect: [[{ ...sample, method: 'GET', route: '/error', status: '500' }, 0.5]] },
  // cheat sheet
  { query: 'metric_name', expect: [[{ __name__: 'metric_name', label: 'value' }, 5], [{ __name__: 'metric_name', label: 'val2' }, 6], [{ __name__: 'metric_name', label: 'other' }, 7]] },
  { query: 'metric_name{label="value"}', expect: [[{ __name__: 'metric_name', label: 'value' }, 5]] },
  { query: 'metric_name{label=~"val1|val2"}', expect: [[{ __name__: 'metric_name', label: 'val2' }, 6]] },
  { query: 'metric_name{label!="value"}', expect: [[{ __name__: 'metric_name', label: 'val2' }, 6], [{ __name__: 'metric_name', label: 'other' }, 7]] },
  // The window is open on the left: 20 samples at 15 s.
  { query: 'metric_name[5m]', expectMatrix: [[{ __name__: 'metric_name', label: 'value' }, 20, 5], [{ __name__: 'metric_name', label: 'val2' }, 20, 6], [{ __name__: 'metric_name', label: 'other' }, 20, 7]] },
  { query: 'rate(counter[5m])', expect: [[{ a: 'x' }, 2]] },
  { query: 'increase(counter[1h])', expect: [[{ a: 'x' }, 7200]] },
  { query: 'irate(counter[5m])', expect: [[{ a: 'x' }, 2]] },
  { query: 'delta(gauge[5m])', expect: [[{ a: 'x' }, 300]] },
  { query: 'avg_over_time(gauge[5m])', expect: [[{ a: 'x' }, 3600 - 285 / 2]] },
  { query: 'histogram_quantile(0.99, rate(hist_bucket[5m]))', expect: [[{}, 1.98]] },
  { query: 'sum(metric) by (label)', expect: [[{ label: 'a' }, 4], [{ label: 'b' }, 5]] },
  { query: 'avg(metric) without (pod)', expect: [[{ label: 'a', status: '500' }, 1], [{ label: 'a', status: '200' }, 3], [{ label: 'b', status: '500' }, 5]] },
  { query: 'topk(5, sum(rate(req[5m])) by (svc))', expect: [[{ svc: 'a' }, 10], [{ svc: 'b' }, 5]] },
  { query: 'count(metric{status="500"})', expect: [[{}, 2]] },
  { query: 'metric_a / metric_b', expect: [[{ service: 's1' }, 4]] },
  { query: 'metric_a / on(service) metric_b', expect: [[{ service: 's1' }, 4]] },
  { query: 'metric_a unless metric_b', expect: [[{ __name__: 'metric_a', service: 's2' }, 9]] },
  { query: 'sum(rate(req{status=~"5.."}[5m])) / sum(rate(req[5m]))', expect: [[{}, 1 / 15]] },
  { query: '(total - available) / total * 100', expect: [[{}, 75]] },
  { query: '(\n  sum(rate(duration_bucket{le="0.3"}[5m]))\n  + sum(rate(duration_bucket{le="1.2"}[5m])) / 2\n) / sum(rate(duration_count[5m]))', expect: [[{}, 1.25]] },
];

const appStream = (extra = {}) => ({ ...app, service_name: 'sample-app', ...extra });
const appFields = (text) => Object.fromEntries(Object.entries(JSON.parse(text)).map(([key, value]) => [key, String(value)]));

export const logql = [
  // seed 000, step 2
  { query: '{service="order-service"} | json | level="error"', expectLines: [orderError] },
  { query: '{service="inventory-service"} | json | level="error"', expectLines: [] }, // "No results"
  // seed 004, section 1
  { query: '{service="sample-app"} |= "slow"', expectLines: [slowLine] },
  // section 3
  { query: 'count_over_time({app="api"} | json | level="error" [5m])', expect: [[{ app: 'api', service_name: 'api', ...appFields(apiError) }, 2]] },
  { query: '{container="sample-app"}', expectLines: appLines },
  { query: '{container="sample-app"} |= "error"', expectLines: [errorLine] },
  { query: '{container="sample-app"} | json | level="error"', expectLines: [errorLine] },
  { query: '{container="sample-app"} | json | latency_ms > 100', expectLines: [hello150] },
  { query: '{service="sample-app", container="sample-app"}\n  | json                                    # parse JSON fields\n  | level = "warning"                       # filter by level field\n  | line_format "{{.timestamp}} {{.event}}" # reformat output',
    expectLines: ['2026-02-23T10:12:34.123Z slow request detected'] },
  // One error line whose parse failure of the text line stays out: the label filter drops it first.
  { query: 'rate({container="sample-app"} | json | level="error" [1m])', expect: [[appStream(appFields(errorLine)), 1 / 60]] },
  // Printed without an error filter, and one line of the container is not JSON: the reference refuses such a sample.
  { query: 'quantile_over_time(0.99,\n  {container="sample-app"}\n    | json\n    | unwrap latency_ms [5m]\n) by (route)', expect: [[{ route: '/hello' }, 149]] },
  { query: '{container="sample-app"} | json | level != "debug"', expectLines: [textLine, errorLine, slowLine, hello150, hello50] },
  // section 12
  { query: '{container="sample-app"} != "health"', expectLines: [textLine, errorLine, slowLine, hello150, hello50] },
  { query: '{container="sample-app"} |~ "latency_ms.*[0-9]{3,}"', expectLines: [hello150, hello50] }, // hello50 by the digits of its timestamp
  { query: '{container="sample-app"} | json | level="warning"', expectLines: [slowLine] },
  { query: '{container="sample-app"} | pattern `<_> latency=<latency>ms <_>`', expectLines: appLines },
  { query: 'rate({container="sample-app"} [1m])', expect: [[appStream(), 6 / 60]] },
  { query: 'count_over_time({container="sample-app"} | json | level="error" [1m])', expect: [[appStream(appFields(errorLine)), 1]] },
  { query: 'quantile_over_time(0.99,\n  {container="sample-app"}\n    | json\n    | unwrap latency_ms\n    | __error__="" [5m]\n) by (route)', expect: [[{ route: '/hello' }, 149]] },
  { query: 'bytes_rate({container="sample-app"} [5m])', expect: [[appStream(), bytesOf(appLines) / 300]] },
  // section 14
  { query: '{container="sample-app"} | json | level="error"\n  | line_format "{{.timestamp}} {{.event}} {{.trace_id}}"', expectLines: ['2026-02-23T10:12:35.000Z simulated internal error 4bf92f3577b34da6a3ce929d0e0e4737'] },
  // cheat sheet
  { query: '{app="myapp"}', expectLines: [lines[12][2], lines[11][2]] },
  { query: '{app=~"myapp.*"}', expectLines: [lines[13][2], lines[12][2], lines[11][2]] },
  { query: '{app="myapp", env="prod"}', expectLines: [lines[12][2], lines[11][2]] },
  { query: 'rate({app="myapp"} [5m])', expect: [[{ app: 'myapp', env: 'prod', service: 'm', service_name: 'm' }, 2 / 300]] },
  { query: 'count_over_time({app="myapp"} [5m])', expect: [[{ app: 'myapp', env: 'prod', service: 'm', service_name: 'm' }, 2]] },
  { query: 'bytes_rate({app="myapp"} [5m])', expect: [[{ app: 'myapp', env: 'prod', service: 'm', service_name: 'm' }, bytesOf([lines[11][2], lines[12][2]]) / 300]] },
  { query: 'quantile_over_time(0.99,\n  {app="myapp"} | json | unwrap latency_ms [5m]\n) by (service)', expect: [[{ service: 'm' }, 100 + 1400 * 0.99]] },
];

// The same questions to the shop while it runs, after its burst.
const some = (answer) => answer.length > 0;
const positive = (answer) => answer.length > 0 && answer.every(([, value]) => value > 0 && Number.isFinite(value));
export const demo = {
  promql: [
    { query: promql[0].query.replace('[2m]', '[1m]'), printed: promql[0].query,
      holds: (answer) => answer.some(([labels, value]) => labels.job === 'order-service' && labels.endpoint === '/orders' && value > 0.25) },
    { query: promql[1].query.replace('[2m]', '[1m]'), printed: promql[1].query,
      holds: (answer) => answer.some(([labels, value]) => labels.endpoint === '/stock/{item}/reserve' && value > 0.25)
        && answer.some(([labels, value]) => labels.endpoint === '/stock/{item}' && value < 0.25) },
    { query: 'app_http_requests_total{job="sample-app"}', holds: (answer) => answer.some(([labels]) => labels.route === '/hello' && labels.status === '200') },
    { query: 'rate(app_http_requests_total[5m])', holds: some },
    { query: 'increase(app_http_requests_total[1h])', holds: some },
    { query: 'sum(rate(app_http_requests_total[5m])) by (route)', holds: (answer) => answer.some(([labels, value]) => labels.route === '/hello' && value > 0) },
    { query: '(\n  sum(rate(app_http_requests_total{status=~"5.."}[5m]))\n  /\n  sum(rate(app_http_requests_total[5m]))\n) * 100', holds: (answer) => positive(answer) && answer[0][1] < 100 },
    { query: 'histogram_quantile(0.99,\n  sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le, route)\n)', holds: (answer) => answer.some(([labels, value]) => labels.route === '/slow' && value > 0.5) },
    { query: 'histogram_quantile(0.50, sum(rate(app_http_request_duration_seconds_bucket[5m])) by (le))', holds: positive },
    { query: 'sum(app_http_active_requests)', holds: some },
  ],
  logql: [
    { query: '{service="order-service"} | json | level="error"', holds: (answer) => answer.length > 0 && answer.every((text) => JSON.parse(text).error === 'payment failed') },
    { query: '{service="inventory-service"} | json | level="error"', holds: (answer) => answer.length === 0 },
    { query: '{container="order-service"}', holds: some },
  ],
};

export const fragments = [
  ['service.name = order-service', 'a field of Tempo\'s search form; as TraceQL it is { resource.service.name = "order-service" }'],
  ['|= "error", != "health", |~ "error|exception", !~ "debug|trace"', 'line filters without a stream selector'],
  ['| json, | logfmt, | pattern `<method> <path> <status>`, | regexp `(?P<ip>\\d+\\.\\d+\\.\\d+\\.\\d+)`', 'parser stages without a stream selector'],
  ['| level="error", | status_code >= 500, | duration > 1s', 'label filters without a stream selector'],
  ['| line_format "{{.level}} {{.msg}}", | label_format level=severity', 'formatting stages without a stream selector'],
  ['rate(), increase()', 'names of functions in a table'],
  ['Direct {quantile="0.99"}', 'a label matcher in a table'],
  ['error_rate > 1%', 'a condition in prose; % is no unit in PromQL'],
  ['WHERE user_id = 12345 AND level = "error"', 'SQL of another store'],
  ['http_request_duration_seconds_bucket{path="/checkout",le="0.5"} 12483 # {trace_id="abc-123"} 0.48 1705320735', 'exposition text, read by the scraper; its trace id is no trace id'],
  ['http_requests_total{user_id="..."}', 'an example of what not to do; asked of nothing'],
  ['metric_name[5m] in a graph', 'a range vector has no graph; asked as an instant query above'],
];
