/** Who would miss a model, and what else happens when it goes. */
import { Lock, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import type { OperationKind } from '../api/downloads'
import type { Usage } from '../api/models'
import { percent } from '../lib/format'
import { useProgress } from '../live/progress'
import styles from './delete.module.css'
import { isBusy } from './words'

/** Those that forbid it. */
export function Users({ usage }: { usage: Usage }) {
  if (!usage.blockedBy.length) return null
  return (
    <ul className={styles.users}>
      {usage.blockedBy.map(({ consumer, name, detail }) => (
        <Line key={`${consumer} ${name}`} icon={<Lock size={15} />}>
          {name} <span className={styles.quiet}>{detail ? `${consumer}, ${detail}` : consumer}</span>
        </Line>
      ))}
    </ul>
  )
}

/** What is to be read before. */
export function Consequences({ usage }: { usage: Usage }) {
  const progress = useProgress(usage.modelId)
  const isRunning = isBusy(usage)
  if (!isRunning && !usage.warnings.length) return null
  const known = usage.activeOperation
  const moving = progress?.operation === known?.operation ? progress : known
  const doing = DOING[known?.operation ?? 'download']
  return (
    <ul className={styles.warnings}>
      {isRunning && (
        <Line icon={<TriangleAlert size={15} />}>
          {moving?.percent
            ? `It is being ${doing}, ${percent(moving.percent)} so far.`
            : `It is being ${doing}.`}
        </Line>
      )}
      {usage.warnings.map((warning) => (
        <Line key={warning} icon={<TriangleAlert size={15} />}>
          {warning}
        </Line>
      ))}
    </ul>
  )
}

const DOING: Partial<Record<OperationKind, string>> = {
  download: 'downloaded',
  update: 'updated',
  verify: 'verified',
}

function Line({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return (
    <li>
      <span aria-hidden="true">{icon}</span>
      <span>{children}</span>
    </li>
  )
}
