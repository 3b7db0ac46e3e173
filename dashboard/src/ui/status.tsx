/** A state: a dot and always a word. */
import type { ReactNode } from 'react'
import styles from './status.module.css'

export type Tone = 'ok' | 'warn' | 'bad' | 'accent' | 'quiet'

/** `● Downloaded`. */
export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={styles.status} data-tone={tone}>
      <span className={styles.dot} aria-hidden="true" />
      {children}
    </span>
  )
}

/** A small word in a box. */
export function Tag({ tone, children }: { tone?: 'accent'; children: ReactNode }) {
  return (
    <span className={styles.tag} data-tone={tone}>
      {children}
    </span>
  )
}

/** A number beside a word: how many. */
export function Count({ value, tone }: { value: number; tone?: 'accent' | 'solid' }) {
  return (
    <span className={styles.count} data-tone={tone}>
      {value.toLocaleString('en-GB')}
    </span>
  )
}

/** A box that says what is wrong or worth knowing; `role` alert interrupts, status waits. */
export function Notice({
  tone,
  icon,
  title,
  children,
  actions,
  role,
}: {
  tone: 'bad' | 'warn' | 'ok' | 'info'
  icon?: ReactNode
  title?: ReactNode
  children?: ReactNode
  actions?: ReactNode
  role?: 'alert' | 'status'
}) {
  return (
    <div className={styles.notice} data-tone={tone} role={role}>
      {icon && <span className={styles.noticeIcon}>{icon}</span>}
      <div className={styles.noticeText}>
        {title && <div className={styles.noticeTitle}>{title}</div>}
        {children && <div>{children}</div>}
      </div>
      {actions}
    </div>
  )
}
