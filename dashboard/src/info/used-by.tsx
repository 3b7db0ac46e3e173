/** Who would miss a model. */
import { useQuery } from '@tanstack/react-query'
import { Lock, TriangleAlert } from 'lucide-react'
import { asProblem } from '../api/client'
import { usageQuery } from '../api/models'
import { type Reference, referencesQuery } from '../api/references'
import { dateTime } from '../lib/format'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice, Tag } from '../ui/status'
import { Section } from './fact'
import styles from './info.module.css'

export function UsedBy({ modelId }: { modelId: number }) {
  const usage = useQuery(usageQuery(modelId))
  const references = useQuery(referencesQuery(modelId))
  const failed = usage.isError ? usage : references.isError ? references : null
  // Uses are told one by one.
  const others = usage.data?.warnings.filter((warning) => !USES.test(warning)) ?? []
  const isNobody = usage.data && references.data && !references.data.length && !others.length
  return (
    <Section title="Used by">
      {!failed && (usage.isPending || references.isPending) && <Bone width="55%" />}
      {failed && (
        <Notice
          tone="bad"
          title={asProblem(failed.error).message}
          actions={
            <Button size="small" onClick={() => void failed.refetch()}>
              Try again
            </Button>
          }
        />
      )}
      {isNobody && <p className={styles.quiet}>Nothing references this model.</p>}
      <ul className={styles.uses}>
        {references.data?.map((reference) => (
          <Use key={`${reference.consumer} ${reference.name}`} reference={reference} />
        ))}
        {others.map((warning) => (
          <li key={warning}>
            <TriangleAlert size={14} aria-hidden="true" />
            <span>{warning}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** A warning that only counts what stands in the list. */
const USES = /^\d+ uses? by /

function Use({ reference }: { reference: Reference }) {
  const { consumer, name, policy, detail, expiresAt, isExpired } = reference
  const Icon = policy === 'block' ? Lock : TriangleAlert
  return (
    <li data-expired={isExpired || undefined}>
      <Icon size={14} aria-hidden="true" />
      <div>
        <div className={styles.userName}>
          {name} <Tag>{isExpired ? 'Expired' : policy === 'block' ? 'Forbids deletion' : 'Warns'}</Tag>
        </div>
        <div className={styles.userMore}>
          {[consumer, detail, expiresAt && `${isExpired ? 'until' : 'expires'} ${dateTime(expiresAt)}`]
            .filter(Boolean)
            .join(', ')}
        </div>
      </div>
    </li>
  )
}
