/** What stands where content would be: nothing yet, nothing found, or a failure. */
import { CircleAlert } from 'lucide-react'
import { type ReactNode, useEffect, useEffectEvent, useState } from 'react'
import type { Problem } from '../api/client'
import { Button } from './button'
import styles from './place.module.css'

/** One icon, one title, one sentence, one or two buttons. */
export function Empty({
  icon,
  title,
  children,
  actions,
  role,
}: {
  icon: ReactNode
  title: string
  children: ReactNode
  actions?: ReactNode
  role?: 'alert' | 'status'
}) {
  return (
    <div className={styles.place} role={role}>
      <div className={styles.tile} aria-hidden="true">
        {icon}
      </div>
      <h2 className={styles.title}>{title}</h2>
      <div className={styles.sentence}>{children}</div>
      {actions && <div className={styles.actions}>{actions}</div>}
    </div>
  )
}

/** Seconds after which a failed list asks again by itself. */
const RETRY_AFTER = 15

/** What failed, why, what to do; it tries again by itself and counts down to that. */
export function Failed({
  title,
  problem,
  onRetry,
  note,
}: {
  title: string
  problem: Problem
  onRetry: () => void
  /** What goes on all the same. */
  note?: string
}) {
  const left = useCountdown(problem.retryAfter ?? RETRY_AFTER, problem, onRetry)
  return (
    <Empty
      role="alert"
      icon={<CircleAlert size={22} />}
      title={title}
      actions={
        <Button look="primary" onClick={onRetry}>
          Try again
        </Button>
      }
    >
      <p>{problem.message}</p>
      {problem.remedy && <p>{problem.remedy}</p>}
      {note && <p>{note}</p>}
      <p className={styles.small} aria-hidden="true">
        Trying again in {left} s
      </p>
      {problem.requestId && (
        <p className={styles.small}>
          {problem.code} · request <code>{problem.requestId}</code>
        </p>
      )}
    </Empty>
  )
}

function useCountdown(seconds: number, problem: Problem, onEnd: () => void): number {
  const [left, setLeft] = useState(seconds)
  const [from, setFrom] = useState(problem)
  if (from !== problem) {
    setFrom(problem)
    setLeft(seconds)
  }
  // Whoever shows this may draw it anew more often than once a second, with a new callback each time.
  const tick = useEffectEvent(() => {
    setLeft(left > 1 ? left - 1 : seconds)
    if (left <= 1) onEnd()
  })
  useEffect(() => {
    const timer = setInterval(() => tick(), 1000)
    return () => clearInterval(timer)
  }, [])
  return left
}

/** A grey bar where text will stand. Shown only after 150 ms, so that a quick answer does not flicker. */
export function Bone({ width = '100%', height = 11 }: { width?: number | string; height?: number }) {
  return <span className={styles.bone} style={{ width, height }} aria-hidden="true" />
}
