/** Who is signed in decides what is shown: the sign-in page or the dashboard. */
import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { Suspense, useEffect, useState } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import { forget, meQuery } from './api/auth'
import { asProblem, Problem, whenForbidden, whenSignedOut } from './api/client'
import { Alone } from './shell/alone'
import { lazily } from './lib/lazily'
import { Boundary } from './shell/boundary'
import { Dashboard } from './shell/dashboard'
import { Failed } from './ui/place'
import { Toasts } from './ui/toasts'
import { Tooltips } from './ui/tooltip'

// Most visits begin with a session.
const SignIn = lazily(() => import('./signin/sign-in'))

/** What the API refused stays refused; only what was not answered is asked again. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        refetchOnWindowFocus: false,
        // A browser without a network may still reach a Weighbridge on its own machine.
        networkMode: 'always',
        retry: (count, error) => count < 2 && (!(error instanceof Problem) || error.code === 'NETWORK'),
        retryDelay: (count) => 500 * 2 ** count,
      },
      mutations: { networkMode: 'always' },
    },
  })
}

export function App() {
  const [queries] = useState(newQueryClient)
  useEffect(() => {
    whenSignedOut(() => forget(queries))
    whenForbidden(() => void queries.invalidateQueries({ queryKey: meQuery.queryKey }))
  }, [queries])
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Boundary>
          <Gate />
        </Boundary>
        <Tooltips />
      </QueryClientProvider>
    </CSPProvider>
  )
}

function Gate() {
  const me = useQuery(meQuery)
  const [path] = useLocation()
  // Once it is known who is signed in, the connection line tells of an API that is away.
  if (me.isLoadingError)
    return (
      <Alone>
        <Failed
          title="Weighbridge does not answer"
          problem={asProblem(me.error)}
          onRetry={() => void me.refetch()}
        />
      </Alone>
    )
  if (me.isPending) return null
  if (!me.data)
    return (
      <Suspense fallback={null}>
        <Switch>
          <Route path="/sign-in" component={SignIn} />
          <Route>
            <Redirect to={`/sign-in?next=${encodeURIComponent(path + location.search)}`} replace />
          </Route>
        </Switch>
      </Suspense>
    )
  return (
    <>
      <Dashboard me={me.data} />
      {/* What is told is for whoever is signed in, and goes with the session. */}
      <Toasts />
    </>
  )
}
