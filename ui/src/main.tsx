import { render } from 'preact';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Router } from 'wouter';
import { App } from './app/app';
import { apply_theme } from './app/theme';
import './styles/tokens.css';
import './styles/base.css';

apply_theme();

const client = new QueryClient({
  defaultOptions: { queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: false, staleTime: 2000, gcTime: 120_000 } },
});

render(
  <QueryClientProvider client={client}>
    <Router base="/ui">
      <App />
    </Router>
  </QueryClientProvider>,
  document.getElementById('root')!,
);
