/** Which events are looked for, how many there are, and all of them as a file. */
import { useQuery } from '@tanstack/react-query'
import { Download, RefreshCw, SlidersHorizontal } from 'lucide-react'
import { useId, useState } from 'react'
import type { AuditAction } from '../api/audit'
import { auditFile } from '../api/audit'
import { usersQuery } from '../api/users'
import { plural } from '../lib/format'
import { usePhone } from '../lib/media'
import button from '../ui/button.module.css'
import { Button, IconButton } from '../ui/button'
import { Field, Input } from '../ui/field'
import { Select } from '../ui/select'
import { Count } from '../ui/status'
import { type AuditView, changeAuditView, filtersOf, filtersSet, NO_FILTERS } from './audit-view'
import { ACTION_WORDS } from './audit-words'
import styles from './audit.module.css'

export function AuditFilters({
  view,
  total,
  isBusy,
  onLook,
}: {
  view: AuditView
  /** How many match; null: not known. */
  total: number | null
  isBusy: boolean
  onLook: () => void
}) {
  const isPhone = usePhone()
  const [isOpen, setOpen] = useState(false)
  const fields = useId()
  const active = filtersSet({ ...view, q: '' })
  return (
    <search className={styles.filters}>
      <div className={styles.searchLine}>
        <Input
          type="search"
          aria-label="Search the audit log"
          placeholder="Search name, model, address or token"
          value={view.q}
          onChange={(event) => changeAuditView({ q: event.target.value })}
        />
        {isPhone && (
          <Button
            icon={<SlidersHorizontal size={16} />}
            aria-expanded={isOpen}
            aria-controls={fields}
            onClick={() => setOpen(!isOpen)}
          >
            Filters {active > 0 && <Count value={active} tone="accent" />}
          </Button>
        )}
      </div>
      <div id={fields} className={styles.fields} hidden={isPhone && !isOpen}>
        <Fields view={view} />
      </div>
      <div className={styles.found}>
        <span role="status" className={styles.total}>
          {total !== null && plural(total, 'event')}
        </span>
        {filtersSet(view) > 0 && (
          <Button size="small" look="ghost" onClick={() => changeAuditView(NO_FILTERS)}>
            Clear filters
          </Button>
        )}
        <span className={styles.files}>
          <IconButton label="Look again" onClick={onLook} disabled={isBusy}>
            <RefreshCw size={15} />
          </IconButton>
          <FileLinks view={view} />
        </span>
      </div>
    </search>
  )
}

const ACTIONS = [
  { value: '', label: 'Anything' },
  ...Object.entries(ACTION_WORDS).map(([value, label]) => ({ value, label })),
]

function Fields({ view }: { view: AuditView }) {
  const names = useId()
  const { data: users = [] } = useQuery(usersQuery)
  return (
    <>
      <Field label="What">
        <Select
          options={ACTIONS}
          value={view.action}
          onChange={(event) => changeAuditView({ action: event.target.value as AuditAction | '' })}
        />
      </Field>
      <Field label="Who">
        <Input
          list={names}
          autoCapitalize="none"
          placeholder="Whole name"
          value={view.actor}
          onChange={(event) => changeAuditView({ actor: event.target.value })}
        />
      </Field>
      <datalist id={names}>
        {['admin', ...users.map(({ name }) => name)].map((name) => (
          <option key={name}>{name}</option>
        ))}
      </datalist>
      <Field label="From">
        <Input
          type="date"
          max={view.until || undefined}
          value={view.since}
          onChange={(event) => changeAuditView({ since: event.target.value })}
        />
      </Field>
      <Field label="To">
        <Input
          type="date"
          min={view.since || undefined}
          value={view.until}
          onChange={(event) => changeAuditView({ until: event.target.value })}
        />
      </Field>
    </>
  )
}

/** All that match, on every page. */
function FileLinks({ view }: { view: AuditView }) {
  return (['csv', 'json'] as const).map((format) => (
    <a
      key={format}
      href={auditFile(filtersOf(view), format)}
      download
      className={`${button.button} ${button.small}`}
    >
      <Download size={14} aria-hidden="true" />
      Export {format.toUpperCase()}
    </a>
  ))
}
