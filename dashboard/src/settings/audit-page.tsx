/** Who did what to which model, when and from where. */
import { useQuery } from '@tanstack/react-query'
import { ArrowLeft, ScrollText } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import { type AuditPage as Page, auditQuery } from '../api/audit'
import { asProblem } from '../api/client'
import { PageHeader } from '../shell/page-header'
import { Button } from '../ui/button'
import { Empty, Failed } from '../ui/place'
import { AuditFilters } from './audit-filters'
import { AuditPager } from './audit-pager'
import { AuditBones, AuditTable } from './audit-table'
import {
  type AuditView,
  changeAuditView,
  filtersOf,
  filtersSet,
  NO_FILTERS,
  useAuditView,
} from './audit-view'
import styles from './audit.module.css'

export default function AuditPage() {
  const view = useAuditView()
  const { q, actor } = useSettled(view)
  const found = useQuery(auditQuery(filtersOf({ ...view, q, actor }), view.page))
  return (
    <>
      <PageHeader title="Audit log" />
      <div className={styles.page}>
        <Link href="/settings" className={styles.back}>
          <ArrowLeft size={15} aria-hidden="true" />
          Settings
        </Link>
        <AuditFilters
          view={view}
          total={found.data?.total ?? null}
          isBusy={found.isFetching}
          onLook={() => void found.refetch()}
        />
        {found.isError && (
          <Failed
            title="The audit log did not load"
            problem={asProblem(found.error)}
            onRetry={() => void found.refetch()}
          />
        )}
        {found.isPending && <AuditBones />}
        {found.data && !found.isError && <Found page={found.data} view={view} />}
      </div>
    </>
  )
}

function Found({ page, view }: { page: Page; view: AuditView }) {
  if (page.events.length)
    return (
      <>
        <AuditTable events={page.events} />
        <AuditPager page={view.page} pages={page.pages} />
      </>
    )
  if (page.total)
    return (
      <Empty
        role="status"
        icon={<ScrollText size={22} />}
        title="The log is not that long"
        actions={<Button onClick={() => changeAuditView({ page: 1 })}>First page</Button>}
      >
        There is no page {view.page}.
      </Empty>
    )
  const isFiltered = filtersSet(view) > 0
  return (
    <Empty
      role="status"
      icon={<ScrollText size={22} />}
      title={isFiltered ? 'Nothing matches' : 'Nothing has happened yet'}
      actions={isFiltered && <Button onClick={() => changeAuditView(NO_FILTERS)}>Clear filters</Button>}
    >
      {isFiltered
        ? 'No event of the log matches these filters.'
        : 'Whoever signs in, changes a model or starts a download stands here from then on.'}
    </Empty>
  )
}

/** Milliseconds after the last key before anybody is asked. */
const PAUSE = 350

/** What is typed, once it has not changed for a moment. */
function useSettled({ q, actor }: AuditView): { q: string; actor: string } {
  const [settled, setSettled] = useState({ q, actor })
  useEffect(() => {
    const timer = setTimeout(() => setSettled({ q, actor }), PAUSE)
    return () => clearTimeout(timer)
  }, [q, actor])
  return settled
}
