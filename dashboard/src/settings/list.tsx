/** What stands where a list will stand, or can't. */
import type { Problem } from '../api/client'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import styles from './settings.module.css'

export function NotRead({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  return (
    <Notice
      tone="bad"
      role="alert"
      title={problem.message}
      actions={
        <Button size="small" onClick={onRetry}>
          Try again
        </Button>
      }
    >
      {problem.remedy}
    </Notice>
  )
}

export function ListSkeleton({ words }: { words: string }) {
  return (
    <div className={styles.skeleton} role="status" aria-label={words}>
      <Bone width="60%" height={13} />
      <Bone width="86%" height={13} />
    </div>
  )
}
