/** How every part of Weighbridge is. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink, RefreshCw } from 'lucide-react'
import { asProblem } from '../api/client'
import { type Health, healthQuery } from '../api/health'
import { plural } from '../lib/format'
import { Button, IconButton } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice, Status, type Tone } from '../ui/status'
import { Line } from './line'
import styles from './settings.module.css'

export function About() {
  const health = useQuery(healthQuery)
  return (
    <>
      {health.isError && (
        <Notice
          tone="bad"
          role="alert"
          title={asProblem(health.error).message}
          actions={
            <Button size="small" onClick={() => void health.refetch()}>
              Try again
            </Button>
          }
        >
          {asProblem(health.error).remedy}
        </Notice>
      )}
      {health.data && !health.isError && (
        <Parts health={health.data} isBusy={health.isFetching} onLook={() => void health.refetch()} />
      )}
      {health.isPending && (
        <div className={styles.skeleton} role="status" aria-label="Looking how everything is">
          <Bone height={13} />
          <Bone height={13} />
          <Bone height={13} />
        </div>
      )}
      <Line name="HTTP API" hint="Every route, with what it takes and answers.">
        <a href="/api/docs" target="_blank" rel="noreferrer" className={styles.link}>
          API documentation
          <ExternalLink size={13} aria-hidden="true" />
        </a>
      </Line>
    </>
  )
}

function Parts({ health, isBusy, onLook }: { health: Health; isBusy: boolean; onLook: () => void }) {
  return (
    <>
      <Line name={`Weighbridge ${health.version}`} hint="API, database, message broker and workers.">
        <span className={styles.overall}>
          <Probe status={health.status} />
          <IconButton label="Look again" onClick={onLook} disabled={isBusy}>
            <RefreshCw size={15} />
          </IconButton>
        </span>
      </Line>
      <Line name="Database">
        <Probe status={health.database.status} />
      </Line>
      <Line name="Redis">
        <Probe status={health.redis.status} />
      </Line>
      {health.workers.queues.map(({ queue, workers }) => (
        <Line key={queue} name={`Workers for ${QUEUES[queue] ?? queue}`}>
          <Status tone={workers ? 'ok' : 'bad'}>{workers ? plural(workers, 'worker') : 'No worker'}</Status>
        </Line>
      ))}
      <Line name="Hugging Face" hint={<span className={styles.mono}>{health.hub.endpoint}</span>}>
        <HubStatus hub={health.hub} />
      </Line>
    </>
  )
}

/** What the queues of the worker service carry. */
const QUEUES: Record<string, string> = { downloads: 'downloads', control: 'cancels and deletes' }

const WORDS: Record<Health['status'], [Tone, string]> = {
  ok: ['ok', 'Working'],
  degraded: ['warn', 'Partly working'],
  unavailable: ['bad', 'Does not answer'],
}

function HubStatus({ hub }: { hub: Health['hub'] }) {
  const { state, retryAfterSeconds } = hub.circuitBreaker
  if (hub.offline) return <Status tone="warn">Offline</Status>
  if (state === 'CLOSED') return <Status tone="ok">Online</Status>
  const next = retryAfterSeconds ? `, asked again in ${retryAfterSeconds} s` : ''
  return <Status tone="bad">{`Does not answer${next}`}</Status>
}

function Probe({ status }: { status: Health['status'] }) {
  const [tone, word] = WORDS[status]
  return <Status tone={tone}>{word}</Status>
}
