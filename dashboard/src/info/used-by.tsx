/** Who would miss a model. */
import { useQuery } from '@tanstack/react-query'
import { Lock, TriangleAlert } from 'lucide-react'
import { asProblem } from '../api/client'
import { usageQuery } from '../api/models'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { Section } from './fact'
import styles from './info.module.css'

export function UsedBy({ modelId }: { modelId: number }) {
  const usage = useQuery(usageQuery(modelId))
  return (
    <Section title="Used by">
      {usage.isPending && <Bone width="55%" />}
      {usage.isError && (
        <Notice
          tone="bad"
          title={asProblem(usage.error).message}
          actions={
            <Button size="small" onClick={() => void usage.refetch()}>
              Try again
            </Button>
          }
        />
      )}
      {usage.data && !usage.data.blockedBy.length && !usage.data.warnings.length && (
        <p className={styles.quiet}>Nothing references this model.</p>
      )}
      {usage.data && (
        <ul className={styles.uses}>
          {usage.data.blockedBy.map(({ consumer, name, detail }) => (
            <li key={`${consumer} ${name}`}>
              <Lock size={14} aria-hidden="true" />
              <span>
                {name} <span className={styles.quiet}>{detail ?? consumer}</span>
              </span>
            </li>
          ))}
          {usage.data.warnings.map((warning) => (
            <li key={warning}>
              <TriangleAlert size={14} aria-hidden="true" />
              <span>{warning}</span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  )
}
