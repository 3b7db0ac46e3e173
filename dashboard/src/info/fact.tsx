/** Facts with their names, in sections. */
import { type ReactNode, useId } from 'react'
import styles from './info.module.css'

export function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={styles.section}>
      <h3 id={id} className={styles.title}>
        {title}
      </h3>
      {children}
    </section>
  )
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={styles.facts}>{children}</dl>
}

/** One fact; what is not known is not shown. */
export function Fact({
  name,
  mono = false,
  children,
}: {
  name: string
  mono?: boolean
  children?: ReactNode
}) {
  if (children === null || children === undefined || children === false || children === '') return null
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd className={mono ? styles.mono : undefined}>{children}</dd>
    </div>
  )
}
