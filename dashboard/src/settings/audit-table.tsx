/** The events of a page: a table on a desk, stacked rows on a phone. */
import { useQuery } from '@tanstack/react-query'
import { ChevronDown } from 'lucide-react'
import { useId, useState } from 'react'
import { Link } from 'wouter'
import type { AuditEvent } from '../api/audit'
import { modelsQuery } from '../api/models'
import { dateTime } from '../lib/format'
import { IconButton } from '../ui/button'
import { Bone } from '../ui/place'
import { Status } from '../ui/status'
import { factsOf, isRefusal, lineOf, wordsOf } from './audit-words'
import styles from './audit.module.css'
import { ROLE_NAMES } from './roles'

const COLUMNS = ['When', 'Who', 'What', 'Model', 'From', 'Details']

export function AuditTable({ events }: { events: readonly AuditEvent[] }) {
  return (
    <div role="table" aria-label="Audit log" className={styles.table}>
      <div role="rowgroup" className={styles.head}>
        <div role="row" className={styles.cells}>
          {COLUMNS.map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup">
        {events.map((event) => (
          <AuditRow key={event.id} event={event} />
        ))}
      </div>
    </div>
  )
}

function AuditRow({ event }: { event: AuditEvent }) {
  const words = wordsOf(event)
  return (
    <div role="row" className={`${styles.cells} ${styles.row}`}>
      <span role="cell" className={styles.when}>
        <time dateTime={event.at}>{dateTime(event.at)}</time>
      </span>
      <span role="cell" className={styles.who}>
        <span className={styles.actor}>{event.actor}</span>
        <span className={styles.small}>{roleOf(event)}</span>
      </span>
      <span role="cell" className={styles.what}>
        {isRefusal(event) ? <Status tone="bad">{words}</Status> : words}
      </span>
      <span role="cell" className={styles.model}>
        <ModelName event={event} />
      </span>
      <span role="cell" className={styles.address}>
        {event.address ?? '–'}
      </span>
      <span role="cell" className={styles.details}>
        <Details event={event} />
      </span>
    </div>
  )
}

/** `Operator, by CI (wb_aB3x…)`; without a role nobody was recognized. */
function roleOf({ role, token }: AuditEvent): string {
  const name = role ? ROLE_NAMES[role] : 'Not signed in'
  return token ? `${name}, by ${token}` : name
}

/** A link while the model is in the register. */
function ModelName({ event }: { event: AuditEvent }) {
  const { data: models } = useQuery({ ...modelsQuery, enabled: false })
  if (event.modelId === null) return <span className={styles.none}>–</span>
  const name = event.modelName ?? `Model ${event.modelId}`
  const isHere = models?.some(({ id }) => id === event.modelId)
  return isHere ? <Link href={`/models?info=${event.modelId}`}>{name}</Link> : name
}

function Details({ event }: { event: AuditEvent }) {
  const [isOpen, setOpen] = useState(false)
  const all = useId()
  const name = `details of “${wordsOf(event)}” by ${event.actor}`
  return (
    <>
      {isOpen ? (
        <dl id={all} className={styles.all}>
          <Fact name="time" value={toTheSecond(event.at)} />
          {event.address && <Fact name="from" value={event.address} />}
          {factsOf(event).map(([fact, value]) => (
            <Fact key={fact} name={fact} value={value} />
          ))}
          {event.requestId && <Fact name="request" value={event.requestId} />}
        </dl>
      ) : (
        <span className={styles.line}>{lineOf(event)}</span>
      )}
      <IconButton
        label={isOpen ? `Hide ${name}` : `Show ${name}`}
        tip={isOpen ? 'Less' : 'All details'}
        aria-expanded={isOpen}
        aria-controls={isOpen ? all : undefined}
        className={styles.more}
        onClick={() => setOpen(!isOpen)}
      >
        <ChevronDown size={15} />
      </IconButton>
    </>
  )
}

/** `2026-11-21T09:14:03Z`, as logs elsewhere have it. */
const toTheSecond = (at: string): string => `${new Date(at).toISOString().slice(0, 19)}Z`

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** The table before its first page is there. */
export function AuditBones() {
  return (
    <div className={styles.table} role="status" aria-label="Reading the audit log">
      {[0, 1, 2, 3, 4, 5].map((row) => (
        <div key={row} className={styles.bones}>
          <Bone width="22%" />
          <Bone width="48%" />
        </div>
      ))}
    </div>
  )
}
