/** Sign in with a token, typed or behind `#token=` of the link that `make run` prints. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useEffectEvent, useRef } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { meQuery, signIn } from '../api/auth'
import { asProblem, type Problem } from '../api/client'
import { Logo } from '../shell/logo'
import { Button } from '../ui/button'
import { Field, Input } from '../ui/field'
import { Notice } from '../ui/status'
import { takeLinkToken } from './link-token'
import { safeNext } from './safe-next'
import styles from './sign-in.module.css'

export default function SignIn() {
  const input = useRef<HTMLInputElement>(null)
  const login = useLogin(() => input.current?.select())
  useLink((token) => login.mutate(token))
  useEffect(() => {
    document.title = 'Sign in · Weighbridge'
    input.current?.focus()
  }, [])

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const token = input.current?.value.trim()
    if (token && !login.isPending) login.mutate(token)
  }

  return (
    <main className={styles.page}>
      <div className={styles.box}>
        <Logo />
        <h1 className={styles.title}>Sign in</h1>
        <form onSubmit={submit} className={styles.form}>
          <Field
            label="Access token"
            hint="It begins with wb_. The browser keeps a session, never the token."
          >
            <Input
              ref={input}
              name="token"
              type="password"
              mono
              required
              autoComplete="off"
              autoCapitalize="none"
              placeholder="wb_…"
              readOnly={login.isPending}
            />
          </Field>
          {login.isError && <Refusal problem={asProblem(login.error)} />}
          <Button type="submit" look="primary" aria-disabled={login.isPending}>
            {login.isPending ? 'Signing in…' : 'Sign in'}
          </Button>
        </form>
        <p className={styles.help}>
          On the machine that runs Weighbridge, <code>make run</code> prints a sign-in link, and the token
          stands in <code>.weighbridge/admin-token</code>.
        </p>
      </div>
    </main>
  )
}

/** Hand the token over; then to the page that was wanted. */
function useLogin(onRefused: () => void) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const [params] = useSearchParams()
  return useMutation({
    mutationFn: signIn,
    // A mutation keeps what it was given; a token is not to be kept.
    gcTime: 0,
    onSuccess: (me) => {
      queries.setQueryData(meQuery.queryKey, me)
      navigate(safeNext(params.get('next')), { replace: true })
    },
    onError: onRefused,
  })
}

/** The token of the link that was opened, or that is pasted into the address of this very page. */
function useLink(open: (token: string) => void): void {
  const take = useEffectEvent(() => {
    const token = takeLinkToken()
    if (token) open(token)
  })
  useEffect(() => {
    take()
    const onHash = () => take()
    addEventListener('hashchange', onHash)
    return () => removeEventListener('hashchange', onHash)
  }, [])
}

function Refusal({ problem }: { problem: Problem }) {
  const isWrong = problem.status === 401
  return (
    <Notice tone="bad" role="alert" title={isWrong ? 'This token is not valid' : problem.message}>
      {isWrong
        ? 'Check that it is complete and belongs to this installation.'
        : problem.remedy || 'Try again in a moment.'}
    </Notice>
  )
}
