// The views and their paths, in the order of the rail. Each is loaded when it is first opened.
import { lazy } from 'preact/compat';
import type { ComponentType } from 'preact';

export interface View {
  path: string;
  name: string;
  icon: string;
  key: string;
  component: ComponentType;
}

const view = (load: () => Promise<{ default: ComponentType }>) => lazy(load) as unknown as ComponentType;

export const views: View[] = [
  { path: '/', name: 'Overview', icon: 'overview', key: 'o', component: view(() => import('../views/overview')) },
  { path: '/alerts', name: 'Alerts', icon: 'alerts', key: 'i', component: view(() => import('../views/alerts')) },
  { path: '/services', name: 'Services', icon: 'services', key: 's', component: view(() => import('../views/service_map')) },
  { path: '/metrics', name: 'Metrics', icon: 'metrics', key: 'm', component: view(() => import('../views/metrics')) },
  { path: '/logs', name: 'Logs', icon: 'logs', key: 'l', component: view(() => import('../views/logs')) },
  { path: '/traces', name: 'Traces', icon: 'traces', key: 't', component: view(() => import('../views/trace_search')) },
  { path: '/targets', name: 'Targets', icon: 'targets', key: 'a', component: view(() => import('../views/targets')) },
];

// Not on the rail: one trace, and two against each other, reached from elsewhere.
export const TraceView = view(() => import('../views/trace'));
export const TraceDiffView = view(() => import('../views/trace_diff'));
