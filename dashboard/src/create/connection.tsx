/** Does the provider answer? Asked with what is typed, before anything is saved. */
import { CircleCheck, CircleX, Plug } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { asProblem } from '../api/client'
import { type ConnectionResult, type ConnectionTest, type Model, testConnection } from '../api/models'
import { ago, plural } from '../lib/format'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import styles from './form.module.css'

export type ConnectionState =
  | { step: 'idle' }
  | { step: 'testing' }
  | { step: 'ok'; result: ConnectionResult }
  | { step: 'failed'; cause: string; fix: string }

export type Connection = { state: ConnectionState; test: () => void; cancel: () => void }

const IDLE: ConnectionState = { step: 'idle' }

/** Any change of what is tested makes it idle again, and stops a test that runs. */
export function useConnection(fields: ConnectionTest): Connection {
  const about = JSON.stringify(fields)
  const [outcome, setOutcome] = useState({ about, state: IDLE })
  const running = useRef<{ about: string; abort: AbortController } | null>(null)
  const stop = () => running.current?.abort.abort()
  const test = async () => {
    stop()
    const abort = new AbortController()
    running.current = { about, abort }
    setOutcome({ about, state: { step: 'testing' } })
    const state = await outcomeOf(fields, abort.signal)
    if (!abort.signal.aborted) setOutcome({ about, state })
  }
  const cancel = () => {
    stop()
    setOutcome({ about, state: IDLE })
  }
  useEffect(() => {
    if (running.current?.about !== about) running.current?.abort.abort()
  }, [about])
  useEffect(() => () => running.current?.abort.abort(), [])
  return { state: outcome.about === about ? outcome.state : IDLE, test: () => void test(), cancel }
}

async function outcomeOf(fields: ConnectionTest, signal: AbortSignal): Promise<ConnectionState> {
  try {
    const result = await testConnection(fields, signal)
    if (result.ok) return { step: 'ok', result }
    return {
      step: 'failed',
      cause: result.error?.detail ?? 'The provider does not answer.',
      fix: result.error?.remedy ?? '',
    }
  } catch (error) {
    const problem = asProblem(error)
    const wrong = Object.values(problem.errors).flat().join(' ')
    return { step: 'failed', cause: problem.message, fix: wrong || problem.remedy }
  }
}

/** `known`: how the last test of the stored model ended. */
export function ConnectionSection({
  connection: { state, test, cancel },
  canTest,
  known,
}: {
  connection: Connection
  canTest: boolean
  known: Model['connection']
}) {
  const isTesting = state.step === 'testing'
  return (
    <section className={styles.section} aria-labelledby="connection-title">
      <h2 id="connection-title">Connection</h2>
      <Notice
        role="status"
        {...wordsFor(state, known)}
        actions={
          // One button for both, so that the keyboard stays where it is.
          <Button disabled={!canTest && !isTesting} onClick={isTesting ? cancel : test}>
            {isTesting ? 'Cancel test' : 'Test connection'}
          </Button>
        }
      />
    </section>
  )
}

function wordsFor(state: ConnectionState, known: Model['connection']): Parameters<typeof Notice>[0] {
  switch (state.step) {
    case 'testing':
      return { tone: 'info', icon: <Plug size={18} />, title: 'Testing…', children: 'Up to 10 seconds.' }
    case 'ok':
      return {
        tone: 'ok',
        icon: <CircleCheck size={18} />,
        title: `Connected in ${state.result.latencyMs} ms`,
        children: offered(state.result.models.length),
      }
    case 'failed':
      return { tone: 'bad', icon: <CircleX size={18} />, title: state.cause, children: state.fix }
    case 'idle':
      return { tone: 'info', icon: <Plug size={18} />, ...before(known) }
  }
}

const offered = (models: number): string =>
  models ? `The key may use ${plural(models, 'model')}.` : 'The provider lists no models for this key.'

function before(known: Model['connection']): { title: string; children: string } {
  if (!known)
    return { title: 'Not tested', children: 'Asks the provider for its list of models; spends no tokens.' }
  const when = ago(Date.now() - Date.parse(known.testedAt))
  return known.ok
    ? { title: 'Connected when last tested', children: `${when}, in ${known.latencyMs} ms` }
    : { title: 'Failed when last tested', children: `${when}: ${known.error?.detail ?? ''}` }
}
