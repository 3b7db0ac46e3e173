/** Sign in: with name and password, with a token, typed or behind `#token=` of a link, or through the identity provider. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { LogIn } from 'lucide-react'
import { useEffect, useEffectEvent, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { meQuery, type Methods, methodsQuery, signIn } from '../api/auth'
import { asProblem } from '../api/client'
import { Logo } from '../shell/logo'
import { AwayLink, Button } from '../ui/button'
import { PasswordForm } from './password-form'
import { ProviderProblem, Refusal } from './refusal'
import { takeLinkToken } from './link-token'
import { safeNext } from './safe-next'
import styles from './sign-in.module.css'
import { TokenForm } from './token-form'

type Way = 'password' | 'token'

export default function SignIn() {
  const [params] = useSearchParams()
  const next = safeNext(params.get('next'))
  const methods = useMethods()
  const [chosen, choose] = useState<Way | null>(null)
  const [name, setName] = useState('')
  const login = useLogin(next)
  useLink((token) => {
    choose('token')
    login.mutate({ token })
  })
  useEffect(() => {
    document.title = 'Sign in · Weighbridge'
  }, [])
  // All at once, so that nothing moves below somebody's fingers.
  if (!methods) return null

  const way = chosen ?? (methods.password ? 'password' : 'token')
  const change = () => {
    login.reset()
    choose(way === 'password' ? 'token' : 'password')
  }
  const notice = login.isError && <Refusal problem={asProblem(login.error)} way={way} />
  const form = { isBusy: login.isPending, notice, onSubmit: login.mutate }
  return (
    <main className={styles.page}>
      <div className={styles.box}>
        <Logo />
        <h1 className={styles.title}>Sign in</h1>
        {!login.isError && (
          <div className={styles.problem}>
            <ProviderProblem problem={params.get('problem')} label={methods.provider?.label} />
          </div>
        )}
        {way === 'password' ? (
          <PasswordForm name={name} onName={setName} {...form} />
        ) : (
          <TokenForm {...form} />
        )}
        {methods.password && (
          <Button look="ghost" className={styles.change} onClick={change}>
            {way === 'password' ? 'Use a token instead' : 'Use name and password instead'}
          </Button>
        )}
        {methods.provider && <Provider {...methods.provider} next={next} />}
        <p className={styles.help}>{way === 'password' ? OF_PASSWORDS : OF_TOKENS}</p>
      </div>
    </main>
  )
}

const OF_PASSWORDS = 'Forgotten your password? An administrator can give you a new one.'
const OF_TOKENS = (
  <>
    On the machine that runs Weighbridge, <code>make run</code> prints a sign-in link, and the token stands in{' '}
    <code>.weighbridge/admin-token</code>.
  </>
)

const ONLY_TOKENS: Methods = { password: false, token: true, provider: null }

/** null: not known yet. A token is a way in even where the others can't be asked for. */
function useMethods(): Methods | null {
  const methods = useQuery(methodsQuery)
  return methods.data ?? (methods.isError ? ONLY_TOKENS : null)
}

/** The whole page goes to the provider, which sends the browser back. */
function Provider({ label, url, next }: { label: string; url: string; next: string }) {
  return (
    <>
      <p className={styles.or}>or</p>
      <AwayLink href={`${url}?next=${encodeURIComponent(next)}`} icon={<LogIn size={15} />}>
        Sign in with {label}
      </AwayLink>
    </>
  )
}

/** Hand over what proves who one is; then to the page that was wanted. */
function useLogin(next: string) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  return useMutation({
    mutationFn: signIn,
    // A mutation keeps what it was given; a secret is not to be kept.
    gcTime: 0,
    onSuccess: (me) => {
      queries.setQueryData(meQuery.queryKey, me)
      navigate(next, { replace: true })
    },
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
