/** How a model stands: a word always, and while it downloads how far it is. */
import { useQuery } from '@tanstack/react-query'
import { useCallback } from 'react'
import { canceledQuery, type Operation, type Queue, type QueueItem, queueQuery } from '../api/downloads'
import type { Failure, Model } from '../api/models'
import { arrived, bytes, duration, ordinal, percent, speed } from '../lib/format'
import { isStalled } from '../live/progress'
import { Bar } from '../ui/bar'
import { Status, type Tone } from '../ui/status'
import { Tip } from '../ui/tooltip'
import { isDeleting } from './actions'
import { Age } from './age'
import { stateOf, unreadableSecret, useDownload, useWork, wordOf } from './states'
import styles from './status-cell.module.css'
import { workWords } from './work'

/** Subscribes to its own model's progress: a tick draws this and nothing else. */
export function StatusCell({ model }: { model: Model }) {
  const download = useDownload(model)
  const work = useWork(model)
  const secretError = unreadableSecret(model)
  if (model.type === 'hosted-llm')
    return model.error ? (
      <WithCause tone="bad" word={stateOf(model)} error={model.error} />
    ) : (
      <ConnectionStatus connection={model.connection} />
    )
  if (isDeleting(model)) return <Status tone="quiet">Deleting…</Status>
  switch (download ? wordOf(download) : model.downloadStatus) {
    case 'Downloading':
      return <Moving name={model.name} download={download} />
    case 'Paused':
      return <Paused name={model.name} download={download} />
    case 'Pending':
      return <Pending modelId={model.id} />
    case 'Failed':
      return <WithCause tone="bad" word="Failed" error={model.error} />
    case 'Canceled':
      if (secretError) return <WithCause tone="quiet" word="Canceled" error={secretError} />
      return <Canceled modelId={model.id} />
    case 'Downloaded':
      if (work) return <Working work={work} />
      return <WithCause tone="ok" word="Downloaded" error={secretError} />
    default:
      return <WithCause tone="quiet" word="Available" error={secretError} />
  }
}

/** It stays of use meanwhile. */
function Working({ work }: { work: Operation }) {
  return (
    <div className={styles.words}>
      <Status tone="ok">Downloaded</Status>
      <span className={styles.work}>{workWords(work)}</span>
    </div>
  )
}

function Moving({ name, download }: { name: string; download: Operation | null }) {
  const label = `Download of ${name}`
  const step = stepOf(download)
  if (!download || step)
    return (
      <div className={styles.moving}>
        <div className={styles.line}>
          <span className={styles.step}>{step}</span>
        </div>
        <Bar value={null} label={label} />
      </div>
    )
  return (
    <div className={styles.moving}>
      <Tip text={hintOf(download)} render={<div />} className={styles.line}>
        <span className={styles.percent}>{percent(download.percent)}</span>
        {isStalled(download) ? (
          <span className={styles.stalled}>
            <Status tone="warn">Stalled, retrying</Status>
          </span>
        ) : (
          <>
            <span className={styles.bytes}>
              {arrived(download.bytesDownloaded)}
              <span className={styles.total}> of {bytes(download.bytesTotal ?? 0)}</span>
            </span>
            <span className={styles.speed}>
              {download.speedBytesPerSecond > 0 && speed(download.speedBytesPerSecond)}
            </span>
          </>
        )}
      </Tip>
      <Bar value={download.percent} label={label} />
      <div className={styles.left}>{hintOf(download)}</div>
    </div>
  )
}

/** What happens instead of a transfer; null: bytes move. Without a total there is no percent, least of all 0. */
function stepOf(download: Operation | null): string | null {
  if (download?.phase === 'verifying' || download?.phase === 'publishing') return 'Verifying'
  return !download || download.phase === 'resolving' || download.bytesTotal === null ? 'Preparing…' : null
}

const ofTotal = ({ bytesDownloaded, bytesTotal }: Operation): string =>
  `${arrived(bytesDownloaded)} of ${bytes(bytesTotal ?? 0)}`

function hintOf(download: Operation): string {
  if (isStalled(download)) return `${ofTotal(download)}, nothing new for ${duration(download.stalledSeconds)}`
  return download.etaSeconds === null ? 'Time left not known yet' : `${duration(download.etaSeconds)} left`
}

function Paused({ name, download }: { name: string; download: Operation | null }) {
  if (!download) return <Status tone="warn">Paused</Status>
  return (
    <div className={styles.moving}>
      <div className={styles.line}>
        <Status tone="warn">Paused</Status>
        <span className={styles.bytes}>
          {percent(download.percent)} · {ofTotal(download)}
        </span>
      </div>
      <Bar value={download.percent} label={`Download of ${name}`} look="paused" />
    </div>
  )
}

/** The place in the queue, or why it has to wait, is asked for only while something waits. */
function Pending({ modelId }: { modelId: number }) {
  const select = useCallback(
    (queue: Queue) => queue.queued.find((item) => item.modelId === modelId) ?? null,
    [modelId],
  )
  const { data: item } = useQuery({ ...queueQuery, select })
  return (
    <div className={styles.words}>
      <Status tone="quiet">Pending</Status>
      {item?.error ? (
        <Cause error={{ ...item.error, remedy: 'It tries again by itself.' }} />
      ) : (
        item?.position && <span className={styles.cause}>{ordinal(item.position)} in queue</span>
      )}
    </div>
  )
}

function WithCause({ tone, word, error }: { tone: Tone; word: string; error: Failure | null }) {
  const status = <Status tone={tone}>{word}</Status>
  if (!error) return status
  return (
    <div className={styles.words}>
      {status}
      <Cause error={error} />
    </div>
  )
}

/** One line of it; the tooltip and screen readers have all. */
function Cause({ error }: { error: Failure }) {
  return (
    <Tip text={`${error.detail} ${error.remedy}`} render={<span />} className={styles.cause}>
      {error.detail}
      <span className="visually-hidden"> {error.remedy}</span>
    </Tip>
  )
}

function Canceled({ modelId }: { modelId: number }) {
  const select = useCallback(
    (items: QueueItem[]) => items.find((item) => item.modelId === modelId)?.bytesDownloaded ?? 0,
    [modelId],
  )
  const { data: kept = 0 } = useQuery({ ...canceledQuery, select })
  return (
    <div className={styles.words}>
      <Status tone="quiet">Canceled</Status>
      {kept > 0 && <span className={styles.cause}>{bytes(kept)} kept</span>}
    </div>
  )
}

function ConnectionStatus({ connection }: { connection: Model['connection'] }) {
  if (!connection) return <Status tone="quiet">Not tested</Status>
  const { ok, testedAt, latencyMs, error } = connection
  const checked = (
    <>
      checked <Age at={testedAt} />
    </>
  )
  return (
    <div className={styles.words}>
      <Status tone={ok ? 'ok' : 'bad'}>{ok ? 'Connected' : 'Failing'}</Status>
      {ok || !error ? (
        <Tip text={`Answered in ${latencyMs} ms`} render={<span />} className={styles.cause}>
          {checked}
        </Tip>
      ) : (
        <Tip text={`${error.detail} ${error.remedy}`} render={<span />} className={styles.cause}>
          {checked}
          <span className="visually-hidden">
            . {error.detail} {error.remedy}
          </span>
        </Tip>
      )}
    </div>
  )
}
