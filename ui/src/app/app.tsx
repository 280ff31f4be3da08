// The frame: rail, top bar, the view of the path. Views are loaded when first opened.
import { lazy, Suspense } from 'preact/compat';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { rules } from '../api/prometheus';
import { useUrl } from '../state/url_state';
import { ClockContext } from './clock';
import { Icon, Logo } from './icons';
import { install_keys } from './keys';
import { RunBar } from '../parts/run_bar';
import { Boundary } from '../parts/states';
import { TopBar } from './top_bar';
import { Toasts } from '../parts/toast';
import { TraceDiffView, TraceView, views } from './views';

const Palette = lazy(() => import('./palette'));
const KeyHelp = lazy(() => import('./key_help'));

export function App() {
  const [now_ms, set_now] = useState(() => Date.now());
  const [overlay, set_overlay] = useState<'palette' | 'keys' | null>(null);
  const [path, navigate] = useLocation();
  const clock = useMemo(() => ({ now_ms, refresh: () => set_now(Date.now()) }), [now_ms]);
  const url = useUrl();

  useEffect(() => install_keys({
    palette: () => set_overlay('palette'),
    help: () => set_overlay('keys'),
    go: (key) => {
      const target = views.find((one) => one.key === key);
      if (target) navigate(carry(target.path));
    },
  }), [navigate]);

  // Live: relative ranges move on by themselves.
  const live = url.params.get('live') === '1';
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(() => document.hidden || set_now(Date.now()), 5000);
    return () => clearInterval(timer);
  }, [live]);

  const here = views.find((one) => (one.path === '/' ? path === '/' : path.startsWith(one.path)));
  useEffect(() => {
    document.title = here ? `${here.name} · Obelisk` : 'Obelisk';
  }, [here]);

  return (
    <ClockContext.Provider value={clock}>
      <a class="skip" href="#view">Skip to the view</a>
      <div class="app">
        <Rail here={here?.path} />
        <TopBar title={here?.name ?? ''} open_palette={() => set_overlay('palette')} />
        <main id="view" class="body" tabIndex={-1}>
          <Boundary key={path}>
            <Suspense fallback={<div class="bar-loading" role="status" aria-label="Loading" />}>
              <Switch>
                <Route path="/traces/:base/against/:other"><TraceDiffView /></Route>
                <Route path="/traces/:id"><TraceView /></Route>
                {views.map((one) => (
                  <Route path={one.path} key={one.path}><one.component /></Route>
                ))}
                <Route path="/map"><Redirect to="/services" /></Route>
                <Route><NotThere path={path} /></Route>
              </Switch>
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Suspense fallback={null}>
        {overlay === 'palette' && <Palette close={() => set_overlay(null)} views={views} />}
        {overlay === 'keys' && <KeyHelp close={() => set_overlay(null)} views={views} />}
      </Suspense>
      <RunBar />
      <Toasts />
    </ClockContext.Provider>
  );
}

function carry(path: string): string {
  const params = new URLSearchParams(window.location.search);
  const kept = ['from', 'to'].flatMap((key) => (params.get(key) ? [`${key}=${encodeURIComponent(params.get(key)!)}`] : []));
  return kept.length > 0 ? `${path}?${kept.join('&')}` : path;
}

function Rail({ here }: { here: string | undefined }) {
  const url = useUrl();
  const groups = useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => rules(signal), refetchInterval: 15_000 });
  const firing = (groups.data ?? []).flatMap((group) => group.rules).flatMap((rule) => rule.alerts ?? [])
    .filter((alert) => alert.state === 'firing').length;
  return (
    <nav class="rail" aria-label="Views">
      <Link href={url.to('/')} class="logo" aria-label="Obelisk, overview"><Logo /></Link>
      {views.map((one) => (
        <Link key={one.path} href={url.to(one.path)} class={`rail-link${one.path === here ? ' on' : ''}`}
          aria-current={one.path === here ? 'page' : undefined} title={`${one.name} (g ${one.key})`}>
          <Icon name={one.icon} />
          <span>{one.name}</span>
          {one.path === '/alerts' && firing > 0 && <span class="badge">{firing}<span class="sr"> firing</span></span>}
        </Link>
      ))}
    </nav>
  );
}

function NotThere({ path }: { path: string }) {
  const url = useUrl();
  return (
    <div class="notice" role="alert">
      <h2>There is no view at this address.</h2>
      <p class="t2 mono">{path}</p>
      <p><Link class="btn" href={url.to('/')}>Go to the overview</Link></p>
    </div>
  );
}
