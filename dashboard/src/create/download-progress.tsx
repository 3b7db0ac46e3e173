/** The download of one model as it goes: state, percent, bytes, speed, time left, and what can be done. */
import { useQuery } from '@tanstack/react-query'
import type { Operation } from '../api/downloads'
import { healthQuery } from '../api/health'
import type { Model } from '../api/models'
import { arrived, bytes, duration, percent, speed } from '../lib/format'
import { isStalled, useSamples } from '../live/progress'
import { isOfGate, LicenseLink } from '../models/access'
import { isDeleting, useActions } from '../models/actions'
import { hubLink } from '../models/facts'
import { wordOf } from '../models/states'
import { Bar, Sparkline } from '../ui/bar'
import { Button } from '../ui/button'
import { Notice, Status, type Tone } from '../ui/status'
import { LeaveLink } from './leave'
import styles from './what-happens.module.css'

/** `isChanged`: something was changed and not saved yet. `isEditor`: the token can be changed on this very page. */
export function DownloadProgress({
  model,
  operation,
  isChanged,
  isEditor,
  hasRoom,
}: {
  model: Model
  operation: Operation | null
  isChanged: boolean
  isEditor: boolean
  hasRoom: boolean
}) {
  const { start, cancel } = useActions()
  const { data: health } = useQuery(healthQuery)
  if (operation)
    return (
      <div className={styles.progress}>
        <Moving model={model} operation={operation} />
        <div>
          <Button size="small" onClick={() => void cancel(model)}>
            Cancel download
          </Button>
        </div>
      </div>
    )
  if (isDeleting(model)) return <Ended tone="quiet" word="Deleting…" />
  const begin = (word: string) => (
    <Button size="small" disabled={!hasRoom || isChanged} onClick={() => void start(model)}>
      {word}
    </Button>
  )
  const isGated = model.error !== null && GATES.has(model.error.code)
  switch (model.downloadStatus) {
    case 'Downloaded':
      return (
        <Ended tone="ok" word="Downloaded">
          <LeaveLink to={`/models?info=${model.id}`} className={styles.show}>
            Show model
          </LeaveLink>
        </Ended>
      )
    case 'Failed':
      return (
        <Ended
          tone="bad"
          word="Failed"
          actions={
            <>
              {isGated && model.hfRepo && <LicenseLink href={hubLink(model.hfRepo, health?.hub.endpoint)} />}
              {begin('Retry download')}
            </>
          }
        >
          {model.error && (
            <Notice tone="bad" role="alert" title={model.error.detail}>
              {model.error.remedy}{' '}
              {isOfGate(model.error.code) && !isEditor && (
                <LeaveLink to={`/models/${model.id}/edit`}>Change the token</LeaveLink>
              )}
            </Notice>
          )}
          {isChanged && SAVE_FIRST}
        </Ended>
      )
    case 'Canceled':
    case 'Paused':
      return (
        <Ended tone="quiet" word={model.downloadStatus} actions={begin('Resume download')}>
          {isChanged ? SAVE_FIRST : <p className={styles.sentence}>The bytes that have arrived are kept.</p>}
        </Ended>
      )
    default:
      return (
        <Ended tone="quiet" word="Not downloaded" actions={begin('Start download')}>
          {isChanged && SAVE_FIRST}
        </Ended>
      )
  }
}

/** What a license that is accepted may mend. */
const GATES = new Set(['GATED_MODEL_NO_TOKEN', 'LICENSE_NOT_ACCEPTED'])

const SAVE_FIRST = <p className={styles.sentence}>Save the changes first.</p>

function Ended({
  tone,
  word,
  actions,
  children,
}: {
  tone: Tone
  word: string
  actions?: React.ReactNode
  children?: React.ReactNode
}) {
  return (
    <div className={styles.progress}>
      <div className={styles.state} role="status">
        <Status tone={tone}>{word}</Status>
      </div>
      {children}
      {actions && <div className={styles.actions}>{actions}</div>}
    </div>
  )
}

function Moving({ model, operation }: { model: Model; operation: Operation }) {
  const samples = useSamples(model.id)
  const total = operation.bytesTotal
  const isWaiting = wordOf(operation) !== 'Downloading'
  const isTransferring = !isWaiting && (operation.phase === 'transferring' || operation.phase === null)
  const isKnown = total !== null && operation.phase !== 'verifying'
  return (
    <>
      <div className={styles.state}>
        <Status tone={isStalled(operation) ? 'warn' : isWaiting ? 'quiet' : 'accent'}>
          {stateWord(operation)}
        </Status>
        {total !== null && <span className={styles.percent}>{percent(operation.percent)}</span>}
      </div>
      <Bar
        value={isWaiting || isKnown ? operation.percent : null}
        label={`Download of ${model.name}`}
        look={isWaiting ? 'quiet' : 'moving'}
      />
      <div className={styles.numbers}>
        <span>{amount(operation)}</span>
        {isTransferring && !isStalled(operation) && <span>{speed(operation.speedBytesPerSecond)}</span>}
      </div>
      {isTransferring && (
        <>
          <Sparkline samples={samples} />
          {operation.etaSeconds !== null && !isStalled(operation) && (
            <p className={styles.sentence}>{duration(operation.etaSeconds)} left</p>
          )}
        </>
      )}
      {isWaiting && <p className={styles.sentence}>It starts as soon as the queue has come to it.</p>}
    </>
  )
}

function amount({ bytesTotal, bytesDownloaded }: Operation): string {
  if (bytesTotal === null) return bytesDownloaded ? arrived(bytesDownloaded) : 'Size not known yet'
  return `${arrived(bytesDownloaded)} of ${bytes(bytesTotal)}`
}

const PHASES: Record<string, string> = {
  resolving: 'Starting',
  verifying: 'Verifying',
  publishing: 'Finishing',
}

function stateWord(operation: Operation): string {
  const word = wordOf(operation)
  if (word !== 'Downloading') return word
  if (isStalled(operation)) return 'Stalled, retrying'
  return PHASES[operation.phase ?? ''] ?? word
}
