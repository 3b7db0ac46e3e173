/** What was done with a model's files, the latest first. */
import { useQuery } from '@tanstack/react-query'
import { asProblem } from '../api/client'
import type { Operation } from '../api/downloads'
import { historyQuery } from '../api/operations'
import { bytes, dateTime, percent } from '../lib/format'
import { Bone } from '../ui/place'
import { Status, type Tone } from '../ui/status'
import { Section } from './fact'
import styles from './info.module.css'

export function History({ modelId }: { modelId: number }) {
  const history = useQuery(historyQuery(modelId))
  return (
    <Section title="History">
      {history.isPending && <Bone width="70%" />}
      {history.isError && !history.data && <p className={styles.quiet}>{asProblem(history.error).message}</p>}
      {history.data?.length === 0 && <p className={styles.quiet}>Nothing was done with its files yet.</p>}
      <ol className={styles.history}>
        {history.data?.map((operation) => (
          <Entry key={operation.taskId} operation={operation} />
        ))}
      </ol>
    </Section>
  )
}

function Entry({ operation }: { operation: Operation }) {
  const at = operation.startedAt ?? operation.updatedAt
  const [tone, word] = WORDS[operation.status] ?? ['quiet', operation.status]
  return (
    <li className={styles.entry}>
      <span className={styles.kind}>{KINDS[operation.operation]}</span>
      <Status tone={tone}>{word}</Status>
      <span className={styles.at}>{at && dateTime(at)}</span>
      <span className={styles.what}>{operation.error?.detail ?? amountOf(operation)}</span>
    </li>
  )
}

const KINDS: Record<Operation['operation'], string> = {
  download: 'Download',
  delete: 'Delete',
  verify: 'Verify',
  update: 'Update',
  'clean-up': 'Clean-up',
}

const RESULTS: Partial<Record<NonNullable<Operation['result']>, string>> = {
  intact: 'Every byte was right',
  damaged: 'Damaged files were found',
  up_to_date: 'It was up to date',
}

const WORDS: Record<string, [Tone, string]> = {
  pending: ['quiet', 'Waiting'],
  running: ['accent', 'Running'],
  paused: ['warn', 'Paused'],
  completed: ['ok', 'Done'],
  failed: ['bad', 'Failed'],
  canceled: ['quiet', 'Canceled'],
}

function amountOf(operation: Operation): string {
  const result = operation.result && RESULTS[operation.result]
  if (result) return result
  // What runs moves above, and would stand still here.
  if (operation.operation === 'delete' || operation.status === 'running') return ''
  if (operation.status === 'completed') return bytes(operation.bytesDownloaded)
  if (operation.bytesTotal === null || !operation.bytesDownloaded) return ''
  return `${percent(operation.percent)} of ${bytes(operation.bytesTotal)}`
}
